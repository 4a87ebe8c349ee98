"""p-values of several comparisons, corrected for there being several."""

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.statistics.scores import Array


def holm(p_values: ArrayLike) -> Array:
    """
    Holm's step-down correction: the chance that *any* true null hypothesis is rejected stays below the level, whatever
    the dependence. With p₍₁₎ ≤ … ≤ p₍ₘ₎ the i-th becomes maxⱼ≤ᵢ min(1, (m − j + 1) p₍ⱼ₎) (Holm 1979).

    :param p_values: any shape, each in [0, 1]
    :return: adjusted p-values, the same shape
    :raises ValueError: if one is outside [0, 1] or not a number
    """
    p, order = _ordered(p_values)
    adjusted = np.maximum.accumulate(p.ravel()[order] * np.arange(p.size, 0, -1))
    return _restored(adjusted, order, p.shape)


def benjamini_hochberg(p_values: ArrayLike) -> Array:
    """
    Benjamini's and Hochberg's step-up correction: the expected share of false ones among the rejections stays below
    the level, for independent or positively dependent p-values. The i-th becomes minⱼ≥ᵢ min(1, p₍ⱼ₎ m/j) (1995).

    :param p_values: any shape, each in [0, 1]
    :return: adjusted p-values, the same shape
    :raises ValueError: if one is outside [0, 1] or not a number
    """
    p, order = _ordered(p_values)
    scaled = p.ravel()[order] * (p.size / np.arange(1, p.size + 1))
    return _restored(np.minimum.accumulate(scaled[::-1])[::-1], order, p.shape)


def benjamini_yekutieli(p_values: ArrayLike) -> Array:
    """
    :func:`benjamini_hochberg` times 1 + ½ + … + 1/m, at most 1: the expected share of false ones among the rejections
    stays below the level whatever the dependence (Benjamini and Yekutieli 2001, Theorem 1.3).

    :param p_values: any shape, each in [0, 1]
    :return: adjusted p-values, the same shape
    :raises ValueError: if one is outside [0, 1] or not a number
    """
    p, order = _ordered(p_values)
    places = np.arange(1, p.size + 1)
    scaled = p.ravel()[order] * (p.size * (1 / places).sum() / places)
    return _restored(np.minimum.accumulate(scaled[::-1])[::-1], order, p.shape)


def _ordered(p_values: ArrayLike) -> tuple[Array, np.ndarray]:
    p = np.asarray(p_values, dtype=np.float64)
    wrong = p[~((p >= 0) & (p <= 1))]
    if wrong.size:
        raise ValueError(f"p-values must be numbers between 0 and 1, but {wrong.flat[0]!r} was given.")
    return p, np.argsort(p, axis=None, kind="stable")


def _restored(adjusted: Array, order: np.ndarray, shape: tuple[int, ...]) -> Array:
    found = np.empty(adjusted.size)
    found[order] = np.minimum(adjusted, 1)
    return found.reshape(shape)
