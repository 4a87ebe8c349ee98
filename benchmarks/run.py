"""
``python -m benchmarks.run``: what our algorithms cost beside their parents, in time on the general path, and in memory
on the fast one. What the fast path saves, ``python -m benchmarks.fast`` measures.

The whole takes less than half an hour on two cores; let nothing else run on the machine meanwhile.
"""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import torch

from benchmarks.timing import report
from benchmarks.timing.cells import ENVIRONMENTS, N_ENVS, Cell, cells, compared
from benchmarks.timing.hotspots import hotspots
from benchmarks.timing.memory import peak_memory
from benchmarks.timing.pairs import time_cell


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status: 0, or with ``--strict`` 1 if a limit is not met
    """
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    chosen = cells(options.only, options.env, options.n_envs, options.quick)
    if options.profile:
        for cell in chosen:
            print(hotspots(cell), flush=True)
        return 0
    pairs = options.pairs or (3 if options.quick else 15)
    times, memory = [], []
    if not options.memory_only:
        for cell in chosen:
            times.append(report.TimeResult(cell, time_cell(cell, pairs, control=not options.no_control)))
            print(report.time_row(times[-1]), file=sys.stderr, flush=True)
    if options.memory_repeats:
        # The most copies have the largest buffers.
        for cell in (cell for cell in chosen if cell.n_envs == max(cell.n_envs for cell in chosen)):
            memory.append(_memory(cell, 1 if options.quick else options.memory_repeats))
            print(report.memory_row(memory[-1]), file=sys.stderr, flush=True)
    command = shlex.join(["python", "-m", "benchmarks.run", *(sys.argv[1:] if arguments is None else arguments)])
    about = report.about(command)
    print(report.document(times, memory, about))
    if options.json:
        data = {"about": about, "time": [result.data() for result in times], "memory": [m.data() for m in memory]}
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    met = all(result.met for result in [*times, *memory])
    return 1 if options.strict and not met else 0


def _memory(cell: Cell, repeats: int) -> report.MemoryResult:
    both = [(peak_memory(cell, ours=True), peak_memory(cell, ours=False)) for _ in range(repeats)]
    return report.MemoryResult(cell, [ours for ours, _ in both], [parent for _, parent in both])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--only", action="append", choices=compared(), help="an algorithm (default: all)")
    parser.add_argument("--env", action="append", help=f"an environment (default: {', '.join(ENVIRONMENTS)})")
    parser.add_argument("--n-envs", action="append", type=int, choices=N_ENVS, help="copies of it (default: 1 and 8)")
    parser.add_argument("--pairs", type=int, help="timed pairs a cell (default: 15)")
    parser.add_argument("--no-control", action="store_true", help="do not time the parent against itself")
    parser.add_argument(
        "--memory-repeats", type=int, default=3, help="fresh processes a cell; 0: no memory (default: 3)"
    )
    parser.add_argument("--memory-only", action="store_true", help="no times")
    parser.add_argument("--quick", action="store_true", help="short rollouts, few pairs: shows that it works, no more")
    parser.add_argument("--profile", action="store_true", help="show where ours spends time beyond the parent, and end")
    parser.add_argument("--json", type=Path, help="also write everything that was measured to this file")
    parser.add_argument("--strict", action="store_true", help="fail if a limit is not met")
    return parser


if __name__ == "__main__":
    sys.exit(main())
