"""A Beta distribution stretched over the action box."""

import math
from typing import ClassVar, Self

import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import sum_independent_dims
from torch.distributions import Beta
from torch.nn import functional as F

from sb3_entropy.distributions.base import BoxDistribution
from sb3_entropy.distributions.boxes import half_width
from sb3_entropy.registry import ACTION_DISTRIBUTIONS


@ACTION_DISTRIBUTIONS.register("beta")
class BetaDistribution(BoxDistribution):
    """
    x ~ Beta(1 + softplus(·), 1 + softplus(·)), one a dimension: bounded, unimodal, with a closed-form entropy.

    Chou, Maturana, Scherer 2017 (ICML), Section 4. The environment's action is low + (high − low) x. It has no σ to
    learn, so it takes no std scheme; ``std()`` is (high − low) times that of x.
    """

    #: 2: density and entropy in double precision
    behaviour_version: ClassVar[int] = 2
    bounded = True
    has_std = False
    head_width = 2
    distribution: Beta

    def __init__(self, action_space: spaces.Box, entropy_estimator: str | None = None):
        super().__init__(action_space, entropy_estimator)
        self._half_width = th.as_tensor(half_width(action_space))
        # x is in [0, 1], which is half as wide as [−1, 1].
        self._log_width = self.log_scale + self.action_dim * math.log(2)

    def proba_distribution(self, parameters: th.Tensor) -> Self:
        """:param parameters: the layer's output, shape (B, 2A)"""
        concentration1, concentration0 = (1 + F.softplus(parameters)).chunk(2, dim=-1)
        self.distribution = Beta(concentration1, concentration0)
        return self

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        """
        :param actions: in [−1, 1], shape (B, A)
        :return: log-density in the environment's units, shape (B,)
        """
        eps = th.finfo(actions.dtype).eps
        x = ((actions + 1) / 2).clamp(eps, 1 - eps)
        a, b = self.distribution.concentration1, self.distribution.concentration0
        return sum_independent_dims(beta_log_density(x, a, b)) - self._log_width

    def entropy(self) -> th.Tensor:
        a, b = self.distribution.concentration1, self.distribution.concentration0
        return sum_independent_dims(beta_entropy(a, b)) + self._log_width

    def sample(self) -> th.Tensor:
        return 2 * self.distribution.rsample() - 1

    def mode(self) -> th.Tensor:
        """(a − 1)/(a + b − 2), on [−1, 1]; the middle where a = b = 1 to machine precision."""
        a, b = self.distribution.concentration1, self.distribution.concentration0
        eps = th.finfo(a.dtype).eps
        return 2 * (a - 1 + eps) / (a + b - 2 + 2 * eps) - 1

    def std(self) -> th.Tensor:
        stddev = self.distribution.stddev
        return 2 * stddev * self._half_width.to(stddev)

    def actions_from_params(self, parameters: th.Tensor, deterministic: bool = False) -> th.Tensor:
        return self.proba_distribution(parameters).get_actions(deterministic)

    def log_prob_from_params(self, parameters: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        actions = self.actions_from_params(parameters)
        return actions, self.log_prob(actions)


# In double precision: where the density is narrow, the terms are large and cancel. In single precision the entropy of
# Beta(10⁴, 7·10³) is .004 nats wrong, its gradient 2 %, and the ratio of two densities .4 %.


def beta_log_density(x: th.Tensor, a: th.Tensor, b: th.Tensor) -> th.Tensor:
    """
    :param x: in (0, 1), of a shape that broadcasts with those of a and b
    :param a: > 0
    :param b: > 0
    :return: log [x^(a − 1) (1 − x)^(b − 1) / B(a, b)], computed in double precision
    """
    dtype = th.promote_types(x.dtype, a.dtype)
    x, a, b = x.double(), a.double(), b.double()
    return ((a - 1) * x.log() + (b - 1) * (-x).log1p() - log_beta(a, b)).to(dtype)


def beta_entropy(a: th.Tensor, b: th.Tensor) -> th.Tensor:
    """
    :param a: > 0
    :param b: > 0, of the same shape
    :return: log B(a, b) − (a − 1) ψ(a) − (b − 1) ψ(b) + (a + b − 2) ψ(a + b), in nats, computed in double precision
    """
    dtype = a.dtype
    a, b = a.double(), b.double()
    slopes = (a - 1) * th.digamma(a) + (b - 1) * th.digamma(b) - (a + b - 2) * th.digamma(a + b)
    return (log_beta(a, b) - slopes).to(dtype)


def log_beta(a: th.Tensor, b: th.Tensor) -> th.Tensor:
    """:return: log B(a, b) = log Γ(a) + log Γ(b) − log Γ(a + b)"""
    return th.lgamma(a) + th.lgamma(b) - th.lgamma(a + b)
