"""The mean of paired values minus a multiple of another mean of which more is known: K such contrasts at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.confidence import Point, StudentT
from sb3_entropy.statistics.scores import Array, all_finite


@dataclass(frozen=True)
class Contrasts:
    """
    K estimates with their errors. Intervals and p-values are Student's.

    :param value: the estimates, shape (K,)
    :param standard_error: shape (K,); 0 where nothing varies
    :param freedom: degrees of freedom, shape (K,)
    :param coefficient: β, shape (K,)
    :param correlation: between y and x in the n common observations, shape (K,); NaN where one of them is constant
    :param n: common observations
    """

    value: Array
    standard_error: Array
    freedom: Array
    coefficient: Array
    correlation: Array
    n: int

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """
        :param level: the nominal confidence
        :return: lower and upper ends, both of the shape (K,)
        """
        check_number("level", level, low=0, high=1, open_low=True)
        student, point, varies = self._confidence()
        low, high = (1 - level) / 2, (1 + level) / 2
        return np.where(varies, student.end(low), point.end(low)), np.where(varies, student.end(high), point.end(high))

    def p_greater(self, margin: float = 0.0) -> Array:
        """
        :param margin: what the estimates are compared with
        :return: p-values of "it is ≤ margin", shape (K,): small if it is greater
        """
        student, point, varies = self._confidence()
        return np.where(varies, student.at_most(margin), point.at_most(margin))

    def p_less(self, margin: float = 0.0) -> Array:
        """
        :param margin: what the estimates are compared with
        :return: p-values of "it is ≥ margin", shape (K,)
        """
        student, point, varies = self._confidence()
        return np.where(varies, student.at_least(margin), point.at_least(margin))

    def times(self, factor: float) -> "Contrasts":
        """
        :param factor: a number > 0
        :return: the same in another unit
        """
        error = factor * self.standard_error
        return Contrasts(factor * self.value, error, self.freedom, self.coefficient, self.correlation, self.n)

    def _confidence(self) -> tuple[StudentT, Point, np.ndarray]:
        varies = self.standard_error > 0
        error, freedom = np.where(varies, self.standard_error, 1.0), np.where(varies, self.freedom, 1.0)
        return StudentT(self.value, error, freedom), Point(self.value, self.n), varies


def paired_contrasts(y: ArrayLike, x: ArrayLike, weight: float, *, coefficient: float | None = None) -> Contrasts:
    """
    ``θ̂ = ȳ − β (x̄ₙ − x̄) − c x̄`` of ``E[y] − c E[x]``, where x̄ₙ is the mean of the n observations that y is paired with
    and x̄ that of all n₀ ≥ n. At β = c it is the mean of the paired differences y − c x, and the surplus of x is not
    used; at β = 0 nothing is paired. The best β is cov(y, x)/var(x) whatever n₀ is: the regression estimator of double
    sampling (Cochran 1977, section 12.6), that is, x is a control variate whose mean is itself estimated.

    The n common and the n₀ − n surplus observations are independent, so that

    ``SE² = f s²(u)/n + f s²(r) (x̄ₙ − x̄)²/Sₓₓ + (β − c)² s²(x) (n₀ − n)/n₀²``

    with the residuals ``r = y − ȳ − β (x − x̄ₙ)``, ``u = r + (β − c) (n/n₀) (x − x̄ₙ)``, and n − 2 degrees of freedom in
    the first two terms. Deviations from the source: an estimated β is kept between 0 and c, and the factor
    ``f = max(1, s²(x)/sₙ²(x))`` makes up for common observations that happen to vary less than all of x do: where a
    rare value of x is in the surplus alone, they know neither β nor their own spread. Degrees of freedom are combined
    after Satterthwaite.

    :param y: shape (K, n), n ≥ 2
    :param x: shape (n₀,); the first n are paired with the columns of y
    :param weight: c ≥ 0
    :param coefficient: β; ``None`` to estimate it, for which n ≥ 4 and a surplus are needed: else it is c
    :return: the contrasts
    :raises ValueError: if the shapes do not fit, or a number is not finite
    """
    check_number("weight", weight, low=0)
    paired = all_finite(np.asarray(y, dtype=np.float64), "y")
    whole = all_finite(np.asarray(x, dtype=np.float64), "x")
    if paired.ndim != 2 or whole.ndim != 1 or not 2 <= paired.shape[1] <= len(whole):
        raise ValueError(
            "y must have the shape (K, n), n ≥ 2, and x the shape (n₀,), n₀ ≥ n, but "
            f"{paired.shape} and {whole.shape} were given."
        )
    n, total = paired.shape[1], len(whole)
    common, mean = whole[:n].mean(), whole.mean()
    dx, dy = whole[:n] - common, paired - paired.mean(axis=1, keepdims=True)
    squares, products = float(dx @ dx), dy @ dx
    beta = _coefficients(products, squares, weight, coefficient, n, total)
    free = n - 1 if coefficient is not None or n == total else n - 2
    freedom = np.where(beta == weight, n - 1.0, float(free))
    residuals = dy - beta[:, None] * dx
    used = residuals + ((beta - weight) * n / total)[:, None] * dx
    # What rounding leaves of equal numbers is no variance.
    noise = n * (8 * np.finfo(np.float64).eps) ** 2 * (np.abs(paired).max(axis=1) + weight * np.abs(whole).max()) ** 2
    used_squares = (used**2).sum(axis=1)
    used_squares = np.where(used_squares > noise, used_squares, 0.0)
    variance = float(whole.var(ddof=1))
    inflation = max(1.0, variance * (n - 1) / squares) if squares > 0 else 1.0
    inflations = np.where(beta == weight, 1.0, inflation)
    moved = (common - mean) ** 2 / squares if squares > 0 else 0.0
    moved_squares = np.where(beta == weight, 0.0, (residuals**2).sum(axis=1) * moved)
    first = inflations * (used_squares / n + moved_squares) / freedom
    second = (beta - weight) ** 2 * variance * (total - n) / total**2
    error = np.sqrt(first + second)
    with np.errstate(divide="ignore", invalid="ignore"):
        combined = (first + second) ** 2 / (first**2 / freedom + second**2 / (total - 1))
        correlation = products / np.sqrt(squares * (dy**2).sum(axis=1))
    value = paired.mean(axis=1) - beta * (common - mean) - weight * mean
    return Contrasts(value, error, np.where(error > 0, combined, freedom), beta, correlation, n)


def _coefficients(
    products: Array, squares: float, weight: float, coefficient: float | None, n: int, total: int
) -> Array:
    if coefficient is not None:
        check_number("coefficient", coefficient)
        return np.full(len(products), float(coefficient))
    if n == total or n < 4 or squares == 0:
        return np.full(len(products), float(weight))
    return np.clip(products / squares, 0.0, weight)
