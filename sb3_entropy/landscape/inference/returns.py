"""What a probe has measured: returns at a point and on both sides of it, in K directions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.scores import Array, all_finite


@dataclass(frozen=True)
class ProbeReturns:
    """
    Returns of single episodes at θ₀ and at θ₀ ± αd for K unit directions d. Column e of ``plus`` and ``minus`` and
    entry e of ``centre`` share the random numbers of episode e; all directions share the centre, which has more
    episodes.

    :param plus: R⁺ at θ₀ + αd, shape (K, n)
    :param minus: R⁻ at θ₀ − αd, shape (K, n)
    :param centre: R⁰ at θ₀, shape (n₀,), n₀ ≥ n
    :param alpha: the step α > 0, in units of the parameters
    :raises ValueError: if the shapes do not fit, a return is not finite, or α is not positive
    """

    plus: Array
    minus: Array
    centre: Array
    alpha: float

    def __init__(self, plus: ArrayLike, minus: ArrayLike, centre: ArrayLike, alpha: float):
        check_number("alpha", alpha, low=0, open_low=True)
        for name, given in (("plus", plus), ("minus", minus), ("centre", centre)):
            object.__setattr__(self, name, all_finite(np.asarray(given, dtype=np.float64), name))
        object.__setattr__(self, "alpha", float(alpha))
        shapes = self.plus.shape, self.minus.shape, self.centre.shape
        fits = self.plus.ndim == 2 and self.plus.size and self.minus.shape == self.plus.shape and self.centre.ndim == 1
        if not fits or len(self.centre) < self.plus.shape[1]:
            raise ValueError(
                "plus and minus must have the same shape (K, n), and centre the shape (n₀,) with n₀ ≥ n, but "
                f"{shapes[0]}, {shapes[1]} and {shapes[2]} were given."
            )

    @property
    def directions(self) -> int:
        """:return: K"""
        return int(self.plus.shape[0])

    @property
    def n(self) -> int:
        """:return: episodes that all candidates share, n"""
        return int(self.plus.shape[1])

    @property
    def common(self) -> Array:
        """:return: R⁰ of the episodes that all candidates share, shape (n,)"""
        return self.centre[: self.n]

    def of(self, directions: ArrayLike) -> "ProbeReturns":
        """
        :param directions: indices, or a mask
        :return: the returns of these directions alone
        """
        chosen = np.atleast_1d(np.asarray(directions))
        return ProbeReturns(self.plus[chosen], self.minus[chosen], self.centre, self.alpha)

    def check_repeated(self) -> None:
        """:raises ValueError: if there is one episode only: then nothing is known of its variance"""
        if self.n < 2:
            raise ValueError(
                "plus and minus hold one episode a direction, which says nothing about its variance. Give two or more, "
                "or, if the objective is free of noise, use classify_exact and exact_estimates."
            )
