"""The diagonal Gaussian."""

import math
from dataclasses import dataclass
from typing import Self

import torch as th

from sb3_entropy.distributions.laws.base import Law, Reals, check_tensors


@dataclass(frozen=True, eq=False)
class Gaussian(Law):
    """
    N(μ, diag σ²), unbounded: the action before it is clipped to the box.

    :param mean: μ, shape (B, A)
    :param std: σ > 0, shape (B, A)
    :raises ValueError: if the shapes differ
    """

    mean: th.Tensor
    std: th.Tensor

    def __post_init__(self) -> None:
        check_tensors("Gaussian", mean=self.mean, std=self.std)

    @property
    def batch(self) -> int:
        return self.mean.shape[0]

    @property
    def support(self) -> Reals:
        return Reals(self.mean.shape[1])

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        z = (actions - self.mean) / self.std
        return (-0.5 * z**2 - self.std.log() - 0.5 * math.log(2 * math.pi)).sum(-1)

    def sample(self, n: int) -> th.Tensor:
        mean, std = self.mean.detach(), self.std.detach()
        noise = th.randn((n, *mean.shape), dtype=mean.dtype, device=mean.device)
        return mean + std * noise

    def entropy(self) -> th.Tensor:
        """Σ (½ log 2πe + log σ)."""
        return (self.std.log() + (1 + math.log(2 * math.pi)) / 2).sum(-1)

    def detach(self) -> Self:
        return type(self)(self.mean.detach(), self.std.detach())
