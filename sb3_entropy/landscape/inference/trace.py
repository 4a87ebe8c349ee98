"""What random directions see of the Hessian: its trace, and little else."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.inference.estimates import curvatures
from sb3_entropy.landscape.inference.returns import ProbeReturns
from sb3_entropy.statistics import Interval
from sb3_entropy.statistics.scores import Array


@dataclass(frozen=True)
class MeanCurvature:
    """
    :param mean: the mean of dᵀHd over directions, which estimates tr(H)/p
    :param standard_error: its standard error: of the sample of directions, and of the episodes
    :param std: the standard deviation of dᵀHd over directions, without that of noise; 0 where noise explains all of it
    :param frobenius_norm: ‖H‖_F that follows from both
    :param sentence: the same in words
    """

    mean: Interval
    standard_error: float
    std: float
    frobenius_norm: float
    sentence: str


def random_curvature_std(trace: float, frobenius_norm: float, parameters: int) -> float:
    """
    ``√(2 (‖H‖_F² − tr(H)²/p) / (p (p + 2)))``: the standard deviation of dᵀHd for d uniform on the unit sphere. With
    eigenvalues of size λ it is of the order λ√(2/p): the curvatures of 500 random directions stay within some three of
    these around tr(H)/p, far inside the spectrum when p is large.

    :param trace: tr(H)
    :param frobenius_norm: ‖H‖_F
    :param parameters: p
    :return: the standard deviation
    :raises ValueError: if ‖H‖_F² < tr(H)²/p, which no symmetric matrix has
    """
    check_number("trace", trace)
    check_number("frobenius_norm", frobenius_norm, low=0)
    check_number("parameters", parameters, low=1, integer=True)
    spread = frobenius_norm**2 - trace**2 / parameters
    if spread < -1e-9 * frobenius_norm**2:
        raise ValueError(
            f"frobenius_norm must be at least |trace|/√p = {abs(trace) / math.sqrt(parameters):g}, but "
            f"{frobenius_norm:g} was given. Give the norm, not its square, and the trace, not its p-th part."
        )
    return math.sqrt(2 * max(spread, 0.0) / (parameters * (parameters + 2)))


def mean_curvature(returns: ProbeReturns, parameters: int, *, level: float = 0.95) -> MeanCurvature:
    """
    ``E[dᵀHd] = tr(H)/p`` for directions that are uniform on the unit sphere and independent.

    Directions and episodes are crossed: all directions have the same episodes, whose noise does not average out with K.
    With ``s²_K`` the variance of the K estimates over directions, ``SE² = s²_K/K + SE²_n``, where SE_n is the error of
    the directions' mean over episodes (of :func:`~sb3_entropy.landscape.inference.curvatures`; what both count twice is
    left in). Degrees of freedom are combined after Satterthwaite. The variance of dᵀHd itself is s²_K without the
    residual mean square of directions × episodes, divided by n (two-way random effects, Searle et al. 1992, section
    4.3).

    :param returns: at least two directions; one episode a direction if the objective is free of noise
    :param parameters: p
    :param level: the nominal confidence
    :return: the mean, with what can and cannot be seen
    :raises ValueError: with one direction
    """
    check_number("parameters", parameters, low=1, integer=True)
    check_number("level", level, low=0, high=1, open_low=True)
    if returns.directions < 2:
        raise ValueError("A mean over directions needs two or more of them, but 1 was given.")
    scale, count = returns.alpha**2, returns.directions
    sums = returns.plus + returns.minus
    if returns.n == 1:
        values = (sums[:, 0] - 2 * returns.centre.mean()) / scale
        value, of_episodes, freedom, residual = float(values.mean()), 0.0, 1.0, 0.0
    else:
        averaged = ProbeReturns(
            returns.plus.mean(axis=0, keepdims=True),
            returns.minus.mean(axis=0, keepdims=True),
            returns.centre,
            returns.alpha,
        )
        found = curvatures(averaged).contrasts
        value, of_episodes, freedom = float(found.value[0]), float(found.standard_error[0]), float(found.freedom[0])
        values, residual = sums.mean(axis=1) / scale, _residual(sums) / scale**2
    variance = float(values.var(ddof=1))
    first, second = variance / count, of_episodes**2
    error = math.sqrt(first + second)
    combined = (first + second) ** 2 / (first**2 / (count - 1) + second**2 / freedom) if error > 0 else 1.0
    half = error * float(stdtrit(combined, (1 + level) / 2))
    std = math.sqrt(max(0.0, variance - residual / returns.n))
    norm = math.sqrt(std**2 * parameters * (parameters + 2) / 2 + parameters * value**2)
    spread = (
        f"curvatures of random directions have a standard deviation of {std:.3g} around it, eigenvalues one of "
        f"{std * math.sqrt((parameters + 2) / 2):.3g}: of p = {parameters} dimensions random directions show the mean, "
        "not the ends of the spectrum"
        if std > 0
        else "noise explains all of what the directions' curvatures differ by, so that nothing is known of their spread"
    )
    mean = f"tr(H)/p = {value:.3g} [{value - half:.3g}, {value + half:.3g}] ({100 * level:g} %)"
    sentence = f"{mean}; {spread}."
    return MeanCurvature(Interval(value, value - half, value + half, level, "t"), error, std, norm, sentence)


def _residual(sums: Array) -> float:
    """:return: mean square of what is left of (K, n) after the means of rows and columns"""
    left = sums - sums.mean(axis=1, keepdims=True) - sums.mean(axis=0, keepdims=True) + sums.mean()
    return float((left**2).sum() / ((sums.shape[0] - 1) * (sums.shape[1] - 1)))


def expected_extremes(mean: float, std: float, directions: int) -> tuple[float, float]:
    """
    :param mean: tr(H)/p
    :param std: of :func:`random_curvature_std`
    :param directions: K
    :return: about the least and the greatest curvature among K random directions, were they normal: mean ± std times
        the normal quantile of 1 − 1/(2K)
    """
    check_number("directions", directions, low=1, integer=True)
    reach = float(stdtrit(np.inf, 1 - 1 / (2 * directions)))
    return mean - reach * std, mean + reach * std
