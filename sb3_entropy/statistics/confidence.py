"""Confidence distributions: the ends of intervals of every level, and the p-values that belong to them."""

from typing import Protocol

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from sb3_entropy.statistics.scores import Array


class Confidence(Protocol):
    """How sure one can be that a parameter lies below a number. All arrays have the shape (P,), one for each point."""

    def end(self, share: float) -> Array:
        """
        :param share: in (0, 1)
        :return: below this the parameter lies with confidence ``share``
        """

    def at_most(self, margin: float) -> Array:
        """
        :param margin: a number
        :return: p-value of "the parameter is ≤ margin": the share at which ``end(share)`` is the margin
        """

    def at_least(self, margin: float) -> Array:
        """
        :param margin: a number
        :return: p-value of "the parameter is ≥ margin"
        """


class StudentT:
    """
    Student's t around an estimate.

    :param value: the estimate, shape (P,)
    :param error: its standard error > 0
    :param freedom: degrees of freedom
    """

    def __init__(self, value: Array, error: Array, freedom: Array):
        self.value, self.error, self.freedom = value, error, freedom

    def end(self, share: float) -> Array:
        return np.asarray(self.value + self.error * stdtrit(self.freedom, share))

    def at_most(self, margin: float) -> Array:
        return np.asarray(stdtr(self.freedom, (margin - self.value) / self.error))

    def at_least(self, margin: float) -> Array:
        return np.asarray(stdtr(self.freedom, (self.value - margin) / self.error))


class Point:
    """
    Scores without any variance: a deterministic outcome, as far as n runs can tell. The ends are the value itself; a
    p-value is 1 on the value's side, and 2⁻ⁿ, that of the sign test, beyond it.

    :param value: the estimate, shape (P,)
    :param runs: n
    """

    def __init__(self, value: Array, runs: int):
        self.value, self.runs = value, runs

    def end(self, share: float) -> Array:
        return self.value

    def at_most(self, margin: float) -> Array:
        return np.where(self.value <= margin, 1.0, 0.5**self.runs)

    def at_least(self, margin: float) -> Array:
        return np.where(self.value >= margin, 1.0, 0.5**self.runs)


class Percentile:
    """
    Quantiles of bootstrap replicates. In either tail, where replicates are few, they are those of a reference
    distribution F that is scaled so that it goes on from there:
    ``q(s) = q(½) + (q(tail) − q(½)) F⁻¹(s)/F⁻¹(tail)`` for s < tail. So p-values are not limited by the number of
    replicates.

    Shares are given as normal scores z = Φ⁻¹(share), which do not round off near 1.

    :param replicates: shape (B, P)
    :param freedom: degrees of freedom of Student's t as F, shape (P,); ``None`` for the normal distribution
    :param tail: the share at either end
    """

    def __init__(self, replicates: Array, freedom: Array | None = None, tail: float = 0.005):
        self.replicates = np.sort(replicates, axis=0)
        self.freedom = np.full(replicates.shape[1], np.inf) if freedom is None else freedom
        self.tail = tail
        self.anchors = np.array([self._between(np.full(len(self.freedom), s)) for s in (tail, 0.5, 1 - tail)])
        self.reach = -stdtrit(self.freedom, tail)

    def end(self, share: float) -> Array:
        return self.quantile(np.full(len(self.freedom), ndtri(share)))

    def at_most(self, margin: float) -> Array:
        return np.asarray(ndtr(self.score(np.full(len(self.freedom), margin), "right")))

    def at_least(self, margin: float) -> Array:
        return np.asarray(ndtr(-self.score(np.full(len(self.freedom), margin), "left")))

    def quantile(self, z: Array) -> Array:
        """
        :param z: normal scores, one for each point, shape (P,)
        :return: the quantiles
        """
        low, middle, high = self.anchors
        found = self._between(np.clip(ndtr(z), self.tail, 1 - self.tail))
        edge = float(ndtri(self.tail))
        if (np.abs(z) > -edge).any():
            steps = np.where(np.isinf(self.freedom), z, to_t(z, self.freedom)) / self.reach
            found = np.where(z < edge, middle + (middle - low) * steps, found)
            found = np.where(z > -edge, middle + (high - middle) * steps, found)
        return found

    def score(self, values: Array, side: str) -> Array:
        """
        :param values: one for each point, shape (P,)
        :param side: ``"right"`` for the share of replicates ≤ the value, ``"left"`` for that of those below it
        :return: normal scores of the shares whose quantiles the values are
        """
        low, middle, high = self.anchors
        last, ranks = len(self.replicates) - 1, np.empty(len(values))
        for point, (column, value) in enumerate(zip(self.replicates.T, values, strict=True)):
            place = int(np.searchsorted(column, value, side))  # type: ignore[call-overload]
            ranks[point] = min(max(place - 1 if side == "right" else place, 0), last)
            if 0 < place <= last and column[place - 1] < value < column[place]:
                ranks[point] = place - 1 + (value - column[place - 1]) / (column[place] - column[place - 1])
        scale = np.where(values < middle, middle - low, high - middle) / self.reach
        with np.errstate(invalid="ignore", divide="ignore"):
            t = (values - middle) / scale
        tails = np.where(np.isinf(self.freedom), t, to_normal(t, self.freedom))
        # Without any spread on this side: no more than that none of the replicates is there.
        tails = np.where(scale > 0, tails, np.copysign(ndtri(last / (last + 1)), values - middle))
        beyond = ((values < low) & (ranks < self.tail * last)) | ((values > high) & (ranks > (1 - self.tail) * last))
        return np.where(beyond, tails, ndtri(np.clip(ranks / last, self.tail, 1 - self.tail)))

    def _between(self, shares: Array) -> Array:
        """Linear interpolation between order statistics, as ``numpy.quantile``; one share for each point."""
        place = shares * (len(self.replicates) - 1)
        below = np.clip(np.floor(place).astype(np.intp), 0, len(self.replicates) - 2)
        columns = np.arange(self.replicates.shape[1])
        low, high = self.replicates[below, columns], self.replicates[below + 1, columns]
        return np.where(low == high, low, low + (place - below) * (high - low))


def to_t(z: Array, freedom: Array | float) -> Array:
    """
    :param z: normal scores
    :param freedom: degrees of freedom
    :return: the t of the same share
    """
    return np.asarray(np.copysign(stdtrit(freedom, ndtr(-np.abs(z))), z))


def to_normal(t: Array, freedom: Array | float) -> Array:
    """
    :param t: Student's t
    :param freedom: its degrees of freedom
    :return: the normal scores of the same share
    """
    return np.asarray(np.copysign(ndtri(stdtr(freedom, -np.abs(t))), t))
