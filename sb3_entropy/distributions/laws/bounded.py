"""Laws whose support is the action box itself."""

import math
from dataclasses import dataclass
from typing import Self

import torch as th
from stable_baselines3.common.distributions import TanhBijector

from sb3_entropy.distributions.beta import beta_entropy, beta_log_density
from sb3_entropy.distributions.laws.base import Bounds, Law, check_tensors
from sb3_entropy.distributions.laws.gaussian import Gaussian
from sb3_entropy.distributions.tanh_gaussian import expected_slope, log_tanh_slope


@dataclass(frozen=True, eq=False)
class TanhGaussian(Law):
    """
    low + (high − low)(tanh u + 1)/2 with u ~ N(μ, diag σ²).

    :param mean: μ, shape (B, A), before squashing
    :param std: σ > 0, shape (B, A), before squashing
    :param low: shape (A,)
    :param high: shape (A,)
    :raises ValueError: if the shapes differ
    """

    mean: th.Tensor
    std: th.Tensor
    low: th.Tensor
    high: th.Tensor

    def __post_init__(self) -> None:
        check_tensors("TanhGaussian", mean=self.mean, std=self.std)

    @property
    def batch(self) -> int:
        return self.mean.shape[0]

    @property
    def support(self) -> Bounds:
        return _bounds(self.low, self.high)

    @property
    def unsquashed(self) -> Gaussian:
        """:return: the law of u"""
        return Gaussian(self.mean, self.std)

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        u = TanhBijector.inverse(2 * unit(actions, self.low, self.high) - 1)
        slope = log_tanh_slope(u) + (self.high / 2 - self.low / 2).log()
        return _within(actions, self.low, self.high, self.unsquashed.log_prob(u) - slope.sum(-1))

    def sample(self, n: int) -> th.Tensor:
        return stretch((th.tanh(self.unsquashed.sample(n)) + 1) / 2, self.low, self.high)

    def entropy(self) -> th.Tensor:
        """Σ [½ log 2πe + log σ + E log(1 − tanh² u) + log((high − low)/2)], the expectation by quadrature."""
        slope = expected_slope(self.mean, self.std) + (self.high / 2 - self.low / 2).log()
        return self.unsquashed.entropy() + slope.sum(-1)

    def detach(self) -> Self:
        return type(self)(self.mean.detach(), self.std.detach(), self.low, self.high)


@dataclass(frozen=True, eq=False)
class Beta(Law):
    """
    low + (high − low) x with x ~ Beta(a, b) in every dimension.

    :param a: > 0, shape (B, A)
    :param b: > 0, shape (B, A)
    :param low: shape (A,)
    :param high: shape (A,)
    :raises ValueError: if the shapes differ
    """

    a: th.Tensor
    b: th.Tensor
    low: th.Tensor
    high: th.Tensor

    def __post_init__(self) -> None:
        check_tensors("Beta", a=self.a, b=self.b)

    @property
    def batch(self) -> int:
        return self.a.shape[0]

    @property
    def support(self) -> Bounds:
        return _bounds(self.low, self.high)

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        eps = th.finfo(self.a.dtype).eps
        x = unit(actions, self.low, self.high).clamp(eps, 1 - eps)
        density = beta_log_density(x, self.a, self.b) - log_width(self.low, self.high)
        return _within(actions, self.low, self.high, density.sum(-1))

    def sample(self, n: int) -> th.Tensor:
        x = th.distributions.Beta(self.a.detach(), self.b.detach(), validate_args=False).sample(th.Size((n,)))
        return stretch(x, self.low, self.high)

    def entropy(self) -> th.Tensor:
        """Σ [H(x) + log(high − low)]."""
        return (beta_entropy(self.a, self.b) + log_width(self.low, self.high)).sum(-1)

    def detach(self) -> Self:
        return type(self)(self.a.detach(), self.b.detach(), self.low, self.high)


@dataclass(frozen=True, eq=False)
class UniformBox(Law):
    """
    Uniform on the box [low, high] in each of B states.

    :param low: shape (A,)
    :param high: shape (A,)
    :param n_states: B
    """

    low: th.Tensor
    high: th.Tensor
    n_states: int

    @property
    def batch(self) -> int:
        return self.n_states

    @property
    def support(self) -> Bounds:
        return _bounds(self.low, self.high)

    @property
    def beta(self) -> Beta:
        """:return: the same law as Beta(1, 1)"""
        ones = self.low.new_ones(self.n_states, len(self.low))
        return Beta(ones, ones, self.low, self.high)

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        log_density = -log_width(self.low, self.high).sum()
        return _within(actions, self.low, self.high, log_density.expand(actions.shape[:-1]))

    def sample(self, n: int) -> th.Tensor:
        shape = (n, self.n_states, len(self.low))
        return stretch(th.rand(shape, dtype=self.low.dtype, device=self.low.device), self.low, self.high)

    def entropy(self) -> th.Tensor:
        """Σ log(high − low)."""
        return log_width(self.low, self.high).sum().expand(self.batch)

    def detach(self) -> Self:
        return self


def _bounds(low: th.Tensor, high: th.Tensor) -> Bounds:
    return Bounds(tuple(low.tolist()), tuple(high.tolist()))


# Below all is halved, which is exact: the width of a box can be more than its dtype holds.


def unit(actions: th.Tensor, low: th.Tensor, high: th.Tensor) -> th.Tensor:
    """:return: (a − low)/(high − low)"""
    return (actions / 2 - low / 2) / (high / 2 - low / 2)


def stretch(x: th.Tensor, low: th.Tensor, high: th.Tensor) -> th.Tensor:
    """:return: low + (high − low) x, clipped to the box"""
    return th.clamp(2 * (low / 2 + (high / 2 - low / 2) * x), low, high)


def log_width(low: th.Tensor, high: th.Tensor) -> th.Tensor:
    """:return: log(high − low), shape (A,)"""
    width = high - low
    return th.where(width.isfinite(), width.log(), (high / 2 - low / 2).log() + math.log(2))


def _within(actions: th.Tensor, low: th.Tensor, high: th.Tensor, log_density: th.Tensor) -> th.Tensor:
    inside = ((actions >= low) & (actions <= high)).all(-1)
    return th.where(inside, log_density, -th.inf)
