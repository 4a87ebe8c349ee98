"""The diagonal Gaussian of Stable-Baselines3."""

import math

import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import DiagGaussianDistribution
from torch.distributions import Normal

from sb3_entropy.distributions.base import BoxDistribution
from sb3_entropy.registry import ACTION_DISTRIBUTIONS


@ACTION_DISTRIBUTIONS.register("gaussian")
class GaussianDistribution(BoxDistribution, DiagGaussianDistribution):  # type: ignore[misc]
    """
    N(μ(s), diag σ(s)²), unbounded; its actions are clipped to the box after sampling. H = Σ (½ log 2πe + log σ).

    A temperature buys entropy *outside* the box, where clipping makes it useless: see ``outside_box``.
    """

    distribution: Normal

    def __init__(self, action_space: spaces.Box, entropy_estimator: str | None = None):
        BoxDistribution.__init__(self, action_space, entropy_estimator)

    def std(self) -> th.Tensor:
        return self.distribution.stddev


def gaussian_entropy(log_std: th.Tensor) -> th.Tensor:
    """
    :param log_std: log σ, shape (A,)
    :return: Σ (½ log 2πe + log σ) in nats, a scalar
    """
    return (0.5 * (1 + math.log(2 * math.pi)) + log_std).sum()
