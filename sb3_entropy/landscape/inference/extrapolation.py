"""Estimates at several steps α: do they differ by more than noise, and what would α → 0 be?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc, stdtr, stdtrit

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.scores import Array, all_finite


@dataclass(frozen=True)
class Extrapolation:
    """
    ``κ(α) = κ₀ + c α²``, fitted in each of K directions.

    :param value: κ₀, shape (K,)
    :param standard_error: of κ₀, shape (K,)
    :param bias: c, shape (K,); the bias of an estimate at α is c α²
    :param bias_error: its standard error, shape (K,)
    :param p_bias: two-sided p-values of "c = 0", shape (K,)
    :param p_equal: p-values of "the estimates at all α are equal", shape (K,): small if they differ beyond noise
    :param p_fit: p-values of "κ₀ + c α² fits", shape (K,); NaN with two α, which it always does
    :param freedom: degrees of freedom of the errors
    """

    value: Array
    standard_error: Array
    bias: Array
    bias_error: Array
    p_bias: Array
    p_equal: Array
    p_fit: Array
    freedom: float

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """
        :param level: the nominal confidence of each
        :return: lower and upper ends of κ₀, both of the shape (K,)
        """
        check_number("level", level, low=0, high=1, open_low=True)
        half = self.standard_error * float(stdtrit(self.freedom, (1 + level) / 2))
        return self.value - half, self.value + half


def richardson(alphas: ArrayLike, values: ArrayLike, errors: ArrayLike, *, freedom: float = np.inf) -> Extrapolation:
    """
    Richardson's extrapolation by generalised least squares. Central differences are even in α, so that slopes and
    curvatures are ``κ(α) = κ₀ + c α² + O(α⁴)``. Small steps are noisy (SE(κ) = s/(α²√n)), large ones biased.

    Whether all are equal, and whether the line fits, is judged by the weighted sum of squares, as χ² of A − 1 and A − 2
    degrees of freedom (Cochran's Q); if the errors themselves have few degrees of freedom f, as Hotelling's
    T²: ``(f − m + 1)/(f m) T² ~ F(m, f − m + 1)``. A covariance that is estimated chooses its own weights; for that the
    fit's variances are multiplied by ``(1 + T²/f) f/(f − A + 2)``, T² that of the line, with f − A + 2 degrees of
    freedom (Rao 1967).

    :param alphas: A ≥ 2 different steps
    :param values: slopes or curvatures at these steps, shape (A, K), or (A,) for one direction
    :param errors: their standard errors, the same shape, if the steps have different episodes; else their covariance,
        shape (K, A, A), see :func:`covariance_of_steps`: with common random numbers they are correlated
    :param freedom: of the errors, n − 1 if they are from n episodes; infinite if the errors are known
    :return: the fit
    :raises ValueError: if the shapes do not fit, steps are equal, or a covariance is not positive definite
    """
    steps = all_finite(np.asarray(alphas, dtype=np.float64), "alphas")
    given = all_finite(np.asarray(values, dtype=np.float64), "values")
    given = given[:, None] if given.ndim == 1 else given
    if steps.ndim != 1 or len(steps) < 2 or (steps <= 0).any() or len(np.unique(steps)) < len(steps):
        raise ValueError(f"alphas must be two or more different steps > 0, but {steps.tolist()} was given.")
    if given.ndim != 2 or len(given) != len(steps):
        raise ValueError(
            f"values must have the shape ({len(steps)}, K), a row for each α, but {given.shape} was given."
        )
    check_freedom = freedom if np.isfinite(freedom) else 1.0
    check_number("freedom", check_freedom, low=0, open_low=True)
    covariances = _covariance(all_finite(np.asarray(errors, dtype=np.float64), "errors"), given)
    weights: Array = np.asarray(np.linalg.inv(covariances), dtype=np.float64)
    observed = given.T[:, :, None]  # (K, A, 1)
    constant, line = np.ones((len(steps), 1)), np.stack([np.ones(len(steps)), steps**2], axis=1)
    _, _, equal = _least_squares(constant, observed, weights)
    fitted, covariance, left = _least_squares(line, observed, weights)
    sizes = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    free = freedom
    if np.isfinite(freedom) and np.ndim(errors) == 3:
        free = freedom - len(steps) + 2
        if free <= 0:
            raise ValueError(
                f"freedom must be above the number of steps less two, {len(steps) - 2}, but {freedom!r} was given. "
                "Give more episodes."
            )
        sizes = sizes * np.sqrt((1 + left / freedom) * freedom / free)[:, None]
    return Extrapolation(
        value=fitted[:, 0],
        standard_error=sizes[:, 0],
        bias=fitted[:, 1],
        bias_error=sizes[:, 1],
        p_bias=2 * stdtr(free, -np.abs(fitted[:, 1] / sizes[:, 1])),
        p_equal=_p_value(equal, len(steps) - 1, freedom),
        p_fit=_p_value(left, len(steps) - 2, freedom),
        freedom=free,
    )


def covariance_of_steps(contributions: ArrayLike) -> Array:
    """
    :param contributions: per episode what the mean of is an estimate, such as ``(R⁺ + R⁻ − 2R⁰)/α²`` fully paired, of A
        steps with the same n episodes, shape (A, K, n), n > A
    :return: covariance of the A means, shape (K, A, A), with n − 1 degrees of freedom
    :raises ValueError: if the shape is another
    """
    given = all_finite(np.asarray(contributions, dtype=np.float64), "contributions")
    if given.ndim != 3 or given.shape[2] <= given.shape[0]:
        raise ValueError(f"contributions must have the shape (A, K, n) with n > A, but {given.shape} was given.")
    n = given.shape[2]
    left = given - given.mean(axis=2, keepdims=True)
    return np.asarray(np.einsum("akn,bkn->kab", left, left) / (n * (n - 1)))


def _covariance(errors: Array, values: Array) -> Array:
    """:return: shape (K, A, A)"""
    steps, directions = values.shape
    if errors.ndim == 1:
        errors = errors[:, None]
    if errors.shape == values.shape and (errors > 0).all():
        return np.asarray(errors.T[:, :, None] ** 2 * np.eye(steps))
    if errors.shape == (directions, steps, steps):
        spectrum = np.linalg.eigvalsh(errors)
        if (spectrum[:, 0] > 1e-14 * spectrum[:, -1]).all():
            return errors
        raise ValueError(
            "errors must be positive definite where they are covariances, but one is singular. Give more episodes than "
            "steps, and leave out steps without noise."
        )
    raise ValueError(
        f"errors must be standard errors > 0 of the shape {values.shape}, or covariances of the shape "
        f"{(directions, steps, steps)}, but {errors.shape} was given."
        if errors.shape != values.shape
        else "errors must be > 0, but one is not: a step without noise needs no test, its estimate is what it is."
    )


def _least_squares(design: Array, observed: Array, weights: Array) -> tuple[Array, Array, Array]:
    """:return: coefficients (K, q), their covariance (K, q, q), weighted sum of squares that is left (K,)"""
    covariance: Array = np.asarray(np.linalg.inv(design.T @ weights @ design), dtype=np.float64)
    fitted = covariance @ (design.T @ weights @ observed)
    left = observed - design @ fitted
    return fitted[:, :, 0], covariance, (left.transpose(0, 2, 1) @ weights @ left)[:, 0, 0]


def _p_value(squares: Array, of: int, freedom: float) -> Array:
    if of == 0:
        return np.full(len(squares), np.nan)
    if np.isinf(freedom):
        return np.asarray(chdtrc(of, squares))
    if freedom < of:
        return np.full(len(squares), np.nan)
    return np.asarray(fdtrc(of, freedom - of + 1, squares * (freedom - of + 1) / (freedom * of)))
