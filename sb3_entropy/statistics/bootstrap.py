"""Confidence distributions from bootstrap replicates, corrected for there being few runs or for skewness."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from sb3_entropy.statistics.confidence import Percentile, to_normal, to_t
from sb3_entropy.statistics.scores import Array


class Mapped(ABC):
    """
    Quantiles of bootstrap replicates at other shares than the nominal ones.

    :param quantiles: those of the replicates
    """

    def __init__(self, quantiles: Percentile):
        self.quantiles = quantiles

    def end(self, share: float) -> Array:
        return self.quantiles.quantile(self.forth(np.full(len(self.quantiles.freedom), ndtri(share))))

    def at_most(self, margin: float) -> Array:
        values = np.full(len(self.quantiles.freedom), margin)
        return np.asarray(ndtr(self.back(self.quantiles.score(values, "right"))))

    def at_least(self, margin: float) -> Array:
        values = np.full(len(self.quantiles.freedom), margin)
        return np.asarray(ndtr(-self.back(self.quantiles.score(values, "left"))))

    @abstractmethod
    def forth(self, z: Array) -> Array:
        """
        :param z: normal scores of the nominal shares, shape (P,)
        :return: those of the quantiles that are taken
        """

    @abstractmethod
    def back(self, z: Array) -> Array:
        """
        :param z: normal scores of quantiles, shape (P,)
        :return: the nominal ones
        """


class Expanded(Mapped):
    """
    Percentile interval of an expanded level: ``share' = Φ(√(n/(n−1)) t⁻¹ₙ₋₁(share))``. It has the width of Student's t
    for normal scores, where the percentile interval is too narrow by the factor √((n−1)/n) z/t (Hesterberg 2015).

    :param replicates: shape (B, P)
    :param runs: n
    """

    def __init__(self, replicates: Array, runs: int):
        super().__init__(Percentile(replicates, tail=0.02))  # for few runs it reaches beyond what they hold
        self.freedom = runs - 1
        self.factor = float(np.sqrt(runs / (runs - 1)))

    def forth(self, z: Array) -> Array:
        return self.factor * to_t(z, self.freedom)

    def back(self, z: Array) -> Array:
        return to_normal(z / self.factor, self.freedom)


class BiasCorrected(Mapped):
    """
    Bias-corrected and accelerated percentile interval, BCa (Efron 1987). Its correction for skewness has a pole: far
    beyond the replicates a p-value is 0.

    :param replicates: shape (B, P)
    :param value: the estimate, shape (P,)
    :param contributions: what each run adds, shape (P, n, K)
    """

    def __init__(self, replicates: Array, value: Array, contributions: Array):
        super().__init__(Percentile(replicates, tail=0.0005))  # its shares lie far out where scores are skewed
        count = len(replicates)
        below = ((replicates < value).sum(axis=0) + 0.5 * (replicates == value).sum(axis=0)) / count
        self.bias = ndtri(np.clip(below, 1 / (count + 1), count / (count + 1)))
        influence = contributions - contributions.mean(axis=1, keepdims=True)
        squares = (influence**2).sum(axis=(1, 2))
        cubes = (influence**3).sum(axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            self.acceleration = np.where(squares > 0, cubes / (6 * squares**1.5), 0.0)

    def forth(self, z: Array) -> Array:
        moved = self.bias + z
        return np.asarray(self.bias + moved / np.maximum(1 - self.acceleration * moved, 1e-9))

    def back(self, z: Array) -> Array:
        moved = z - self.bias
        return np.asarray(moved / np.maximum(1 + self.acceleration * moved, 1e-9) - self.bias)


class Studentized:
    """
    Bootstrap-t: the quantiles of ``T* = (θ* − θ)/SE*`` take the place of Student's (Efron 1979; Hall 1988).

    Few runs of few values can have SE* = 0; as a deviation from the sources T* is therefore cut off at Student's t of
    the share 0.999.

    :param value: the estimate θ, shape (P,)
    :param error: its standard error, shape (P,)
    :param freedom: its degrees of freedom, shape (P,)
    :param ratios: T*, shape (B, P)
    """

    limit = 0.999

    def __init__(self, value: Array, error: Array, freedom: Array, ratios: Array):
        self.value, self.error = value, error
        furthest = stdtrit(freedom, self.limit)
        self.ratios = Percentile(np.clip(ratios, -furthest, furthest), freedom)

    def end(self, share: float) -> Array:
        return np.asarray(self.value - self.error * self.ratios.end(1 - share))

    def at_most(self, margin: float) -> Array:
        return np.asarray(ndtr(-self.ratios.score((self.value - margin) / self.error, "left")))

    def at_least(self, margin: float) -> Array:
        return np.asarray(ndtr(self.ratios.score((self.value - margin) / self.error, "right")))
