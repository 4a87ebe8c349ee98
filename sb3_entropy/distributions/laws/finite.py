"""Laws over finitely many actions."""

from dataclasses import dataclass
from functools import reduce
from typing import Self

import torch as th

from sb3_entropy.distributions.laws.base import Choices, Law

#: the largest joint table that is made from independent choices, in entries a state
LARGEST_TABLE = 2**16


@dataclass(frozen=True, eq=False)
class Finite(Law):
    """
    Independent choices: p(a) = ∏ᵢ pᵢ(aᵢ). One of n for Discrete, d of n₁, …, n_d for MultiDiscrete, d of 2 for
    MultiBinary.

    :param log_probs: log pᵢ for each choice, shape (B, nᵢ), normalised; −∞ is a probability of exactly 0
    :raises ValueError: if there is no choice, or their shapes do not fit together
    """

    log_probs: tuple[th.Tensor, ...]

    def __post_init__(self) -> None:
        shapes = [tuple(log_prob.shape) for log_prob in self.log_probs]
        if not shapes or any(len(shape) != 2 or shape[0] != shapes[0][0] for shape in shapes):
            raise ValueError(
                f"Finite takes log-probabilities of shape (B, n) for each choice, but these have {shapes}."
            )

    @property
    def batch(self) -> int:
        return self.log_probs[0].shape[0]

    @property
    def support(self) -> Choices:
        return Choices(tuple(log_prob.shape[1] for log_prob in self.log_probs))

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        chosen = actions.long()
        if chosen.dim() == 2:
            chosen = chosen[..., None]
        picked = [
            log_prob.expand(len(chosen), -1, -1).gather(2, chosen[..., i : i + 1])[..., 0]
            for i, log_prob in enumerate(self.log_probs)
        ]
        return reduce(th.add, picked)

    def sample(self, n: int) -> th.Tensor:
        columns = [th.multinomial(log_prob.detach().exp(), n, replacement=True).T for log_prob in self.log_probs]
        return columns[0] if len(columns) == 1 else th.stack(columns, dim=-1)

    def entropy(self) -> th.Tensor:
        """−Σ p log p, summed over the choices."""
        return -th.stack([_negative_entropy(log_prob) for log_prob in self.log_probs]).sum(0)

    def detach(self) -> Self:
        return type(self)(tuple(log_prob.detach() for log_prob in self.log_probs))

    def joint(self) -> "Finite":
        """:return: the same law as one choice of n₁ ⋯ n_d, the last factor running fastest"""
        return Finite((reduce(_outer, self.log_probs),))


def _outer(log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
    return (log_p[:, :, None] + log_q[:, None, :]).flatten(1)


def _negative_entropy(log_p: th.Tensor) -> th.Tensor:
    return (log_p.exp() * log_p.masked_fill(log_p.isneginf(), 0.0)).sum(-1)
