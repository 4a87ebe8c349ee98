"""Differences between paired runs, and whether they are too small to matter."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.aggregates import find_statistic
from sb3_entropy.statistics.methods import REPLICATES, Methods, check_request
from sb3_entropy.statistics.sample import Sample
from sb3_entropy.statistics.scores import Array, as_scores


@dataclass(frozen=True)
class Difference:
    """
    A difference with its confidence interval and one-sided p-values.

    ``p_greater`` equals (1 − level)/2 where the lower end of the interval is the margin, ``p_less`` where the upper is.

    :param value: statistic of x − statistic of y
    :param low: the lower end; NaN with one pair only
    :param high: the upper end
    :param level: the nominal confidence
    :param method: by which it was made
    :param n: pairs of runs
    :param p_greater: p-value of "the difference is ≤ margin": small if it is greater; 1 with one pair only
    :param p_less: p-value of "the difference is ≥ margin": small if it is less
    :param margin: what the difference is compared with
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int
    p_greater: float
    p_less: float
    margin: float


@dataclass(frozen=True)
class Equivalence:
    """
    Two one-sided tests (Schuirmann 1987).

    :param p: p-value of "the difference is ≤ −margin or ≥ margin": small if both are equal within the margin
    :param margin: Δ > 0
    :param difference: its interval lies within ±margin exactly if p < (1 − level)/2, the risk of a one-sided finding of
        :func:`paired_difference` too. (Schuirmann's 5 % belong to the level 0.9.)
    """

    p: float
    margin: float
    difference: Difference


def paired_difference(
    x: ArrayLike,
    y: ArrayLike,
    statistic: str | Callable[[Array], float] = "iqm",
    *,
    margin: float = 0.0,
    level: float = 0.95,
    method: str = "auto",
    replicates: int = REPLICATES,
    rng: np.random.Generator,
) -> Difference:
    """
    The statistic of x minus that of y, where row i of both shares what is random about it, such as the seed.

    Differences without any variance have the value itself at both ends of the interval, and p-values of 1 and 2⁻ⁿ.

    :param x: shape (n, K): n runs of K tasks, or (n,)
    :param y: the same shape
    :param statistic: as for :func:`~sb3_entropy.statistics.interval`
    :param margin: what the difference is compared with, in its unit
    :param level: the nominal confidence
    :param method: as for :func:`~sb3_entropy.statistics.interval`
    :param replicates: of the bootstrap, if the method is one: then p-values are multiples of about 1/replicates
    :param rng: where its draws come from
    :return: the difference
    :raises ValueError: if the shapes differ, scores are not finite, or an argument is none of what is allowed
    """
    return _differences(x, y, statistic, (margin,), level, method, replicates, rng)[0]


def equivalence(
    x: ArrayLike,
    y: ArrayLike,
    margin: float,
    statistic: str | Callable[[Array], float] = "iqm",
    *,
    level: float = 0.95,
    method: str = "auto",
    replicates: int = REPLICATES,
    rng: np.random.Generator,
) -> Equivalence:
    """
    Whether the statistics of x and y, paired by row, differ by less than a margin.

    :param x: shape (n, K): n runs of K tasks, or (n,)
    :param y: the same shape
    :param margin: Δ > 0, in the unit of the scores, chosen before looking at them
    :param statistic: as for :func:`~sb3_entropy.statistics.interval`
    :param level: the nominal confidence of the difference's interval
    :param method: as for :func:`~sb3_entropy.statistics.interval`
    :param replicates: of the bootstrap, if the method is one
    :param rng: where its draws come from
    :return: p-value and difference
    :raises ValueError: as :func:`paired_difference`, or if the margin is not positive
    """
    check_number("margin", margin, low=0, open_low=True)
    found = _differences(x, y, statistic, (-margin, margin, 0.0), level, method, replicates, rng)
    return Equivalence(max(found[0].p_greater, found[1].p_less), margin, found[2])


def _differences(
    x: ArrayLike,
    y: ArrayLike,
    statistic: str | Callable[[Array], float],
    margins: tuple[float, ...],
    level: float,
    method: str,
    replicates: int,
    rng: np.random.Generator,
) -> list[Difference]:
    """One difference, compared with several margins."""
    check_request(level, method, replicates)
    for margin in margins:
        check_number("margin", margin)
    ours, theirs = as_scores(x, "x"), as_scores(y, "y")
    if ours.shape != theirs.shape:
        raise ValueError(
            f"x and y must have the same shape, since their rows are pairs, but {ours.shape} and {theirs.shape} were "
            "given. Leave out the runs that have no partner."
        )
    sample = Sample(find_statistic(statistic), ours[None], theirs[None])
    return of_sample(sample, margins, level, method, replicates, rng)


def of_sample(
    sample: Sample, margins: tuple[float, ...], level: float, method: str, replicates: int, rng: np.random.Generator
) -> list[Difference]:
    """
    :param sample: one task's or several tasks' scores at one point
    :param margins: what its value is compared with
    :param level: the nominal confidence
    :param method: as for :func:`~sb3_entropy.statistics.interval`
    :param replicates: of the bootstrap, if the method is one
    :param rng: where its draws come from
    :return: the value with its interval, once a margin
    """
    n, value = sample.runs, float(sample.value()[0])
    if n == 1:
        return [Difference(value, np.nan, np.nan, level, "none", n, 1.0, 1.0, margin) for margin in margins]
    ((_, confidence, name),) = Methods(sample, replicates, rng).by(method)
    low, high = (float(confidence.end(share)[0]) for share in ((1 - level) / 2, (1 + level) / 2))
    return [
        Difference(
            value,
            low,
            high,
            level,
            name,
            n,
            float(confidence.at_most(margin)[0]),
            float(confidence.at_least(margin)[0]),
            margin,
        )
        for margin in margins
    ]
