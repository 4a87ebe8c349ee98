"""How evenly frequencies are spread over kinds: effective numbers, Gini's coefficient, the kinds that are used."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.scores import Array


def effective_number(p: ArrayLike, order: float = 1.0) -> float | Array:
    """
    How many equally frequent kinds are as diverse as these: the Hill number of order q (Hill 1973, *Diversity and
    evenness: a unifying notation and its consequences*, Ecology 54, Eq. 3)

        D_q = (Σ pᵢ^q)^(1/(1−q)),     D_1 = lim D_q = exp(−Σ pᵢ log pᵢ),     D_∞ = 1/max pᵢ.

    D_0 counts the kinds that occur, D_1 is the exponential of Shannon's entropy, D_2 Simpson's index inverted. D_q
    falls as q grows, since rare kinds then count for less; it lies in [1, A], and is k if k kinds share equally.

    :param p: frequencies or counts, which are divided by their sum, shape (..., A)
    :param order: q ≥ 0; ``math.inf`` too
    :return: shape (...), a number for one vector
    :raises ValueError: if p is empty, negative, not finite or sums to zero, or ``order`` is negative
    """
    shares = as_shares(p)
    if order == math.inf:
        return _plain(1 / shares.max(axis=-1))
    check_number("order", order, low=0)
    return _plain(np.exp(_renyi_entropy(shares, float(order))))


def _renyi_entropy(shares: Array, q: float) -> Array:
    """log D_q = log(Σ pᵢ^q)/(1 − q), written so that nothing cancels near q = 1 and nothing vanishes for a large q."""
    if q == 1:
        return np.asarray(entr(shares).sum(axis=-1))
    present = shares > 0
    logs = np.log(np.where(present, shares, 1.0))
    if abs(q - 1) < 0.5:
        excess = (shares * np.expm1((q - 1) * logs)).sum(axis=-1)  # Σ pᵢ^q − 1
        return np.asarray(np.log1p(excess) / (1 - q))
    largest = np.log(shares.max(axis=-1))
    below = np.where(present, logs - largest[..., None], 0.0)
    relative = np.exp(q * below).sum(axis=-1, where=present)
    # q/(1 − q) rather than q · log p, which overflows for the largest q.
    return np.asarray(largest * (q / (1 - q)) + np.log(relative) / (1 - q))


def gini(p: ArrayLike) -> float | Array:
    """
    Gini's coefficient, half of the relative mean difference (Gini 1912, *Variabilità e mutabilità*):

        G = Σᵢ Σⱼ |pᵢ − pⱼ| / (2 A Σ pᵢ) = Σₖ (2k − A − 1) p₍ₖ₎ / (A Σ pᵢ),     p₍₁₎ ≤ … ≤ p₍A₎.

    0 if all kinds are equally frequent, 1 − 1/A if there is only one. Kinds that never occur count: they are in A.

    :param p: frequencies or counts, shape (..., A)
    :return: shape (...), a number for one vector
    :raises ValueError: if p is empty, negative, not finite or sums to zero
    """
    shares = as_shares(p)
    size = shares.shape[-1]
    weights = (2 * np.arange(1, size + 1) - size - 1) / size
    return _plain(np.clip((weights * np.sort(shares, axis=-1)).sum(axis=-1), 0.0, 1 - 1 / size))


def top_share(p: ArrayLike) -> float | Array:
    """
    The share of the most frequent kind, max pᵢ / Σ pᵢ, in [1/A, 1].

    :param p: frequencies or counts, shape (..., A)
    :return: shape (...), a number for one vector
    :raises ValueError: if p is empty, negative, not finite or sums to zero
    """
    return _plain(as_shares(p).max(axis=-1))


def n_used(p: ArrayLike, threshold: float = 0.005) -> int | np.ndarray[Any, np.dtype[np.int64]]:
    """
    How many kinds have a share above a threshold. Starnes, Dereventsov, Webster 2023 so count the actions that a policy
    uses, those taken in more than 0.5 % of the cases.

    :param p: frequencies or counts, shape (..., A)
    :param threshold: the share that must be exceeded, in [0, 1]
    :return: shape (...), a whole number for one vector
    :raises ValueError: if p is empty, negative, not finite or sums to zero, or the threshold is no share
    """
    check_number("threshold", threshold, low=0, high=1)
    used = np.count_nonzero(as_shares(p) > threshold, axis=-1)
    return int(used) if np.ndim(used) == 0 else np.asarray(used)


def as_shares(p: ArrayLike) -> Array:
    """
    :param p: frequencies or counts, shape (..., A)
    :return: the same divided by the sum over the last axis
    :raises ValueError: if there are none, or one is negative or not finite, or a sum is zero
    """
    array = np.asarray(p, dtype=np.float64)
    if array.ndim == 0 or not array.size:
        raise ValueError(
            f"Frequencies must have the shape (..., kinds), none of them zero, but {array.shape} was given."
        )
    wrong = int(np.count_nonzero(~((array >= 0) & np.isfinite(array))))
    if wrong:
        raise ValueError(
            f"Frequencies must be finite and ≥ 0, but {wrong} of {array.size} are not. Give counts or probabilities, "
            "not logits or log-probabilities."
        )
    total = array.sum(axis=-1, keepdims=True)
    if not (total > 0).all():
        raise ValueError(
            f"Frequencies must have a positive sum, but {int((total == 0).sum())} of {total.size} vectors sum to 0. "
            "Leave out those in which nothing was counted."
        )
    return np.asarray(array / total)


def _plain(value: Any) -> float | Array:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)
