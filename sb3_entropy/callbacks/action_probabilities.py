"""The probabilities of a policy's discrete actions, looked up without a trace."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch as th
from gymnasium import spaces
from scipy.special import log_softmax
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.algorithms.finite import explain
from sb3_entropy.errors import check_number

ModelOrPolicy: TypeAlias = BaseAlgorithm | BasePolicy


def has_action_probabilities(model: ModelOrPolicy) -> bool:
    """
    :param model: a model or a policy
    :return: whether it gives each of finitely many actions a probability that depends on the observation alone
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    return (
        isinstance(policy, ActorCriticPolicy)
        and isinstance(policy.action_space, spaces.Discrete)
        and isinstance(policy.action_dist, CategoricalDistribution)
        and not hasattr(policy, "lstm_actor")
    )


def policy_with_probabilities(model: ModelOrPolicy) -> ActorCriticPolicy:
    """
    :param model: a model or a policy
    :return: its policy
    :raises TypeError: if it does not give each of finitely many actions a probability
    """
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    if not has_action_probabilities(model):
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
    :return: shape (n, A), in nats; −∞ where an action is excluded
    :raises TypeError: if the policy does not give each of finitely many actions a probability
    :raises ValueError: if there are no observations, or they, the policy or its answers are not finite
    """
    policy = policy_with_probabilities(model)
    check_number("chunk", chunk, low=1, integer=True)
    normalize = model.get_vec_normalize_env() if isinstance(model, BaseAlgorithm) else None
    was_training = policy.training
    policy.set_training_mode(False)
    devices = [policy.device] if policy.device.type == "cuda" else []
    try:
        with th.no_grad(), th.random.fork_rng(devices=devices):
            logits = np.concatenate([_logits(policy, part, normalize) for part in _parts(observations, chunk)])
    except Exception as error:
        explain(observations, policy, error)
        raise
    finally:
        policy.set_training_mode(was_training)
    return np.asarray(log_softmax(logits, axis=1))


def _logits(policy: ActorCriticPolicy, observations: Any, normalize: VecNormalize | None) -> np.ndarray:
    seen = observations if normalize is None else normalize.normalize_obs(observations)
    categorical: Any = policy.get_distribution(policy.obs_to_tensor(seen)[0]).distribution
    logits: np.ndarray = categorical.logits.double().cpu().numpy()
    return logits


def _parts(observations: Any, chunk: int) -> Iterator[Any]:
    arrays = observations if isinstance(observations, dict) else {None: observations}
    size = min((len(array) for array in arrays.values()), default=0)
    if not size:
        raise ValueError("observations must hold at least one observation, but none was given.")
    for start in range(0, size, chunk):
        part = {key: np.asarray(array[start : start + chunk]) for key, array in arrays.items()}
        yield part if isinstance(observations, dict) else part[None]
