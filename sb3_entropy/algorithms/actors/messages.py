"""What the learner and its actors send each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.temperature import Temperature
from sb3_entropy.vec_env.following import Moments, Statistics


@dataclass(frozen=True)
class Weights:
    """
    What the learner puts once an update.

    :param version: the number of the update that they are put for, from 1 on
    :param parameters: θ of the policy
    :param statistics: with which observations and rewards are normalised; None if they are not
    :param beginning: how often the training has begun to count its steps from 0; actors reset their environments then
    :param settings: arguments of the actors' models that may change from one rollout to the next, by name
    :param lesson: how actors that learn do it; None for those that do not
    """

    version: int
    parameters: Snapshot
    statistics: Statistics | None
    beginning: int
    settings: Mapping[str, Any]
    lesson: "Lesson | None" = None


@dataclass(frozen=True)
class Lesson:
    """
    What the learner's update would begin with, and an actor's gradient does.

    :param temperature: gives α, and is tuned where the learner's is, so that entropies are computed where they are
        needed
    :param progress_remaining: the share of the training that is still to come when that update comes
    :param coefs: λ of each regulariser; None where it follows from the gradient
    :param references: those of the regularisers that remember policies, pickled, and None in the place of the others;
        None if there are none
    :param sends_observations: whether observations are sent back, or a few of them
    """

    temperature: Temperature
    progress_remaining: float
    coefs: Sequence[float | None]
    references: bytes | None
    sends_observations: bool


@dataclass
class Gradient:
    """
    What an actor that learns has found in its fragment, besides: ∂L/∂θ of the loss on all of it.

    :param values: ∂L/∂θ, shape (P,), of those parameters that have a gradient, in the policy's order
    :param exists: of each parameter of the policy, whether it has one
    :param buffers: those of the policy, such as running means, after the loss was computed
    :param notes: L and its parts, by log key
    :param divergences: E_s D and λ of each regulariser; None where there was no reference yet
    :param advantages: Â, shape (T, N)
    :param returns: R̂, shape (T, N)
    :param entropies: H(μ(·|s)) in nats, shape (T, N); None if they were not needed
    :param states: a few of the observations, one after another, where the fragment has none; else None
    """

    values: np.ndarray
    exists: list[bool]
    buffers: list[np.ndarray]
    notes: dict[str, float]
    divergences: list[tuple[float, float] | None]
    advantages: np.ndarray
    returns: np.ndarray
    entropies: np.ndarray | None
    states: Any


@dataclass
class Fragment:
    """
    T steps of an actor's N environments, by the policy μ that its weights were.

    :param actor: the actor's number
    :param version: the weights', see :class:`Weights`
    :param observations: s_t, arrays of shape (T, N, …), by key if they are a Dict; None where the actor keeps them
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
    :param gradient: what the actor has learned from it; None where the learner does
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
    seconds: float = 0.0
    gradient: Gradient | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """T and N."""
        return self.rewards.shape
