"""The probabilities of a policy's discrete actions, looked up without a trace."""

from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from scipy.special import log_softmax
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy

from sb3_entropy.errors import check_number
from sb3_entropy.policies.compiled import uncompiled
from sb3_entropy.policies.finite import explain
from sb3_entropy.policies.laws import is_actor_critic
from sb3_entropy.policies.looking import looked_at
from sb3_entropy.policies.observations import chunks

ModelOrPolicy: TypeAlias = BaseAlgorithm | BasePolicy


def has_action_probabilities(policy: BasePolicy) -> bool:
    """
    :param policy: a policy
    :return: whether it gives each of finitely many actions a probability that depends on the observation alone
    """
    policy = uncompiled(policy)
    return (
        is_actor_critic(policy)
        and isinstance(policy.action_space, spaces.Discrete)
        and isinstance(policy.action_dist, CategoricalDistribution)
    )


def policy_with_probabilities(model: ModelOrPolicy) -> ActorCriticPolicy:
    """
    :param model: a model or a policy
    :return: its policy
    :raises TypeError: if it does not give each of finitely many actions a probability
    """
    policy = uncompiled(model.policy if isinstance(model, BaseAlgorithm) else model)
    if not has_action_probabilities(policy):
        raise TypeError(
            "The use of actions is measured of a policy that gives each of finitely many actions a probability, but "
            f"{type(model).__name__} with a {type(policy).__name__} on {policy.action_space} was given. Train PPO, "
            "A2C, TRPO or an algorithm of this package, without recurrence, on Discrete actions."
        )
    assert isinstance(policy, ActorCriticPolicy)
    return policy


def log_probabilities(model: ModelOrPolicy, observations: Any, chunk: int = 2048) -> np.ndarray:
    """
    log π(a|x) in double precision. The policy's mode and all global generators are left as they were.

    :param model: a model, and then the observations are the environment's and are normalised here as ``VecNormalize``
        does, with its statistics of this moment; or a policy, and then they are what it sees
    :param observations: n of them, shape (n, …), or a dict of such
    :param chunk: how many at a time go through the network
    :return: shape (n, A), in nats; −∞ where an action is excluded. Column a is the action ``action_space.start`` + a
    :raises TypeError: if the policy does not give each of finitely many actions a probability
    :raises ValueError: if there are no observations, or they, the policy or its answers are not finite
    """
    policy = policy_with_probabilities(model)
    check_number("chunk", chunk, low=1, integer=True)
    normalize = model.get_vec_normalize_env() if isinstance(model, BaseAlgorithm) else None
    try:
        with looked_at(policy):
            logits = [
                _logits(policy, part if normalize is None else normalize.normalize_obs(part))
                for part in chunks(observations, chunk)
            ]
    except Exception as error:
        explain(observations, policy, error)
        raise
    return np.asarray(log_softmax(np.concatenate(logits), axis=1))


def _logits(policy: ActorCriticPolicy, observations: Any) -> np.ndarray:
    categorical: Any = policy.get_distribution(policy.obs_to_tensor(observations)[0]).distribution
    logits: np.ndarray = categorical.logits.double().cpu().numpy()
    return logits


def draw(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """
    One action a row, by the inverse of the distribution function: the first a with Σ_{b ≤ a} p(b) > u.

    :param p: probabilities, shape (n, A)
    :param rng: draws the u, uniform in [0, 1)
    :return: actions, shape (n,); none has probability 0
    """
    cumulative = p.cumsum(axis=1)
    threshold = rng.random((len(p), 1)) * cumulative[:, -1:]
    return np.asarray((cumulative <= threshold).sum(axis=1), dtype=np.int64)
