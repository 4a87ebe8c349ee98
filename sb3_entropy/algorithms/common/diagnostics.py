"""What TensorBoard shows of a policy's entropy."""

from typing import Any

import numpy as np
from stable_baselines3.common.distributions import (
    DiagGaussianDistribution,
    Distribution,
    StateDependentNoiseDistribution,
)
from stable_baselines3.common.policies import ActorCriticPolicy
from torch.distributions import Distribution as TorchDistribution

from sb3_entropy.distributions import BoxDistribution
from sb3_entropy.distributions.base import outside_box
from sb3_entropy.policies.looking import looked_at


def describe_policy(policy: ActorCriticPolicy, states: Any) -> dict[str, float]:
    """
    :param policy: the policy as it is now
    :param states: observations, as tensors
    :return: by log key: the entropy's mean and deciles over the states; σ's mean, least and greatest; the mean share of
        density outside the action box, a dimension
    """
    with looked_at(policy):  # an estimator may sample
        distribution = policy.get_distribution(states)
        entropy = distribution.entropy()
        values = _describe_std(distribution, policy.action_space)
    if entropy is not None:
        low, middle, high = np.quantile(entropy.cpu().numpy(), [0.1, 0.5, 0.9])
        values |= {
            "train/entropy": entropy.mean().item(),
            "train/entropy_q10": float(low),
            "train/entropy_q50": float(middle),
            "train/entropy_q90": float(high),
        }
    return values


def _describe_std(distribution: Distribution, action_space: Any) -> dict[str, float]:
    if isinstance(distribution, BoxDistribution):
        std = distribution.std()
    elif isinstance(distribution, (DiagGaussianDistribution, StateDependentNoiseDistribution)):
        std = distribution.distribution.stddev
    else:
        return {}
    values = {"train/std": std.mean().item(), "train/std_min": std.min().item(), "train/std_max": std.max().item()}
    bounded = getattr(distribution, "bounded", False) or getattr(distribution, "bijector", None) is not None
    if not bounded and isinstance(distribution.distribution, TorchDistribution):
        values["train/outside_box"] = outside_box(distribution.distribution, action_space).mean().item()
    return values
