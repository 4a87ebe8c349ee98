"""The entropy of the behaviour policy in the states of a rollout, and what it adds to the return."""

from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.distributions import BoxDistribution
from sb3_entropy.policies.soft import state_independent_entropy

# States in one pass: small enough that a pass over images needs less memory than a training step.
CHUNK = 1024


def required_entropy(entropy: th.Tensor | None, policy: ActorCriticPolicy) -> th.Tensor:
    """
    :param entropy: what a distribution's ``entropy()`` gave
    :param policy: the policy that it belongs to
    :return: ``entropy``
    :raises ValueError: if the distribution has no closed form and no estimator was named
    """
    if entropy is not None:
        return entropy
    raise ValueError(
        f"The entropy of {type(policy.action_dist).__name__} has no closed form, and nothing is estimated silently. "
        "Name an estimator, policy_kwargs=dict(action_distribution='tanh_gaussian', entropy_estimator='quadrature') or "
        "'monte_carlo', or choose a distribution with a closed form ('gaussian', 'beta', gSDE without squash_output), "
        "or set ent_coef=0."
    )


def entropy_exists(policy: ActorCriticPolicy) -> bool:
    """
    :param policy: a policy
    :return: whether its distribution has an entropy, by a closed form or an estimator that was named
    """
    distribution = policy.action_dist
    if isinstance(distribution, StateDependentNoiseDistribution):
        return distribution.bijector is None
    if isinstance(distribution, BoxDistribution):
        return not distribution.estimators or distribution.entropy_estimator is not None
    return True


def rollout_entropies(
    policy: ActorCriticPolicy, buffer: RolloutBuffer, flat_policy: FlatPolicy | None = None
) -> np.ndarray:
    """
    H(π(·|s)) in every state of a rollout, in a batch.

    :param policy: the policy with the parameters that collected the rollout
    :param buffer: the rollout, not yet flattened
    :param flat_policy: what takes the fast path with it; None for the general one
    :return: entropies in nats, shape (T, N), float32
    :raises ValueError: if the policy's distribution has no entropy, see :func:`required_entropy`
    """
    shape = buffer.rewards.shape
    constant = state_independent_entropy(policy)
    if constant is not None:
        return np.full(shape, constant, dtype=np.float32)
    observations: Any = buffer.observations
    entropies = np.empty(shape[0] * shape[1], dtype=np.float32)
    with th.no_grad():
        for start in range(0, len(entropies), CHUNK):
            rows = slice(start, start + CHUNK)
            chunk: Any
            if isinstance(observations, dict):
                chunk = {key: buffer.to_torch(_rows(array, rows)) for key, array in observations.items()}
            else:
                chunk = buffer.to_torch(_rows(observations, rows))
            entropy = flat_policy.entropies(chunk) if flat_policy else policy.get_distribution(chunk).entropy()
            entropy = required_entropy(entropy, policy)
            entropies[rows] = entropy.cpu().numpy()
    return entropies.reshape(shape)


def _rows(array: np.ndarray, rows: slice) -> np.ndarray:
    return array.reshape(-1, *array.shape[2:])[rows]
