"""Intervals of simulated scores, counted by where they lie."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.simulation.shapes import (
    CONTESTS,
    contestants,
    pairs,
    tasks_of,
    true_improvement,
    truth,
)
from sb3_entropy.statistics.aggregates import STATISTICS
from sb3_entropy.statistics.improvement import wilson
from sb3_entropy.statistics.methods import Methods
from sb3_entropy.statistics.sample import Sample
from sb3_entropy.statistics.scores import Array

LEVEL = 0.95
#: repeats at once, which share the runs that are drawn in the bootstrap
BATCH = 10
_EVERY = ("t", "studentized", "percentile", "expanded", "bca")
_BOOTSTRAP = ("percentile", "expanded")
METHODS = {
    "score": {"mean": _EVERY, "iqm": _EVERY, "median": _BOOTSTRAP},
    "difference": {"mean": _EVERY, "iqm": ("t", *_BOOTSTRAP), "median": _BOOTSTRAP},
}


@dataclass(frozen=True)
class Row:
    """
    One line of the table.

    :param kind: ``"score"``, ``"difference"`` of paired runs, or ``"improvement"``
    :param statistic: its name
    :param method: the interval's
    :param shape: the distribution of the scores
    :param tasks: K
    :param n: runs
    :param below: share of the intervals that lie wholly below the true value
    :param above: share of those that lie wholly above it
    :param width: median width of the intervals, in units of 2·1.96 standard deviations of the estimates
    """

    kind: str
    statistic: str
    method: str
    shape: str
    tasks: int
    n: int
    below: float
    above: float
    width: float


def cell(
    kind: str, shape: str, tasks: int, n: int, repeats: int, replicates: int, rng: np.random.Generator
) -> Iterator[Row]:
    """
    :param kind: ``"score"``, ``"difference"`` or ``"improvement"``
    :param shape: the distribution of the scores
    :param tasks: K
    :param n: runs
    :param repeats: intervals of every method
    :param replicates: of each bootstrap
    :param rng: where the draws come from
    :return: one row for every statistic and method
    """
    if kind == "improvement":
        yield _improvement(shape, tasks, n, repeats, rng)
        return
    paired = kind == "difference"
    found: dict[tuple[str, str], list[Array]] = {}
    for _ in range(repeats // BATCH):
        size = (BATCH, n, tasks)
        x, y = pairs(shape, size, rng) if paired else (tasks_of(shape, rng.random(size)), None)
        for statistic, methods in METHODS[kind].items():
            sample = Sample(STATISTICS[statistic], x, y)
            made = Methods(sample, replicates, rng)
            if "studentized" in methods and made.varies.any():
                made.draws.ratios  # noqa: B018  what it draws serves the other methods too
            for method in methods:
                low, high, _names = made.bounds(LEVEL, method)
                found.setdefault((statistic, method), []).append(np.array([sample.value(), low, high]))
    for (statistic, method), batches in found.items():
        true = truth(statistic, shape, tasks, paired)
        yield _row(kind, statistic, method, shape, tasks, n, true, np.concatenate(batches, axis=1))


def _improvement(shape: str, tasks: int, n: int, repeats: int, rng: np.random.Generator) -> Row:
    """The row of the contest in which the interval covers least."""
    rows = []
    for contest in CONTESTS:
        batches = []
        for _ in range(repeats // BATCH):
            size = (BATCH, n, tasks)
            batches.append(np.array(wilson(*contestants(shape, contest, rng.random(size), rng.random(size)), LEVEL)))
        true = true_improvement(shape, contest)
        ends = np.concatenate(batches, axis=1)
        rows.append(_row("improvement", "probability_of_improvement", "wilson", shape, tasks, n, true, ends))
    return max(rows, key=lambda row: row.below + row.above)


def _row(kind: str, statistic: str, method: str, shape: str, tasks: int, n: int, true: float, ends: Array) -> Row:
    value, low, high = ends
    slack = 1e-9 * max(1.0, abs(true))  # an interval of one point is there if it is the truth but for rounding
    return Row(
        kind,
        statistic,
        method,
        shape,
        tasks,
        n,
        float((high < true - slack).mean()),
        float((low > true + slack).mean()),
        float(np.median(high - low) / (2 * 1.96 * value.std())),
    )
