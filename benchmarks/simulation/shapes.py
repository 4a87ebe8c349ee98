"""The distributions that scores are drawn from, and the true values of statistics."""

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

from sb3_entropy.statistics.aggregates import STATISTICS
from sb3_entropy.statistics.improvement import variance
from sb3_entropy.statistics.scores import Array

#: correlation of a run with its partner, before both take their shape
CORRELATION = 0.5
_FINE = 200_000
_COARSE = 2_000


def _normal(u: Array) -> Array:
    return np.asarray(ndtri(u))


def _skewed(u: Array) -> Array:
    return np.asarray(np.exp(ndtri(u)))


def _bimodal(u: Array) -> Array:
    return _two(u, 0.4, 0.15)


def _failing(u: Array) -> Array:
    return _two(u, 0.2, 0.05)


def _two(u: Array, share: float, spread: float) -> Array:
    """The lower share about 0, the rest about 1."""
    low = u < share
    within = np.clip(np.where(low, u / share, (u - share) / (1 - share)), 1e-12, 1 - 1e-12)
    return np.asarray(np.where(low, 0.0, 1.0) + spread * ndtri(within))


def _capped(u: Array) -> Array:
    return np.asarray(np.minimum(ndtri(u), -0.25))


#: quantile functions: normal; log-normal with σ = 1; 40 % N(0, 0.15²) and 60 % N(1, 0.15²); 20 % N(0, 0.05²) and 80 %
#: N(1, 0.05²), as if some runs had failed; normal, but every score above the 40 % quantile is that quantile, as if an
#: environment had a highest return
SHAPES: dict[str, Callable[[Array], Array]] = {
    "normal": _normal,
    "skewed": _skewed,
    "bimodal": _bimodal,
    "failing": _failing,
    "capped": _capped,
}
#: standard deviations, roughly
SPREADS = {"normal": 1.0, "skewed": 1.2, "bimodal": 0.5, "failing": 0.4, "capped": 0.5}
#: y against x in the probability of improvement: shift down in standard deviations, factor of the spread
CONTESTS = ((0.0, 1.0), (0.5, 1.0), (1.5, 1.0), (0.0, 0.3), (0.7, 0.3), (-0.7, 0.3), (1.5, 0.3))


def tasks_of(shape: str, u: Array) -> Array:
    """
    :param shape: a name of ``SHAPES``
    :param u: uniform numbers, shape (..., n, K)
    :return: scores: several tasks have different levels and spreads
    """
    task = np.arange(u.shape[-1])
    scores = SHAPES[shape](u)
    return scores if len(task) == 1 else scores * (0.5 + 0.25 * task) + 0.5 * task


def partners(scores: Array) -> Array:
    """
    :param scores: of the other algorithm
    :return: those of one that is less spread, and worse or better
    """
    return 0.6 * scores + 0.3


def pairs(shape: str, size: tuple[int, ...], rng: np.random.Generator) -> tuple[Array, Array]:
    """
    :param shape: a name of ``SHAPES``
    :param size: shape (..., n, K)
    :param rng: where the draws come from
    :return: scores of two algorithms on shared seeds
    """
    scores, others = twins(shape, size, rng)
    return scores, partners(others)


def twins(shape: str, size: tuple[int, ...], rng: np.random.Generator) -> tuple[Array, Array]:
    """
    :param shape: a name of ``SHAPES``
    :param size: shape (..., n, K)
    :param rng: where the draws come from
    :return: scores of one algorithm twice, on shared seeds
    """
    shared, own = rng.normal(size=size), rng.normal(size=size)
    other = CORRELATION * shared + np.sqrt(1 - CORRELATION**2) * own
    return tasks_of(shape, ndtr(shared)), tasks_of(shape, ndtr(other))


@cache
def truth(statistic: str, shape: str, tasks: int, paired: bool) -> float:
    """
    :param statistic: a name of ``STATISTICS``
    :param shape: a name of ``SHAPES``
    :param tasks: K
    :param paired: whether it is a difference
    :return: its value for infinitely many runs
    """
    scores = tasks_of(shape, _even(_FINE, tasks))[None]
    of = STATISTICS[statistic].of
    return float((of(scores) - of(partners(scores)) if paired else of(scores))[0])


def contestants(shape: str, contest: tuple[float, float], u: Array, v: Array) -> tuple[Array, Array]:
    """
    :param shape: a name of ``SHAPES``
    :param contest: one of ``CONTESTS``
    :param u: uniform numbers, shape (..., n, K)
    :param v: others, shape (..., m, K)
    :return: scores of two algorithms
    """
    shift, factor = contest
    middle = float(SHAPES[shape](np.array([0.5]))[0])
    return SHAPES[shape](u), factor * (SHAPES[shape](v) - middle) + middle - shift * SPREADS[shape]


@cache
def true_improvement(shape: str, contest: tuple[float, float]) -> float:
    """
    :param shape: a name of ``SHAPES``
    :param contest: one of ``CONTESTS``
    :return: the probability of improvement
    """
    return float(variance(*contestants(shape, contest, _even(_COARSE, 1), _even(_COARSE, 1)))[0][0])


def _even(count: int, tasks: int) -> Array:
    return np.repeat((np.arange(count)[:, None] + 0.5) / count, tasks, axis=1)
