"""The permutation test of matched sets: one chosen value in each of n sets of m, for K such comparisons at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.scores import Array, all_finite

#: sums of one half of the sets, of one comparison: of more than their square the arrangements are drawn
_ENUMERATED = 6561
PERMUTATIONS = 65535
#: numbers that a chunk of sums may hold
_CHUNK = 1 << 22
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class MatchedSets:
    """
    :param p_greater: share of the arrangements whose sum is at least as large as that of the chosen values, shape (K,)
    :param p_less: share of those whose sum is at most as large, shape (K,)
    :param least_greater: no ``p_greater`` of these values can be smaller, shape (K,)
    :param least_less: no ``p_less`` can, shape (K,)
    :param exact: whether all arrangements were counted
    """

    p_greater: Array
    p_less: Array
    least_greater: Array
    least_less: Array
    exact: bool


def matched_sets(
    chosen: ArrayLike,
    others: ArrayLike,
    *,
    permutations: int = PERMUTATIONS,
    rng: np.random.Generator | None = None,
) -> MatchedSets:
    """
    In each of n independent sets one of m values is the chosen one. If within a set they are *exchangeable*, each of
    them might have been it: the place of ``Σₑ chosenₑ`` among the sums of all mⁿ arrangements is a p-value, exactly,
    for any n and any distribution (Rosenbaum 2002, section 2.4). With m = 2 it is the sign-flip test of the
    differences. It cannot be below m⁻ⁿ.

    Of more than some 4·10⁷ arrangements (n > 25 at m = 2, n > 16 at m = 3) a sample is drawn, the same for all K, and
    the given arrangement counted with it: still a p-value, exactly, but none below 1/(permutations + 1) (Phipson and
    Smyth 2010).

    :param chosen: shape (K, n), or (n,) if it is the same in all comparisons
    :param others: the other m − 1 of each set, shape (K, n, m − 1), or (K, n) if it is one
    :param permutations: how many arrangements are drawn where they are not all counted
    :param rng: where they are drawn from; only then needed
    :return: one-sided p-values of K comparisons, not corrected for there being several
    :raises ValueError: if the shapes do not fit, a number is not finite, or draws are needed and there is no ``rng``
    """
    check_number("permutations", permutations, low=1, integer=True)
    values = _sets(chosen, others)
    _, n, m = values.shape
    # What rounding leaves of equal sums is no difference.
    slack = 16 * _EPSILON * np.abs(values).sum(axis=(1, 2))
    floors = _floor(values, values.max(axis=2), slack), _floor(values, values.min(axis=2), slack)
    total = values[:, :, 0].sum(axis=1)
    first = n // 2
    if m ** (n - first) <= _ENUMERATED:
        halves = _sums(values[:, :first]), _sums(values[:, first:])
        greater, less = _shares(*halves, total, slack)
        return MatchedSets(greater, less, floors[0], floors[1], exact=True)
    if rng is None:
        raise ValueError(
            f"{n} sets of {m} have too many arrangements to count them all, so that some are drawn: give a generator, "
            "rng=numpy.random.default_rng(seed)."
        )
    at_least, at_most = np.ones(len(values)), np.ones(len(values))
    for sums in _drawn(values, permutations, rng):
        at_least += (sums >= total - slack).sum(axis=0)
        at_most += (sums <= total + slack).sum(axis=0)
    drawn = permutations + 1
    highest, lowest = (np.maximum(floor, 1 / drawn) for floor in floors)
    return MatchedSets(at_least / drawn, at_most / drawn, highest, lowest, exact=False)


def _sets(chosen: ArrayLike, others: ArrayLike) -> Array:
    """:return: shape (K, n, m), the chosen value first"""
    rest = np.asarray(others, dtype=np.float64)
    if rest.ndim == 2:
        rest = rest[:, :, None]
    own = np.asarray(chosen, dtype=np.float64)
    if rest.ndim != 3 or not rest.size or own.shape not in (rest.shape[:2], rest.shape[1:2]):
        raise ValueError(
            f"others must have the shape (K, n, m − 1), or (K, n), and chosen the shape (K, n), or (n,), none of them "
            f"zero, but {rest.shape} and {own.shape} were given."
        )
    own = np.broadcast_to(own, rest.shape[:2])
    return all_finite(np.concatenate([own[:, :, None], rest], axis=2), "values of the sets")


def _floor(values: Array, extreme: Array, slack: Array) -> Array:
    """:return: share of the arrangements that have the most extreme sum, ties counted"""
    tied = (np.abs(values - extreme[:, :, None]) <= slack[:, None, None]).sum(axis=2)
    return np.asarray(np.exp(np.log(tied / values.shape[2]).sum(axis=1)))


def _sums(values: Array) -> Array:
    """:return: sums of all arrangements of these sets, shape (K, mⁿ)"""
    sums = np.zeros((len(values), 1))
    for each in np.moveaxis(values, 1, 0):
        sums = (sums[:, :, None] + each[:, None, :]).reshape(len(values), -1)
    return sums


def _shares(first: Array, second: Array, total: Array, slack: Array) -> tuple[Array, Array]:
    """:return: shares of the sums a + b, one of each half, that are at least and at most the total"""
    first.sort(axis=1)
    second.sort(axis=1)
    count = first.shape[1] * second.shape[1]
    greater, less = np.empty(len(total)), np.empty(len(total))
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        below = np.searchsorted(b, total[k] - slack[k] - a, "left")
        most = total[k] + slack[k] - a
        greater[k] = count - below.sum()
        # Without a tie nothing lies between the two thresholds, and the second search is that of the first.
        tied = (b[np.minimum(below, len(b) - 1)] <= most) & (below < len(b))
        less[k] = below.sum() if not tied.any() else np.searchsorted(b, most, "right").sum()
    return greater / count, less / count


def _drawn(values: Array, permutations: int, rng: np.random.Generator) -> Iterator[Array]:
    """:return: sums of arrangements that are drawn, shape (b, K), the b's adding up to ``permutations``"""
    comparisons, n, m = values.shape
    base = values[:, :, 0].sum(axis=1)
    moved = (values[:, :, 1:] - values[:, :, :1]).reshape(comparisons, n * (m - 1)).T
    chunk = max(1, _CHUNK // max(comparisons, n * m))
    for start in range(0, permutations, chunk):
        picked = rng.integers(m, size=(min(chunk, permutations - start), n), dtype=np.uint8)
        indicators = picked[:, :, None] == np.arange(1, m, dtype=np.uint8)
        yield base + indicators.reshape(len(picked), -1).astype(np.float64) @ moved
