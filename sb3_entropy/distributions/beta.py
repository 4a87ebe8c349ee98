"""A Beta distribution stretched over the action box."""

import math
from typing import Self

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
        return sum_independent_dims(self.distribution.log_prob(x)) - self._log_width

    def entropy(self) -> th.Tensor:
        return sum_independent_dims(self.distribution.entropy()) + self._log_width

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
