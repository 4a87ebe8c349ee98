"""Divergences by their definitions, in NumPy and SciPy: sums over actions and integrals on grids, and differences."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch as th
from scipy import stats

from sb3_entropy.distributions.laws import Beta, Finite, Gaussian, Law, TanhGaussian, UniformBox

Array = np.ndarray[Any, Any]
LOW, HIGH = -0.5, 2.0


def by_definition(name: str, p: Array, q: Array, width: float | Array = 1.0) -> float:
    """
    :param name: a divergence's key
    :param p: probabilities, or densities on a grid
    :param q: likewise
    :param width: of the grid's cells
    :return: Σ h(p, q) · width, as the textbooks write it
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        m = (p + q) / 2
        kl_pm, kl_qm = (np.where(f > 0, f * np.log(f / m), 0.0) for f in (p, q))
        terms = {
            "kl": lambda: np.where(p > 0, p * np.log(p / q), 0.0),
            "reverse_kl": lambda: np.where(q > 0, q * np.log(q / p), 0.0),
            "jensen_shannon": lambda: (kl_pm + kl_qm) / 2,
            "jensen_shannon_sum": lambda: kl_pm + kl_qm,
            "hellinger": lambda: (np.sqrt(p) - np.sqrt(q)) ** 2 / 2,
            "hellinger_sum": lambda: (np.sqrt(p) - np.sqrt(q)) ** 2,
            "total_variation": lambda: np.abs(p - q) / 2,
            "negative_entropy": lambda: np.where(p > 0, p * np.log(p), 0.0),
        }[name]()
    return float((terms * width).sum())


def density(kind: str, parameters: Sequence[float]) -> Callable[[Array], Array]:
    """:return: the density of a law in one dimension, by SciPy"""
    if kind == "uniform":
        return lambda x: stats.uniform(LOW, HIGH - LOW).pdf(x)
    first, second = parameters
    if kind == "gaussian":
        return lambda x: stats.norm(first, second).pdf(x)
    if kind == "beta":
        return lambda x: stats.beta(first, second, LOW, HIGH - LOW).pdf(x)

    def tanh_gaussian(x: Array) -> Array:
        y = 2 * (x - LOW) / (HIGH - LOW) - 1
        inside = np.abs(y) < 1
        y = np.where(inside, y, 0.0)
        slope = (HIGH - LOW) / 2 * (1 - y**2)
        return np.where(inside, stats.norm(first, second).pdf(np.arctanh(y)) / slope, 0.0)

    return tanh_gaussian


def law(kind: str, parameters: th.Tensor) -> Law:
    """
    :param parameters: shape (B, 2), one law a row
    :return: the same laws of ours, in one dimension
    """
    low, high = parameters.new_tensor([LOW]), parameters.new_tensor([HIGH])
    first, second = parameters[:, :1], parameters[:, 1:]
    if kind == "uniform":
        return UniformBox(low, high, len(parameters))
    if kind == "gaussian":
        return Gaussian(first, second)
    return {"beta": Beta, "tanh_gaussian": TanhGaussian}[kind](first, second, low, high)


def grid(*kinds: str, cells: int = 60_000) -> tuple[Array, Array]:
    """:return: the middles of cells that the edges of the box lie between, and their widths"""
    edges = [-20.0, LOW, HIGH, 20.0] if "gaussian" in kinds else [LOW, HIGH]
    middles, widths = [], []
    for start, end in itertools.pairwise(edges):
        width = (end - start) / cells
        middles.append(start + width * (np.arange(cells) + 0.5))
        widths.append(np.full(cells, width))
    return np.concatenate(middles), np.concatenate(widths)


def integral(
    name: str, kinds: tuple[str, str], parameters: tuple[Sequence[float], Sequence[float]], cells: int = 60_000
) -> float:
    """:return: a divergence between two laws in one dimension, by the midpoint rule"""
    x, width = grid(*kinds, cells=cells)
    p, q = (density(kind, given)(x) for kind, given in zip(kinds, parameters, strict=True))
    return by_definition(name, p, q, width)


def differences(function: Callable[[Array], float], at: Array, step: float = 1e-3) -> Array:
    """:return: the gradient by central differences"""
    gradient = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = (function(up) - function(down)) / (2 * step)
    return gradient


def softmax(logits: Array) -> Array:
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(exp / exp.sum(-1, keepdims=True))


def choice(logits: th.Tensor) -> Finite:
    """:return: a single choice by its logits, shape (B, n)"""
    return Finite((logits.log_softmax(-1),))


def choices(logits: th.Tensor, sizes: Sequence[int]) -> Finite:
    """:return: independent choices by their logits, side by side in shape (B, Σ nᵢ)"""
    return Finite(tuple(part.log_softmax(-1) for part in logits.split(list(sizes), dim=-1)))


def joint(logits: Array, sizes: Sequence[int]) -> Array:
    """:return: the probabilities of all combinations of one row of logits, by enumeration"""
    table = np.ones(1)
    for part in np.split(logits, np.cumsum(sizes)[:-1]):
        table = np.outer(table, softmax(part)).ravel()
    return table
