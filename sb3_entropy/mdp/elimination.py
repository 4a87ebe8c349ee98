"""
Elimination in sparse matrices that have their zeros in the same places, for thousands of them at once.

``I − γP_π`` has a zero wherever no action leads from s to s', whatever π is. So the order of elimination and the places
that fill in are found once; the arithmetic then runs over all policies together, the last axis of every array.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.mdp.tabular import Array

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pivot:
    """
    One step of the elimination.

    :param row: the pivot's row and column p
    :param others: the n rows i that have an entry (i, p), which are the columns j that have an entry (p, j), of those
        not yet eliminated
    :param diagonal: where the entry (p, p) is stored
    :param below: where the entries (i, p) are stored
    :param right: where the entries (p, j) are stored
    :param targets: where the entries (i, j) are stored, shape (n²,), row by row
    """

    row: int
    others: Places
    diagonal: int
    below: slice
    right: slice
    targets: Places


class Elimination:
    """
    LU factors without pivoting of K matrices (n, n) with a common pattern, and their solutions.

    Without pivoting it is stable for ``I − G`` with G ≥ 0 and row sums ≤ 1, which is diagonally dominant: entries grow
    at most twofold (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, Theorem 9.9). Rows are eliminated by
    least degree, so that few places fill in.

    :param pattern: which entries may differ from 0, shape (n, n); the diagonal always may
    """

    def __init__(self, pattern: NDArray[np.bool_]):
        n = len(pattern)
        neighbours = [set(map(int, np.flatnonzero(row))) - {i} for i, row in enumerate(pattern | pattern.T)]
        left, steps = set(range(n)), []
        while left:
            p = min(left, key=lambda i: (len(neighbours[i]), i))
            left.remove(p)
            others = sorted(neighbours[p])
            for i in others:
                neighbours[i] |= neighbours[p] - {i}
                neighbours[i].discard(p)
            steps.append((p, others))
        places = np.full((n, n), -1, dtype=np.int64)
        used = 0
        #: multiplications of one factorisation
        self.cost = 0
        for p, others in steps:
            places[p, p] = used
            places[others, p] = used + 1 + np.arange(len(others))
            places[p, others] = used + 1 + len(others) + np.arange(len(others))
            used += 1 + 2 * len(others)
            self.cost += len(others) ** 2
        self.places, self.size = places, used
        self.pivots = [
            Pivot(
                p,
                np.array(others, dtype=np.int64),
                at := int(places[p, p]),
                slice(at + 1, at + 1 + len(others)),
                slice(at + 1 + len(others), at + 1 + 2 * len(others)),
                places[np.ix_(others, others)].reshape(-1),
            )
            for p, others in steps
        ]

    def factorise(self, entries: Array) -> Array:
        """
        :param entries: the matrices' entries where :attr:`places` says, shape (size, K); they become the factors, the
            lower one scaled to a diagonal of ones and the pivots replaced by their inverses
        :return: the least pivot of each matrix, shape (K,): 0 or less if it is singular
        """
        least = np.full(entries.shape[1], np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            for step in self.pivots:
                # What follows a pivot of 0 is NaN, and is not to hide it.
                np.fmin(least, entries[step.diagonal], out=least)
                inverse = np.divide(1.0, entries[step.diagonal], out=entries[step.diagonal])
                if len(step.others):
                    entries[step.below] *= inverse
                    product = entries[step.below][:, None] * entries[step.right][None]
                    entries[step.targets] -= product.reshape(-1, product.shape[-1])
        return least

    def solve(self, factors: Array, b: Array) -> Array:
        """
        :param factors: of the matrices M
        :param b: right sides, shape (n, K)
        :return: x of ``M x = b``, shape (n, K)
        """
        x = b.copy()
        for step in self.pivots:
            x[step.others] -= factors[step.below] * x[step.row]
        for step in reversed(self.pivots):
            x[step.row] -= np.einsum("jk,jk->k", factors[step.right], x[step.others])
            x[step.row] *= factors[step.diagonal]
        return x

    def solve_transposed(self, factors: Array, b: Array) -> Array:
        """
        :param factors: of the matrices M
        :param b: left sides, shape (n, K)
        :return: x of ``xᵀ M = bᵀ``, shape (n, K)
        """
        x = b.copy()
        for step in self.pivots:
            x[step.row] *= factors[step.diagonal]
            x[step.others] -= factors[step.right] * x[step.row]
        for step in reversed(self.pivots):
            x[step.row] -= np.einsum("ik,ik->k", factors[step.below], x[step.others])
        return x
