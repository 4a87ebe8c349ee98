"""Mixtures of laws."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch as th

from sb3_entropy.distributions.laws.base import Choices, Law, Reals, Support, check_same_space
from sb3_entropy.distributions.laws.finite import LARGEST_TABLE, Finite


@dataclass(frozen=True, eq=False)
class Mixture(Law):
    """
    p(a) = Σᵢ cᵢ pᵢ(a), the same weights in every state. :func:`mixture` makes the simplest law that is one.

    :param laws: p₁, …, p_k, on one action space
    :param weights: c₁, …, c_k > 0, which sum to 1
    """

    laws: tuple[Law, ...]
    weights: tuple[float, ...]

    @property
    def batch(self) -> int:
        return self.laws[0].batch

    @property
    def support(self) -> Support:
        supports = {law.support for law in self.laws}
        first = self.laws[0].support
        return first if len(supports) == 1 or isinstance(first, Choices) else Reals(first.n_dims)

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        parts = [math.log(weight) + law.log_prob(actions) for law, weight in zip(self.laws, self.weights, strict=True)]
        return log_sum_exp(th.stack(parts))

    def sample(self, n: int) -> th.Tensor:
        actions = self.laws[0].sample(n)
        weights = th.tensor(self.weights, device=actions.device)
        chosen = th.multinomial(weights, n * self.batch, replacement=True).view(n, self.batch)
        chosen = chosen.view(n, self.batch, *(1,) * (actions.dim() - 2))
        for i, law in enumerate(self.laws[1:], start=1):
            actions = th.where(chosen == i, law.sample(n), actions)
        return actions

    def entropy(self) -> th.Tensor | None:
        """That of the joint table, if it is made of choices and not too large."""
        table = tabulate(self)
        return None if table is None else table.entropy()

    def detach(self) -> Self:
        return type(self)(tuple(law.detach() for law in self.laws), self.weights)


def mixture(laws: Sequence[Law], weights: Sequence[float]) -> Law:
    """
    :param laws: p₁, …, p_k, on one action space and in the same states
    :param weights: one for each, ≥ 0; they are divided by their sum
    :return: Σᵢ cᵢ pᵢ: the law itself if only one has a weight, a table if each is a single choice, else a mixture
    :raises ValueError: if there is no law or no weight, or the laws do not fit together
    """
    if not laws or len(laws) != len(weights):
        raise ValueError(f"A mixture needs as many weights as laws, and at least one: {len(laws)} and {len(weights)}.")
    total = sum(weights)
    if not all(weight >= 0 for weight in weights) or not 0 < total < math.inf:
        raise ValueError(f"The weights of a mixture must be ≥ 0 and not all 0, but these are {tuple(weights)}.")
    for law in laws[1:]:
        check_same_space(laws[0], law)
    parts = [(law, weight / total) for law, weight in zip(laws, weights, strict=True) if weight > 0]
    if len(parts) == 1:
        return parts[0][0]
    kept = tuple(law for law, _ in parts)
    shares = tuple(share for _, share in parts)
    tables = [law.log_probs[0] for law in kept if isinstance(law, Finite) and len(law.log_probs) == 1]
    if len(tables) == len(kept):
        return Finite((log_sum_exp(th.stack([math.log(c) + table for c, table in zip(shares, tables, strict=True)])),))
    return Mixture(kept, shares)


def tabulate(law: Law) -> Finite | None:
    """
    :param law: any law
    :return: it as one choice from the joint table of its actions; None if it is not made of choices whose
        probabilities are known, or if there are more than 2¹⁶ combinations
    """
    if isinstance(law, Finite):
        if len(law.log_probs) == 1:
            return law
        return law.joint() if math.prod(law.support.sizes) <= LARGEST_TABLE else None
    if isinstance(law, Mixture):
        tables = [table for part in law.laws if (table := tabulate(part)) is not None]
        if len(tables) == len(law.laws):
            return tabulate(mixture(tables, law.weights))
    return None


def log_sum_exp(logs: th.Tensor) -> th.Tensor:
    """
    :param logs: shape (k, …)
    :return: log Σ exp over the first dimension; where all are −∞ it is −∞ with the gradient 0, not NaN
    """
    largest = logs.detach().amax(0)
    nothing = largest.isneginf()
    largest = largest.masked_fill(nothing, 0.0)
    total = (logs - largest).exp().sum(0)
    return th.where(nothing, -th.inf, total.masked_fill(nothing, 1.0).log() + largest)
