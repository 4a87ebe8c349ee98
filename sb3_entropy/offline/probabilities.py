"""What a model's policy would do in given contexts."""

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.errors import check_choice
from sb3_entropy.offline.checking import Array
from sb3_entropy.policies.compiled import uncompiled
from sb3_entropy.policies.probabilities import has_action_probabilities, log_probabilities

#: contexts in one pass through the network
CHUNK = 4096
MODES = ("stochastic", "deterministic")


def action_probabilities(model: BaseAlgorithm, contexts: np.ndarray, *, mode: str = "stochastic") -> Array:
    """
    π(a|x), in double precision, of a model with discrete actions. The model and the global generators stay as they are.

    :param model: PPO, A2C, TRPO or one of ours
    :param contexts: observations as the model sees them, shape (n, …); images may have their channels first or last
    :param mode: ``"stochastic"`` for π itself, ``"deterministic"`` for the policy that plays argmaxₐ π(a|x) with
        probability 1, and the first of several
    :return: shape (n, A), rows adding up to 1; column a is the action ``action_space.start`` + a
    :raises TypeError: if ``model`` is no model
    :raises ValueError: if the mode is unknown, the model's actions are not discrete, its policy has no probabilities
        that depend on the context alone, or the contexts are none of its observations
    """
    check_choice("mode", mode, MODES)
    policy = check_policy(model)
    contexts = np.asarray(contexts)
    if contexts.ndim == 0 or not len(contexts):
        raise ValueError(f"contexts must have the shape (n, …) with n ≥ 1, but {contexts.shape} was given.")
    if not policy.obs_to_tensor(contexts[:CHUNK])[1]:
        raise ValueError(
            f"contexts must have the shape (n, …), a batch of observations of {policy.observation_space}, but "
            f"{contexts.shape}, the shape of one observation, was given. Give contexts[None]."
        )
    probabilities = np.exp(log_probabilities(policy, contexts, CHUNK))
    if mode == "deterministic":
        return np.asarray(np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)])
    return np.asarray(probabilities)


def check_policy(model: BaseAlgorithm) -> ActorCriticPolicy:
    """
    :param model: a model
    :return: its policy
    :raises TypeError: if it is no model
    :raises ValueError: if its actions are not discrete, or its policy has no probabilities that depend on the context
        alone
    """
    if not isinstance(model, BaseAlgorithm):
        raise TypeError(
            f"model must be a model of Stable-Baselines3, such as PPO, A2C or SPPO, but {model!r} was given."
        )
    if not isinstance(model.action_space, spaces.Discrete):
        raise ValueError(
            f"The actions must be Discrete, but this {type(model).__name__} has {model.action_space}. Propensities of "
            "other actions are not logged."
        )
    policy = uncompiled(model.policy)
    if not has_action_probabilities(policy):
        raise ValueError(
            f"The policy of {type(model).__name__}, {type(policy).__name__}, has no action probabilities that depend "
            "on the context alone. Use A2C, PPO, TRPO or an algorithm of this package."
        )
    assert isinstance(policy, ActorCriticPolicy)
    if isinstance(policy.observation_space, spaces.Dict):
        raise ValueError(
            f"The contexts must be arrays, but the observations of this {type(model).__name__} are a Dict. Flatten "
            "them, e.g. with gymnasium.wrappers.FlattenObservation."
        )
    return policy
