"""``python -m benchmarks.simulation``: simulate coverages or sizes, or print the tables as Markdown."""

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np

from benchmarks.simulation.experiment import Row, cell
from benchmarks.simulation.shapes import SHAPES
from benchmarks.simulation.size import RUNS as SIZE_RUNS
from benchmarks.simulation.size import SizeRow, sizes
from benchmarks.simulation.tables import markdown, sizes_markdown, write, write_sizes
from sb3_entropy.statistics import tabulated

KINDS = ("score", "difference", "improvement")
TASKS = (1, 5)
REPEATS, SIZE_REPEATS = 5000, 10_000
RUNS = (2, 3, 5, 10, 20, 50)


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status
    """
    options = _parser().parse_args(arguments)
    if options.print:
        print(sizes_markdown() if options.sizes else markdown())
    elif options.sizes:
        write_sizes(options.output or _stored(tabulated.SIZES), _simulated_sizes(options))
        tabulated.sizes.cache_clear()
    else:
        write(options.output or _stored(tabulated.TABLE), _simulated_coverages(options))
        tabulated.table.cache_clear()
    return 0


def _simulated_coverages(options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    names = list(SHAPES)
    for kind, tasks, n, shape in itertools.product(KINDS, TASKS, options.runs or RUNS, names):
        rng = np.random.default_rng((options.seed, KINDS.index(kind), tasks, n, names.index(shape)))
        rows += cell(kind, shape, tasks, n, options.repeats or REPEATS, options.replicates, rng)
        print(f"{kind}, {tasks} tasks, n = {n}, {shape}", file=sys.stderr, flush=True)
    return rows


def _simulated_sizes(options: argparse.Namespace) -> list[SizeRow]:
    rows: list[SizeRow] = []
    for n, (index, shape) in itertools.product(options.runs or SIZE_RUNS, enumerate(SHAPES)):
        rng = np.random.default_rng((options.seed, len(KINDS), n, index))
        rows += sizes(shape, n, options.repeats or SIZE_REPEATS, options.replicates, rng)
        print(f"size, n = {n}, {shape}", file=sys.stderr, flush=True)
    return rows


def _stored(name: str) -> Path:
    return Path(tabulated.__file__).with_name(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__)
    parser.add_argument("--print", action="store_true", help="only print the stored table as Markdown")
    parser.add_argument("--sizes", action="store_true", help="the sizes of one-sided tests instead of the coverages")
    parser.add_argument("--repeats", type=int, help=f"of each case (default: {REPEATS}; {SIZE_REPEATS} of sizes)")
    parser.add_argument("--replicates", type=int, default=1000, help="of each bootstrap")
    parser.add_argument("--runs", type=int, nargs="+", help="the numbers n")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    parser.add_argument("--output", type=Path, help="the table that is written (default: the stored one)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
