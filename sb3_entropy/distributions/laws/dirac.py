"""The law of a policy that chooses one action."""

from dataclasses import dataclass
from typing import Self

import torch as th

from sb3_entropy.distributions.laws.base import Bounds, Law, check_tensors


@dataclass(frozen=True, eq=False)
class Dirac(Law):
    """
    One action of a box, with certainty: the limit of N(μ, σ²) for σ → 0. It has no density, and so no divergence from
    anything. A sure choice of finitely many is a :class:`~sb3_entropy.distributions.laws.Finite`, whose entropy is 0.

    :param action: μ, shape (B, A)
    :param low: shape (A,)
    :param high: shape (A,)
    :raises ValueError: if the action has another shape
    """

    action: th.Tensor
    low: th.Tensor
    high: th.Tensor

    def __post_init__(self) -> None:
        check_tensors("Dirac", action=self.action)

    @property
    def batch(self) -> int:
        return self.action.shape[0]

    @property
    def support(self) -> Bounds:
        return Bounds(tuple(self.low.tolist()), tuple(self.high.tolist()))

    @property
    def std(self) -> th.Tensor:
        """:return: σ = 0, shape (B, A)"""
        return th.zeros_like(self.action)

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        """+∞ at the action, −∞ elsewhere."""
        return th.where((actions == self.action).all(-1), th.inf, -th.inf)

    def sample(self, n: int) -> th.Tensor:
        return self.action.detach().expand(n, -1, -1)

    def entropy(self) -> th.Tensor:
        """−∞: ½ log 2πeσ² for σ → 0."""
        return self.action.new_full((self.batch,), -th.inf)

    def detach(self) -> Self:
        return type(self)(self.action.detach(), self.low, self.high)
