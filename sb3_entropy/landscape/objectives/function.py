"""A plain function of θ as an objective: toys and quadratics, of which everything is known."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.objectives.base import Conditions, Objective


class FunctionObjective(Objective):
    """
    θ ↦ f(θ), exactly.

    :param function: of θ, shape (P,), to a number
    :param theta0: the parameters that are looked at, shape (P,)
    :param name: what identifies the function, in :meth:`describe`; its own name if None
    :raises TypeError: if the function is not callable
    :raises ValueError: if θ₀ is no vector, or not finite
    """

    is_exact = True

    def __init__(self, function: Callable[[np.ndarray], Any], theta0: Any, name: str | None = None):
        if not callable(function):
            raise TypeError(f"function must be callable as function(theta), but {function!r} was given.")
        theta = np.array(theta0, dtype=np.float64)
        if theta.ndim != 1 or not theta.size or not np.isfinite(theta).all():
            raise ValueError(f"theta0 must be a vector of finite numbers, but {theta0!r} was given.")
        self.function, self._theta0 = function, theta
        self.name = name or f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"

    @property
    def theta0(self) -> np.ndarray:
        return self._theta0.copy()

    @property
    def conditions(self) -> Conditions:
        return Conditions()

    def under(self, conditions: Conditions) -> Self:
        """
        :raises ValueError: always but for the plain ones: a function has no policy
        """
        if conditions != Conditions():
            raise ValueError(f"A function of θ has no policy that {conditions} could change. Use Conditions().")
        return self

    def check_can_be_kept(self) -> None:
        if "<" in self.name:  # <lambda>, <locals>: many functions have that name
            raise ValueError(
                f"The function {self.name} has no name that tells it from others in a store. Give it one, name='…', "
                "and another one whenever it changes."
            )

    def describe(self) -> dict[str, Any]:
        return {"kind": "function", "function": self.name, "n_parameters": self.n_parameters}

    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = np.array([[float(self.function(theta.copy()))] for theta in thetas])
        return values, np.zeros(values.shape, dtype=np.int64)


def saddle(theta: np.ndarray) -> float:
    """
    O(θ) = −(1 − θ₀θ₁)²: a saddle at (0, 0), and maxima wherever θ₀θ₁ = 1, flat along that curve (Ahmed et al. 2019,
    Figs. 1 and 2).

    :param theta: shape (2,)
    :return: O
    """
    return -float((1 - theta[0] * theta[1]) ** 2)


def quadratic(hessian: Any, gradient: Any = 0.0) -> Callable[[np.ndarray], float]:
    """
    θ ↦ gᵀθ + ½ θᵀHθ.

    :param hessian: H, shape (P, P), symmetric
    :param gradient: g, shape (P,), or 0
    :return: the function
    :raises ValueError: if H is not symmetric
    """
    matrix = np.asarray(hessian, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, matrix.T):
        raise ValueError(f"hessian must be a symmetric matrix, but {hessian!r} was given.")
    slope = np.broadcast_to(np.asarray(gradient, dtype=np.float64), len(matrix)).copy()
    check_number("the largest slope", float(np.abs(slope).max()))

    def value(theta: np.ndarray) -> float:
        return float(slope @ theta + theta @ matrix @ theta / 2)

    return value
