"""
``python -m benchmarks.statistics``: what intervals cost, on one core.

Each case is timed several times and its least time counts, as whatever else the machine does only adds to it.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

# Before anything imports numpy: its thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from sb3_entropy.statistics import curve_interval, interval, paired_difference, probability_of_improvement


@dataclass(frozen=True)
class Case:
    """
    Something that is timed.

    :param name: what is done
    :param limit: seconds that it may take
    :param run: does it once
    """

    name: str
    limit: float
    run: Callable[[], object]


def cases() -> list[Case]:
    """:return: what is timed"""
    rng = np.random.default_rng(0)
    x, y, curves = rng.normal(size=(10, 5)), rng.normal(size=(10, 5)), rng.normal(size=(10, 20))

    def bootstrap() -> object:
        return interval(x, "iqm", method="percentile", replicates=50_000, rng=rng)

    return [
        Case("50 000 bootstrap replicates of the IQM of 10 × 5 scores", 0.5, bootstrap),
        Case("interval of the IQM, n = 10", 0.01, lambda: interval(x[:, 0], "iqm", rng=rng)),
        Case("interval of the mean, n = 10", 0.01, lambda: interval(x[:, 0], "mean", rng=rng)),
        Case("paired difference of IQMs, n = 10", 0.01, lambda: paired_difference(x[:, 0], y[:, 0], "iqm", rng=rng)),
        Case("paired difference of means, n = 10", 0.01, lambda: paired_difference(x[:, 0], y[:, 0], "mean", rng=rng)),
        Case("probability of improvement, n = 10", 0.01, lambda: probability_of_improvement(x[:, 0], y[:, 0])),
        Case("IQM at 20 points, n = 10", 0.01, lambda: curve_interval(curves, "iqm", rng=rng)),
        Case("mean at 20 points, n = 10", 0.01, lambda: curve_interval(curves, "mean", rng=rng)),
    ]


def least_time(run: Callable[[], object], repeats: int) -> float:
    """
    :param run: what is timed
    :param repeats: how often
    :return: the least time in seconds
    """
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status: 0, or with ``--strict`` 1 if a limit is not met
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics", description=__doc__)
    parser.add_argument("--repeats", type=int, default=20, help="times that each case is run")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a limit is not met")
    options = parser.parse_args(arguments)
    print("| Case | ms | limit |\n|---|---|---|")
    met = True
    for case in cases():
        seconds = least_time(case.run, options.repeats)
        met &= seconds <= case.limit
        print(f"| {case.name} | {1e3 * seconds:.2f} | {1e3 * case.limit:g} |", flush=True)
    return 1 if options.strict and not met else 0


if __name__ == "__main__":
    sys.exit(main())
