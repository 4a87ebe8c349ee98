"""The exact sign-flip test of paired differences (Fisher 1935): no shape is assumed, and ties are no trouble."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.scores import Array, all_finite

#: pairs; the 2⁴⁰ signs of more are not enumerated
MOST_PAIRS = 40


@dataclass(frozen=True)
class SignFlip:
    """
    :param p_greater: share of all signs of the differences with a sum at least as large as theirs
    :param p_less: share of those with a sum at most as large
    :param least: 2⁻ᵏ with k differences that are not the margin: no p can be smaller
    """

    p_greater: float
    p_less: float
    least: float


def sign_flip(differences: ArrayLike, margin: float = 0.0) -> SignFlip:
    """
    If the differences are independent and each is *symmetric* about the margin, every sign of ``dᵢ − margin`` is as
    probable as its opposite, so that the sum's place among the sums of all 2ⁿ signs is a p-value, exactly, for any n.
    Without symmetry it is none. Below six differences that are not the margin it is above 2.5 %: 2⁻⁵ = 0.031.

    :param differences: of paired runs, shape (n,), 1 ≤ n ≤ 40
    :param margin: what they are compared with
    :return: one-sided p-values
    :raises ValueError: if a number is not finite, or there are none or more than 40
    """
    check_number("margin", margin)
    given = all_finite(np.asarray(differences, dtype=np.float64), "differences")
    if given.ndim != 1 or not 1 <= given.size <= MOST_PAIRS:
        raise ValueError(f"differences must have the shape (n,), 1 ≤ n ≤ {MOST_PAIRS}, but {given.shape} was given.")
    moved = given - margin
    # What rounding leaves of a difference that is the margin is no difference.
    slack = 16 * float(np.finfo(np.float64).eps) * float(np.abs(given).sum() + abs(margin))
    sizes = np.abs(moved)[np.abs(moved) > slack]
    first, second = (_sums(half) for half in (sizes[::2], sizes[1::2]))
    second.sort()

    def at_least(total: float) -> float:
        above = second.size - np.searchsorted(second, total - slack * sizes.size - first)
        return float(above.sum() / (first.size * second.size))

    total = float(moved[np.abs(moved) > slack].sum())
    return SignFlip(at_least(total), at_least(-total), 0.5**sizes.size)


def _sums(sizes: Array) -> Array:
    """:return: the sums of all signs, shape (2ⁿ,)"""
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums - size, sums + size])
    return sums
