"""What TensorBoard shows of a policy's entropy."""

import warnings
from typing import Any

import numpy as np
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import (
    DiagGaussianDistribution,
    Distribution,
    StateDependentNoiseDistribution,
)
from stable_baselines3.common.logger import HParam, Logger, TensorBoardOutputFormat
from stable_baselines3.common.policies import ActorCriticPolicy
from torch.distributions import Distribution as TorchDistribution

from sb3_entropy.distributions import BoxDistribution
from sb3_entropy.distributions.base import outside_box
from sb3_entropy.policies.looking import looked_at

N_STATES = 256


def sample_states(buffer: RolloutBuffer) -> Any:
    """
    :param buffer: a rollout, complete or not, before or after its update has flattened it
    :return: at most 256 of its observations, evenly spaced, as tensors: what the policy is looked at with; None if it
        has none yet
    """
    n_states = buffer.size() * buffer.n_envs
    if n_states == 0:
        return None
    rows: Any = np.linspace(0, n_states - 1, min(N_STATES, n_states)).astype(int)
    if not buffer.generator_ready:
        rows = np.divmod(rows, buffer.n_envs)
    if isinstance(buffer.observations, dict):
        return {key: buffer.to_torch(array[rows]) for key, array in buffer.observations.items()}
    return buffer.to_torch(buffer.observations[rows])


def describe_policy(policy: ActorCriticPolicy, states: Any) -> dict[str, float]:
    """
    :param policy: the policy as it is now
    :param states: observations, from :func:`sample_states`
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


def warn_outside_box(share: float, ent_coef: float) -> None:
    """Warn that most of the density lies where clipping makes it useless."""
    warnings.warn(
        f"{share:.0%} of the policy's density, on average over action dimensions, lies outside the action box, where "
        "clipping makes all actions alike: "
        f"with ent_coef={ent_coef:g} the policy buys entropy that the environment never sees. Keep it inside the box "
        "with policy_kwargs=dict(action_distribution='beta') or dict(action_distribution='tanh_gaussian', "
        "entropy_estimator='quadrature'), or lower ent_coef.",
        stacklevel=2,
    )


def record_hparams(logger: Logger, values: dict[str, Any], timesteps: int) -> None:
    """
    Write a run's hyper-parameters for TensorBoard's HPARAMS page, if it logs there. No other writer can read them.

    :param logger: the run's logger
    :param values: hyper-parameters by name; what is no number, string or truth value is written as text
    :param timesteps: where the run begins
    """
    simple = {key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in values.items()}
    metrics: dict[str, float | int] = {"rollout/ep_rew_mean": 0.0, "rollout/soft_return": 0.0, "train/entropy": 0.0}
    for output in logger.output_formats:
        if isinstance(output, TensorBoardOutputFormat):
            output.write({"hparams": HParam(simple, metrics)}, {"hparams": ()}, timesteps)
