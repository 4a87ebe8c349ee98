"""One number from the scores of all runs and tasks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.statistics.scores import Array, as_scores


class Statistic(Protocol):
    """A number that sums up scores."""

    @property
    def name(self) -> str:
        """:return: what it is called"""

    def of(self, scores: Array) -> Array:
        """
        :param scores: shape (..., n, K)
        :return: the statistic of each (n, K), shape (...)
        """


class TrimmedMean:
    """
    The mean of all n·K scores without the ⌊share·n·K⌋ least and as many greatest.

    :param name: its name
    :param share: which share is left out at either end, in [0, ½)
    """

    def __init__(self, name: str, share: float):
        self.name = name
        self.share = share

    def of(self, scores: Array) -> Array:
        pooled = _pooled(scores)
        size = pooled.shape[-1]
        cut = self.cut(size)
        if cut:
            pooled = np.sort(pooled, axis=-1)[..., cut:-cut]
        # A product is several times faster than mean() along a short axis.
        return np.asarray(pooled @ np.ones(size - 2 * cut) / (size - 2 * cut))

    def cut(self, size: int) -> int:
        """
        :param size: n·K
        :return: how many are left out at either end
        """
        return int(self.share * size)

    def contributions(self, scores: Array) -> Array:
        """
        The winsorised scores: those that are left out take the value of the nearest that is kept. Up to a constant and
        the factor 1/(1 − 2·share) this is the influence of each score on the trimmed mean.

        :param scores: shape (..., n, K)
        :return: the same shape
        """
        cut = self.cut(scores.shape[-2] * scores.shape[-1])
        if not cut:
            return scores
        ordered = np.sort(_pooled(scores), axis=-1)
        low, high = ordered[..., cut, None, None], ordered[..., -cut - 1, None, None]
        return np.clip(scores, low, high)


class OptimalityGap(TrimmedMean):
    """
    Mean shortfall below a target, ``E[max(target − score, 0)]``: what is above the target does not count.

    :param target: the score that is good enough
    """

    def __init__(self, target: float = 1.0):
        super().__init__("optimality_gap", 0.0)
        self.target = target

    def of(self, scores: Array) -> Array:
        return super().of(self.contributions(scores))

    def contributions(self, scores: Array) -> Array:
        return np.maximum(self.target - scores, 0)


class Median:
    """The median of all n·K scores."""

    name = "median"

    def of(self, scores: Array) -> Array:
        ordered = np.sort(_pooled(scores), axis=-1)  # faster than numpy.median along a short axis
        size = ordered.shape[-1]
        return np.asarray((ordered[..., (size - 1) // 2] + ordered[..., size // 2]) / 2)


@dataclass(frozen=True)
class Custom:
    """
    A statistic that the caller wrote.

    :param function: from scores of the shape (n, K) to a number
    """

    function: Callable[[Array], float]

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def of(self, scores: Array) -> Array:
        flat = scores.reshape(-1, *scores.shape[-2:])
        return np.array([float(self.function(one)) for one in flat]).reshape(scores.shape[:-2])


STATISTICS: dict[str, Statistic] = {
    "iqm": TrimmedMean("iqm", 0.25),
    "mean": TrimmedMean("mean", 0.0),
    "median": Median(),
    "optimality_gap": OptimalityGap(),
}


def find_statistic(statistic: str | Callable[[Array], float]) -> Statistic:
    """
    :param statistic: a name, or a function from scores of the shape (n, K) to a number
    :return: the statistic
    :raises ValueError: if the name is unknown
    """
    if callable(statistic):
        return Custom(statistic)
    check_choice("statistic", statistic, STATISTICS)
    return STATISTICS[statistic]


def mean(scores: ArrayLike) -> float:
    """
    :param scores: shape (n, K) or (n,)
    :return: the mean of all scores
    """
    return float(STATISTICS["mean"].of(as_scores(scores)))


def median(scores: ArrayLike) -> float:
    """
    The median of all n·K scores. (Agarwal et al. 2021 call the median *over tasks* of each task's mean the median; with
    one task that would be the mean.)

    :param scores: shape (n, K) or (n,)
    :return: the median of all scores
    """
    return float(STATISTICS["median"].of(as_scores(scores)))


def iqm(scores: ArrayLike) -> float:
    """
    The interquartile mean: that of the middle half of all n·K scores (Agarwal et al. 2021, section 4.3).

    :param scores: shape (n, K) or (n,)
    :return: the mean without the ⌊n·K/4⌋ least and as many greatest
    """
    return float(STATISTICS["iqm"].of(as_scores(scores)))


def optimality_gap(scores: ArrayLike, target: float = 1.0) -> float:
    """
    The mean shortfall below a target (Agarwal et al. 2021, section 4.3).

    :param scores: shape (n, K) or (n,)
    :param target: the score that is good enough
    :return: the mean of max(target − score, 0)
    """
    check_number("target", target)
    return float(OptimalityGap(target).of(as_scores(scores)))


def _pooled(scores: Array) -> Array:
    return scores.reshape(*scores.shape[:-2], -1)
