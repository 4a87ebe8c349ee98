"""What every distribution over an action box is."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.preprocessing import get_action_dim
from torch import nn
from torch.distributions import Distribution as TorchDistribution

from sb3_entropy.distributions.boxes import bound_tensors, half_width


class BoxDistribution(Distribution):
    """
    A distribution over the actions of a box [low, high], in Stable-Baselines3's interface.

    Densities and entropies are in the environment's own units, whatever units the samples have: a bounded distribution
    samples in [−1, 1], as Stable-Baselines3's squashed policies do, and the environment's action is
    low + (high − low)(x + 1)/2, so Σ log((highᵢ − lowᵢ)/2) enters its log-density and its entropy.

    :param action_space: the box
    :param entropy_estimator: how the entropy is estimated, for a distribution without a closed form
    :raises ValueError: if the estimator is unknown, or not needed
    """

    #: whether the support is the box itself; its samples are then in [−1, 1]
    bounded: ClassVar[bool] = False
    #: whether it has a σ that a std scheme can give
    has_std: ClassVar[bool] = True
    #: outputs of the network for each action dimension
    head_width: ClassVar[int] = 1
    #: the estimators that it offers; none if its entropy has a closed form
    estimators: ClassVar[tuple[str, ...]] = ()

    def __init__(self, action_space: spaces.Box, entropy_estimator: str | None = None):
        Distribution.__init__(self)
        self.action_dim = get_action_dim(action_space)
        if entropy_estimator is not None and entropy_estimator not in self.estimators:
            allowed = f"one of {self.estimators}" if self.estimators else "None: its entropy has a closed form"
            raise ValueError(
                f"entropy_estimator={entropy_estimator!r} does not fit {type(self).__name__}, which allows {allowed}."
            )
        self.entropy_estimator = entropy_estimator
        half = half_width(action_space)
        if self.bounded and not (half > 0).all():
            raise ValueError(
                f"{type(self).__name__} needs a box with distinct bounds in every dimension, but the actions are "
                f"{action_space}. Choose action_distribution='gaussian', or take the fixed actions out of the space."
            )
        self.log_scale = float(np.log(half).sum()) if self.bounded else 0.0

    def proba_distribution_net(self, latent_dim: int) -> nn.Module:
        """
        :param latent_dim: width of the policy trunk's output
        :return: the layer whose output, shape (B, k·A), ``proba_distribution`` takes first; k is ``head_width``
        """
        return nn.Linear(latent_dim, self.head_width * self.action_dim)

    @abstractmethod
    def std(self) -> th.Tensor:
        """:return: σ(s), shape (B, A)"""


def outside_box(distribution: TorchDistribution, action_space: spaces.Box) -> th.Tensor:
    """
    :param distribution: an unbounded distribution a dimension, shape (B, A), with a ``cdf``
    :param action_space: the box [low, high]
    :return: the share of density outside, F(low) + 1 − F(high), shape (B, A)
    """
    low, high = bound_tensors(action_space, distribution.mean)
    outside: th.Tensor = distribution.cdf(low) + 1 - distribution.cdf(high)
    return outside
