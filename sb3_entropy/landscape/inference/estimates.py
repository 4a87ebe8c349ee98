"""Slopes, curvatures and changes of the objective along directions, with standard errors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.landscape.inference.returns import ProbeReturns
from sb3_entropy.statistics import Contrasts, Interval, paired_contrasts
from sb3_entropy.statistics.scores import Array, all_finite

SIDES = ("plus", "minus")


@dataclass(frozen=True)
class Estimates:
    """
    One quantity in each of K directions.

    :param contrasts: the estimates, with :meth:`~sb3_entropy.statistics.Contrasts.interval` and p-values
    :param gain: how many times as many episodes would be needed for the same standard error if every candidate had
        random numbers of its own, shape (K,): the variance without any pairing, divided by that of the estimate
    :param spread: s, the standard deviation of an episode's contribution in units of return, shape (K,): the standard
        error is s/(2α√n) of a slope, s/(α²√n) of a curvature, s/√n of a change
    """

    contrasts: Contrasts
    gain: Array
    spread: Array

    @property
    def value(self) -> Array:
        """:return: the estimates, shape (K,)"""
        return self.contrasts.value

    @property
    def standard_error(self) -> Array:
        """:return: their standard errors, shape (K,)"""
        return self.contrasts.standard_error

    @property
    def correlation(self) -> Array:
        """
        :return: the correlation that pairing has, shape (K,): of R⁺ and R⁻ for slopes, of R⁺ + R⁻ and R⁰ for
            curvatures, of R± and R⁰ for changes
        """
        return self.contrasts.correlation

    @property
    def coefficient(self) -> Array:
        """:return: β, shape (K,), see :func:`curvatures`"""
        return self.contrasts.coefficient

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """
        :param level: the nominal confidence of each
        :return: lower and upper ends, both of the shape (K,)
        """
        return self.contrasts.interval(level)

    def one(self, direction: int, level: float = 0.95) -> Interval:
        """
        :param direction: its index
        :param level: the nominal confidence
        :return: the estimate of one direction with its interval
        """
        low, high = self.interval(level)
        method = "t" if self.standard_error[direction] > 0 else "none"
        return Interval(float(self.value[direction]), float(low[direction]), float(high[direction]), level, method)


def slopes(returns: ProbeReturns) -> Estimates:
    """
    ``g = (R̄⁺ − R̄⁻)/(2α) = ∇O·d + O(α²)`` (Ahmed et al. 2019, Eq. 1), from differences of paired returns.

    :param returns: at least two episodes a direction
    :return: the slopes
    :raises ValueError: with one episode a direction
    """
    returns.check_repeated()
    plus, minus = returns.plus, returns.minus
    found = paired_contrasts(plus - minus, returns.common, 0.0, coefficient=0.0)
    paired = Contrasts(
        found.value, found.standard_error, found.freedom, found.coefficient, _correlations(plus, minus), found.n
    )
    apart = (plus.var(axis=1, ddof=1) + minus.var(axis=1, ddof=1)) / returns.n
    return _estimates(paired, apart, 1 / (2 * returns.alpha))


def curvatures(returns: ProbeReturns, *, coefficient: float | None = None) -> Estimates:
    """
    ``κ = (R̄⁺ + R̄⁻ − 2R̄⁰)/α² = dᵀHd + O(α²)`` (Ahmed et al. 2019, Eq. 2). R⁰ has more episodes than the rest; its
    surplus enters as a control variate, ``α²κ̂ = R̄⁺ + R̄⁻ − β (R̄⁰ₙ − R̄⁰) − 2R̄⁰`` with R̄⁰ₙ the mean of the n common
    episodes, see
    :func:`~sb3_entropy.statistics.paired_contrasts`.

    :param returns: at least two episodes a direction
    :param coefficient: β; ``None`` to estimate it in every direction, 2 to pair fully and leave the surplus out, 0 not
        to pair. An estimated β makes intervals shorter where the correlation is low; of skewed returns and n = 16 they
        lie on one side of the truth in up to twice as many probes as they should
    :return: the curvatures
    :raises ValueError: with one episode a direction
    """
    returns.check_repeated()
    plus, minus, centre = returns.plus, returns.minus, returns.centre
    found = paired_contrasts(plus + minus, centre, 2.0, coefficient=coefficient)
    apart = (plus.var(axis=1, ddof=1) + minus.var(axis=1, ddof=1)) / returns.n + 4 * centre.var(ddof=1) / len(centre)
    return _estimates(found, apart, 1 / returns.alpha**2)


def changes(returns: ProbeReturns, side: str = "plus", *, coefficient: float | None = None) -> Estimates:
    """
    ``Δ⁺ = R̄⁺ − R̄⁰`` or ``Δ⁻ = R̄⁻ − R̄⁰``, with the surplus of R⁰ as in :func:`curvatures`.

    :param returns: at least two episodes a direction
    :param side: ``"plus"`` for θ₀ + αd, ``"minus"`` for θ₀ − αd
    :param coefficient: β; ``None`` to estimate it, 1 to pair fully
    :return: the changes
    :raises ValueError: with one episode a direction, or if the side is none of the two
    """
    check_choice("side", side, SIDES)
    returns.check_repeated()
    own, centre = getattr(returns, side), returns.centre
    found = paired_contrasts(own, centre, 1.0, coefficient=coefficient)
    return _estimates(found, own.var(axis=1, ddof=1) / returns.n + centre.var(ddof=1) / len(centre), 1.0)


def exact_estimates(plus: ArrayLike, minus: ArrayLike, centre: float, alpha: float) -> tuple[Array, Array]:
    """
    :param plus: the objective at θ₀ + αd, free of noise, shape (K,)
    :param minus: at θ₀ − αd, shape (K,)
    :param centre: at θ₀
    :param alpha: the step α > 0
    :return: slopes and curvatures (Ahmed et al. 2019, Eqs. 1 and 2), both of the shape (K,)
    :raises ValueError: if the shapes differ, or a number is not finite
    """
    check_number("alpha", alpha, low=0, open_low=True)
    above, below = changes_of(plus, minus, centre)
    return (above - below) / (2 * alpha), (above + below) / alpha**2


def changes_of(plus: ArrayLike, minus: ArrayLike, centre: float) -> tuple[Array, Array]:
    """
    :param plus: the objective at θ₀ + αd, free of noise, shape (K,)
    :param minus: at θ₀ − αd, shape (K,)
    :param centre: at θ₀
    :return: Δ⁺ and Δ⁻, both of the shape (K,)
    :raises ValueError: if the shapes differ, or a number is not finite
    """
    check_number("centre", centre)
    above = all_finite(np.asarray(plus, dtype=np.float64), "plus")
    below = all_finite(np.asarray(minus, dtype=np.float64), "minus")
    if above.ndim != 1 or above.shape != below.shape:
        raise ValueError(
            f"plus and minus must have the same shape (K,), but {above.shape} and {below.shape} were given."
        )
    return above - centre, below - centre


def _estimates(found: Contrasts, apart: Array, factor: float) -> Estimates:
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(apart > 0, apart / found.standard_error**2, np.nan)
    return Estimates(found.times(factor), gain, found.standard_error * np.sqrt(found.n))


def _correlations(x: Array, y: Array) -> Array:
    dx, dy = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((dx * dy).sum(axis=1) / np.sqrt((dx**2).sum(axis=1) * (dy**2).sum(axis=1)))
