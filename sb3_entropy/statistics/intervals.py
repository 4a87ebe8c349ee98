"""Confidence intervals of statistics of scores."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.statistics.aggregates import find_statistic
from sb3_entropy.statistics.methods import CURVE_REPLICATES, REPLICATES, Methods, check_request
from sb3_entropy.statistics.sample import Sample
from sb3_entropy.statistics.scores import Array, as_points, as_scores


@dataclass(frozen=True)
class Interval:
    """
    An estimate with its confidence interval.

    :param value: the estimate
    :param low: the lower end; NaN with one run only, which says nothing about its variance
    :param high: the upper end
    :param level: the nominal confidence
    :param method: by which it was made; ``"none"`` without variance or with one run
    """

    value: float
    low: float
    high: float
    level: float
    method: str


def interval(
    scores: ArrayLike,
    statistic: str | Callable[[Array], float] = "iqm",
    *,
    level: float = 0.95,
    method: str = "auto",
    replicates: int = REPLICATES,
    rng: np.random.Generator,
) -> Interval:
    """
    A two-sided interval with equal tails; runs are independent, within a task drawn from one distribution.

    Scores without any variance give the value itself at both ends: a deterministic outcome, as far as n runs can tell.

    :param scores: shape (n, K): n runs of K tasks, or (n,)
    :param statistic: ``"iqm"``, ``"mean"``, ``"median"``, ``"optimality_gap"`` (target 1), or a function from (n, K)
        to a number
    :param level: the nominal confidence
    :param method: ``"auto"``, the best in simulation; ``"t"``, ``"studentized"``, ``"percentile"`` (rliable's),
        ``"expanded"`` or ``"bca"``
    :param replicates: of the bootstrap, if the method is one
    :param rng: where its draws come from
    :return: the interval
    :raises ValueError: if the scores are not finite, or an argument is none of what is allowed
    """
    check_request(level, method, replicates)
    sample = Sample(find_statistic(statistic), as_scores(scores)[None])
    value, low, high, names = _bounds(sample, level, method, replicates, rng)
    return Interval(float(value[0]), float(low[0]), float(high[0]), level, names[0])


def curve_interval(
    values: ArrayLike,
    statistic: str | Callable[[Array], float] = "iqm",
    *,
    level: float = 0.95,
    method: str = "auto",
    replicates: int = CURVE_REPLICATES,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """
    :func:`interval` at every point of learning curves. A bootstrap draws whole runs, the same at all points.

    :param values: shape (n, T): n runs of one task at T points
    :param statistic: as for :func:`interval`
    :param level: the nominal confidence at each point
    :param method: as for :func:`interval`
    :param replicates: of the bootstrap, if the method is one
    :param rng: where its draws come from
    :return: estimate, lower and upper end, each of the shape (T,)
    :raises ValueError: as :func:`interval`
    """
    curves = as_points(values, "values", "runs, points")[:, None, :]
    return _along_points(curves, statistic, level, method, replicates, rng)


def sample_efficiency(
    curves: ArrayLike,
    statistic: str | Callable[[Array], float] = "iqm",
    *,
    level: float = 0.95,
    method: str = "auto",
    replicates: int = CURVE_REPLICATES,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """
    The sample-efficiency curve: :func:`interval` of the scores of all tasks at every point (Agarwal et al. 2021).

    :param curves: shape (n, K, T): n runs of K tasks at T points
    :param statistic: as for :func:`interval`
    :param level: the nominal confidence at each point
    :param method: as for :func:`interval`
    :param replicates: of the bootstrap, if the method is one
    :param rng: where its draws come from
    :return: estimate, lower and upper end, each of the shape (T,)
    :raises ValueError: as :func:`interval`
    """
    checked = as_points(curves, "curves", "runs, tasks, points")
    return _along_points(checked, statistic, level, method, replicates, rng)


def _along_points(
    curves: Array,
    statistic: str | Callable[[Array], float],
    level: float,
    method: str,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    check_request(level, method, replicates)
    sample = Sample(find_statistic(statistic), np.ascontiguousarray(np.moveaxis(curves, -1, 0)))
    return _bounds(sample, level, method, replicates, rng)[:3]


def _bounds(
    sample: Sample, level: float, method: str, replicates: int, rng: np.random.Generator
) -> tuple[Array, Array, Array, list[str]]:
    """:return: estimate, lower and upper end, each of the shape (P,), and P methods"""
    value = sample.value()
    if sample.runs == 1:
        unknown = np.full_like(value, np.nan)
        return value, unknown, unknown.copy(), ["none"] * len(value)
    return value, *Methods(sample, replicates, rng).bounds(level, method)
