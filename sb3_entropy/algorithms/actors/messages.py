"""What the learner and its actors send each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.vec_env.following import Moments, Statistics


@dataclass(frozen=True)
class Weights:
    """
    What the learner puts once an update.

    :param version: the number of the update that they are put for, from 1 on
    :param parameters: θ of the policy
    :param statistics: with which observations and rewards are normalised; None if they are not
    :param alpha: α
    :param progress_remaining: the share of the training that is still to come
    :param beginning: how often the training has begun to count its steps from 0; actors reset their environments then
    :param settings: arguments of the actors' models that may change from one rollout to the next, by name
    """

    version: int
    parameters: Snapshot
    statistics: Statistics | None
    alpha: float
    progress_remaining: float
    beginning: int
    settings: Mapping[str, Any]


@dataclass
class Fragment:
    """
    T steps of an actor's N environments, by the policy μ that its weights were.

    :param actor: the actor's number
    :param version: the weights', see :class:`Weights`
    :param observations: s_t, arrays of shape (T, N, …), by key if they are a Dict
    :param actions: a_t as the rollout buffer has them, shape (T, N, A)
    :param clipped_actions: what the environments were given, one array a step
    :param rewards: r_t as the environments gave them, shape (T, N)
    :param bootstrapped: the same; with γV_μ of its last observation where a time limit has ended an episode
    :param episode_starts: 1 where s_t is the first of an episode, shape (T, N)
    :param values: V(s_t) of the actor's critic, shape (T, N)
    :param log_probs: log μ(a_t|s_t), shape (T, N)
    :param last_observations: s_T, arrays of shape (N, …)
    :param last_values: V(s_T) of the actor's critic, shape (N,)
    :param dones: whether the last step has ended its episode, shape (N,)
    :param infos: what the environments said, T lists of N
    :param moments: of what it has seen unnormalised; None where nobody needs them
    :param seconds: how long it took
    """

    actor: int
    version: int
    observations: Any
    actions: np.ndarray
    clipped_actions: list[np.ndarray]
    rewards: np.ndarray
    bootstrapped: np.ndarray
    episode_starts: np.ndarray
    values: np.ndarray
    log_probs: np.ndarray
    last_observations: Any
    last_values: np.ndarray
    dones: np.ndarray
    infos: list[list[dict[str, Any]]]
    moments: Moments | None
    seconds: float

    @property
    def shape(self) -> tuple[int, int]:
        """T and N."""
        return self.rewards.shape
