"""``python -m sb3_entropy.statistics.simulation``: simulate the coverage of all intervals, and print it as Markdown."""

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np

from sb3_entropy.statistics import tabulated
from sb3_entropy.statistics.simulation.experiment import Row, cell
from sb3_entropy.statistics.simulation.shapes import SHAPES
from sb3_entropy.statistics.simulation.tables import markdown, write

KINDS = ("score", "difference", "improvement")
TASKS = (1, 5)
RUNS = (3, 5, 10, 20, 50)


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status
    """
    options = _parser().parse_args(arguments)
    if options.print:
        print(markdown())
        return 0
    rows: list[Row] = []
    names = list(SHAPES)
    for kind, tasks, n, shape in itertools.product(KINDS, TASKS, options.runs, names):
        rng = np.random.default_rng((options.seed, KINDS.index(kind), tasks, n, names.index(shape)))
        rows += cell(kind, shape, tasks, n, options.repeats, options.replicates, rng)
        print(f"{kind}, {tasks} tasks, n = {n}, {shape}", file=sys.stderr, flush=True)
    write(options.output, rows)
    tabulated.table.cache_clear()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sb3_entropy.statistics.simulation", description=__doc__)
    parser.add_argument("--print", action="store_true", help="only print the stored table as Markdown")
    parser.add_argument("--repeats", type=int, default=5000, help="intervals in each case")
    parser.add_argument("--replicates", type=int, default=1000, help="of each bootstrap")
    parser.add_argument("--runs", type=int, nargs="+", default=RUNS, help="the numbers n")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    stored = Path(tabulated.__file__).with_name(tabulated.TABLE)
    parser.add_argument("--output", type=Path, default=stored, help="the table that is written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
