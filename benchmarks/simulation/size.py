"""How often one-sided tests of paired runs find a difference that is not there."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.simulation.experiment import BATCH, LEVEL
from benchmarks.simulation.shapes import truth, twins
from sb3_entropy.statistics.aggregates import STATISTICS
from sb3_entropy.statistics.draws import Draws
from sb3_entropy.statistics.methods import Methods
from sb3_entropy.statistics.sample import Sample
from sb3_entropy.statistics.scores import Array

#: the spread of one arm, as a share of the other's: at 0 one arm is steady
RATIOS = (1.0, 0.6, 0.3, 0.0)
RUNS = (5, 6, 10, 20)
TESTED = ("mean", "iqm")


@dataclass(frozen=True)
class SizeRow:
    """
    One line of the table: tests at a nominal 2.5 % of two arms whose statistics are equal.

    :param statistic: its name
    :param method: by which it is tested
    :param shape: the distribution of the wider arm's scores; the other's has the same, narrowed
    :param ratio: the narrower arm's spread, as a share of the wider one's
    :param n: pairs of runs
    :param wider: share of the studies that find the wider arm greater
    :param narrower: share of those that find the narrower arm greater
    """

    statistic: str
    method: str
    shape: str
    ratio: float
    n: int
    wider: float
    narrower: float


def sizes(shape: str, n: int, repeats: int, replicates: int, rng: np.random.Generator) -> Iterator[SizeRow]:
    """
    :param shape: the distribution of the scores
    :param n: pairs of runs, of one task
    :param repeats: studies
    :param replicates: of each bootstrap
    :param rng: where the draws come from
    :return: one row for every statistic and ratio
    """
    found: dict[tuple[str, float], list[Array]] = {}
    for _ in range(repeats // BATCH):
        scores = twins(shape, (BATCH, n, 1), rng)
        for statistic in TESTED:
            wide, other = (of_arm - truth(statistic, shape, 1, False) for of_arm in scores)
            for ratio, p_values in _tests(statistic, wide, other, replicates, rng):
                found.setdefault((statistic, ratio), []).append(p_values)
    nominal = (1 - LEVEL) / 2
    for (statistic, ratio), batches in found.items():
        wider, narrower = (np.concatenate(batches, axis=1) <= nominal).mean(axis=1)
        method = "t" if statistic == "mean" else "expanded"
        yield SizeRow(statistic, method, shape, ratio, n, float(wider), float(narrower))


def _tests(
    statistic: str, wide: Array, other: Array, replicates: int, rng: np.random.Generator
) -> Iterator[tuple[float, Array]]:
    """
    Both are affine statistics, so that the replicates of a narrowed arm are the narrowed replicates: all ratios share
    one bootstrap.

    :return: for every ratio p_greater and p_less, shape (2, BATCH)
    """
    of, seed = STATISTICS[statistic], rng.integers(2**63)
    drawn = [
        Draws(Sample(of, each), replicates, np.random.default_rng(seed)).values if statistic != "mean" else None
        for each in (wide, other)
    ]
    for ratio in RATIOS:
        made = Methods(Sample(of, wide, ratio * other), replicates, rng)
        if drawn[0] is not None and drawn[1] is not None:
            made.draws.values = (drawn[0] - ratio * drawn[1])[:, made.varies]
        p_values = np.empty((2, len(wide)))
        for points, confidence, _ in made.by("auto"):
            p_values[:, points] = confidence.at_most(0.0), confidence.at_least(0.0)
        yield ratio, p_values
