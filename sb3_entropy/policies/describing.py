"""What is logged of a policy: its entropy, its σ, and how much of its density lies outside the action box."""

import math
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import BasePolicy
from torch.distributions import Distribution as TorchDistribution
from torch.distributions import Normal

from sb3_entropy.distributions import BoxDistribution
from sb3_entropy.distributions.base import outside_box
from sb3_entropy.distributions.laws import Dirac, Gaussian, Law, TanhGaussian, law_of
from sb3_entropy.policies.compiled import uncompiled
from sb3_entropy.policies.finite import explain
from sb3_entropy.policies.laws import SQUASHED, distribution_at, law_at
from sb3_entropy.policies.looking import looked_at


def describe_policy(policy: BasePolicy, states: Any) -> dict[str, float]:
    """
    The policy is left as it is, and so are all global generators.

    The entropy H is of the action in the environment's units: the distribution's own, by the estimator that the user
    has named, if it is one of this package's; else a closed form; and of Stable-Baselines3's squashed Gaussians, for
    which no estimator can be named, the quadrature of
    :class:`~sb3_entropy.distributions.tanh_gaussian.TanhGaussianDistribution`. σ is in the environment's units too, but
    before squashing for a squashed Gaussian.

    :param policy: the policy as it is now, one of those that :func:`~sb3_entropy.policies.laws.law_at` takes
    :param states: observations, from :func:`~sb3_entropy.policies.observations.sample_states`
    :return: by log key: ``train/entropy``, H in nats, mean over the states, and ``train/entropy_q10``, ``_q50``,
        ``_q90``, its deciles; ``train/std``, ``_min``, ``_max``, σ's mean, least and greatest; ``train/outside_box``,
        the mean share of density outside the action box, a dimension. With gSDE in SAC, TQC and CrossQ it is
        ``train/action_std``, since they log the mean of the matrix of gSDE as ``train/std``. There is no σ for choices,
        and no share for them and for this package's bounded distributions; no entropy where no estimator was named, or
        where the box is wider than the precision of a squashed Gaussian holds
    :raises TypeError: if the policy has no law at an observation
    :raises ValueError: if its parameters, or what it puts out, are not finite
    """
    try:
        with looked_at(policy):  # an estimator may sample
            described = _described(policy, states)
        if any(math.isnan(value) for value in described.values()):  # th.compile switches PyTorch's own checks off
            raise ValueError("The policy puts out NaN, found invalid values")
        return described
    except Exception as error:
        explain(None, policy, error)
        raise


def _described(policy: BasePolicy, states: Any) -> dict[str, float]:
    distribution = distribution_at(policy, states)
    box: Any = policy.action_space
    std: th.Tensor | None = None
    outside: th.Tensor | None = None
    if isinstance(distribution, BoxDistribution):
        entropy, std = distribution.entropy(), distribution.std()
        if not distribution.bounded and isinstance(distribution.distribution, TorchDistribution):
            outside = outside_box(distribution.distribution, box)
    else:
        law = law_at(policy, states) if distribution is None else _law_of(distribution, box)
        entropy = None if distribution is None else distribution.entropy()
        if entropy is None and law is not None:
            entropy = law.entropy()
        if isinstance(law, (Gaussian, TanhGaussian, Dirac)):
            std = law.std
            outside = outside_box(Normal(law.mean, std), box) if isinstance(law, Gaussian) else th.zeros_like(std)
    return {**_of_std(std, policy), **_of_share(outside), **_of_entropy(entropy)}


def _law_of(distribution: Distribution, action_space: Any) -> Law | None:
    """None for a squashed Gaussian on a box that is wider than its precision holds."""
    try:
        return law_of(distribution, action_space)
    except ValueError:
        return None


def _of_std(std: th.Tensor | None, policy: BasePolicy) -> dict[str, float]:
    if std is None:
        return {}
    plain = uncompiled(policy)
    has_matrix = isinstance(plain, SQUASHED) and plain.actor.use_sde
    key = "train/action_std" if has_matrix else "train/std"
    return {key: std.mean().item(), f"{key}_min": std.min().item(), f"{key}_max": std.max().item()}


def _of_share(outside: th.Tensor | None) -> dict[str, float]:
    return {} if outside is None else {"train/outside_box": outside.mean().item()}


def _of_entropy(entropy: th.Tensor | None) -> dict[str, float]:
    if entropy is None:
        return {}
    values = entropy.cpu().numpy()
    # Between two that are −∞ nothing can be interpolated.
    method: Any = "linear" if np.isfinite(values).all() else "lower"
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], method=method)
    return {
        "train/entropy": entropy.mean().item(),
        "train/entropy_q10": float(low),
        "train/entropy_q50": float(middle),
        "train/entropy_q90": float(high),
    }
