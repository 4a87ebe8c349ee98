"""Estimates with intervals, where some runs have no number."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from sb3_entropy.statistics import (
    Difference,
    Interval,
    curve_interval,
    interval,
    performance_profile,
    sample_efficiency,
    share_difference,
)

#: estimate, low and high, each of shape (T,)
Band = tuple[np.ndarray, np.ndarray, np.ndarray]
Found = TypeVar("Found")

REPLICATES = 2000
# With hundreds of runs, fewer replicates of a band say as much and take as long.
_FEWEST_REPLICATES, _DRAWS = 500, 5_000_000
_REMEMBERED = 20_000
#: intervals of fewer runs are drawn in no figure: that of two is some nine times as long as they lie apart
FEWEST_DRAWN = 3
_NAMES = {"mean": "mean", "iqm": "interquartile mean", "median": "median"}


def interval_words(statistic: str, level: float, counts: Collection[int]) -> str:
    """
    :param statistic: its name
    :param level: of the intervals
    :param counts: numbers of runs; of what has none nothing is drawn
    :return: e.g. ``mean and 95 % interval over 10 seeds``; if they are too few to draw intervals, that none is
    """
    counts = [count for count in counts if count] or counts
    name = _NAMES.get(statistic, statistic)
    if max(counts, default=0) < FEWEST_DRAWN:
        return f"{name} of {counted(counts)}, too few to draw intervals"
    few = f", drawn from {FEWEST_DRAWN} on" if min(counts) < FEWEST_DRAWN else ""
    return f"{name} and {100 * level:g} % interval over {counted(counts)}{few}"


def counted(counts: Collection[int]) -> str:
    """
    :param counts: numbers of runs
    :return: e.g. ``10 seeds``, ``3 to 10 seeds``
    """
    low, high = min(counts, default=0), max(counts, default=0)
    return f"{low} to {high} seeds" if low < high else f"{high} seed" + ("s" if high != 1 else "")


def in_words(estimate: Interval | Difference) -> str:
    """
    :param estimate: with its interval, or without one
    :return: e.g. ``12.3 [4.5, 20.1]``
    """
    if np.isnan([estimate.low, estimate.high]).any():
        return f"{estimate.value:.4g}"
    return f"{estimate.value:.4g} [{estimate.low:.4g}, {estimate.high:.4g}]"


def _remembered(function: Callable[[np.ndarray, str, float, int], Found]) -> Callable[..., Found]:
    """The dark figure has the light one's estimates, and the table has them too: each is computed once."""
    known: dict[Any, Found] = {}

    @wraps(function)
    def look_up(values: np.ndarray, statistic: str, level: float, seed: int) -> Found:
        digest = hashlib.blake2b(np.ascontiguousarray(values).tobytes()).digest()
        key = digest, values.shape, statistic, level, seed
        if key not in known:
            if len(known) >= _REMEMBERED:
                known.pop(next(iter(known)))
            known[key] = function(values, statistic, level, seed)
        return known[key]

    return look_up


def _replicates(values: np.ndarray) -> int:
    return int(np.clip(_DRAWS // max(values.size, 1), _FEWEST_REPLICATES, REPLICATES))


@_remembered
def curve_estimate(values: np.ndarray, statistic: str, level: float, seed: int) -> Band:
    """
    :param values: shape (n, T); NaN where a run has no number
    :param statistic: its name
    :param level: of the intervals
    :param seed: of the resampling
    :return: estimate, low and high, each of shape (T,), from the runs that have a number there; without an interval
        where these are too few to draw one
    """
    finite = np.isfinite(values)
    found = np.full((3, values.shape[1]), np.nan)
    replicates = _replicates(values)
    patterns, which = np.unique(finite, axis=1, return_inverse=True)
    for index in range(patterns.shape[1]):
        runs, points = patterns[:, index], which.ravel() == index
        if runs.any():
            rng = np.random.default_rng(seed)
            shown = values[np.ix_(runs, points)]
            found[:, points] = curve_interval(shown, statistic, level=level, replicates=replicates, rng=rng)
    found[1:, finite.sum(axis=0) < FEWEST_DRAWN] = np.nan
    return found[0], found[1], found[2]


def score_estimates(
    columns: Sequence[np.ndarray], statistic: str, level: float, seed: int, yes_or_no: bool = False
) -> list[Interval]:
    """
    :param columns: each arm's scores, shape (n,), at least one of them a number
    :param statistic: its name
    :param level: of the intervals
    :param seed: of the resampling
    :param yes_or_no: whether scores are 1 or 0. A mean, which is then a share of runs, has its exact interval, and no
        other statistic one beyond 0 and 1
    :return: one interval an arm, from the runs that have a number
    """
    found = [column[np.isfinite(column)] for column in columns]
    make = _share_estimate if yes_or_no else _score_estimate
    return [make(scores, statistic, level, seed) for scores in found]


def drawn_estimates(
    columns: Sequence[np.ndarray], statistic: str, level: float, seed: int, yes_or_no: bool = False
) -> list[Interval]:
    """
    :param columns: as for :func:`score_estimates`, likewise the others
    :param statistic: its name
    :param level: of the intervals
    :param seed: of the resampling
    :param yes_or_no: whether scores are 1 or 0
    :return: the same for a figure: with NaN for the ends where runs are too few to draw an interval
    """
    return [
        found if np.isfinite(column).sum() >= FEWEST_DRAWN else replace(found, low=np.nan, high=np.nan)
        for column, found in zip(columns, score_estimates(columns, statistic, level, seed, yes_or_no), strict=True)
    ]


def _share_estimate(scores: np.ndarray, statistic: str, level: float, seed: int) -> Interval:
    if statistic == "mean" and np.isin(scores, (0, 1)).all():
        found = share_difference(int(scores.sum()), len(scores), 0.0, level=level)
        return Interval(found.value, found.low, found.high, level, found.method)
    of_any = _score_estimate(scores, statistic, level, seed)
    low, high = np.clip((of_any.low, of_any.high), 0.0, 1.0).tolist()
    return replace(of_any, low=low, high=high)


@_remembered
def _score_estimate(scores: np.ndarray, statistic: str, level: float, seed: int) -> Interval:
    return interval(scores, statistic, level=level, rng=np.random.default_rng(seed))


@_remembered
def pooled_curve_estimate(values: np.ndarray, statistic: str, level: float, seed: int) -> Band:
    """
    :param values: shape (n, K, T): runs × environments × points
    :param statistic: its name
    :param level: of the intervals
    :param seed: of the resampling
    :return: estimate, low and high over runs and environments, each of shape (T,); NaN where a run has no number
    """
    found = np.full((3, values.shape[2]), np.nan)
    points = np.isfinite(values).all(axis=(0, 1))
    if points.any():
        rng = np.random.default_rng(seed)
        shown, replicates = values[:, :, points], _replicates(values)
        found[:, points] = sample_efficiency(shown, statistic, level=level, replicates=replicates, rng=rng)
    if len(values) < FEWEST_DRAWN:
        found[1:] = np.nan
    return found[0], found[1], found[2]


def profile_estimate(scores: np.ndarray, thresholds: np.ndarray, level: float, seed: int) -> Band:
    """
    :param scores: shape (n, K)
    :param thresholds: shape (M,)
    :param level: of the bands
    :param seed: of the resampling
    :return: share of scores above each threshold, low and high, each of shape (M,)
    """
    return performance_profile(scores, thresholds, level=level, rng=np.random.default_rng(seed))
