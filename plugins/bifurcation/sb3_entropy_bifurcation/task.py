"""What a task is, to one environment and to a batch of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.vec_env.actions import box_actions

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Outcome(NamedTuple):
    """
    What a step leads to.

    :param states: the next states, shape (N, …)
    :param rewards: what the step pays, shape (N,)
    :param ended: whether the episode is over, shape (N,)
    :param solved: whether it is over as it should be, shape (N,)
    """

    states: NDArray[Any]
    rewards: Array
    ended: Flags
    solved: Flags


class Task(ABC):
    """The mechanics of a task without chance. N states are an array whose first axis is N."""

    observation_space: spaces.Box
    action_space: spaces.Box

    @abstractmethod
    def begin(self, options: Mapping[str, Any]) -> NDArray[Any]:
        """
        :param options: those of ``reset()``
        :return: the first state
        :raises ValueError: if an option is not known, or its value not allowed
        """

    @abstractmethod
    def step(self, states: NDArray[Any], actions: Array) -> Outcome:
        """
        :param states: shape (N, …), of episodes that are not over
        :param actions: shape (N, A), inside the box
        :return: what they lead to
        """

    @abstractmethod
    def observe(self, states: NDArray[Any]) -> NDArray[np.float32]:
        """
        :param states: shape (N, …)
        :return: what the agent sees, shape (N, O)
        """

    @abstractmethod
    def describe(self, states: NDArray[Any]) -> list[dict[str, Any]]:
        """
        :param states: shape (N, …)
        :return: each as plain values, for ``info``
        """

    @abstractmethod
    def image(self, path: Sequence[NDArray[Any]]) -> NDArray[np.uint8]:
        """
        :param path: the states of the episode so far; none before the first
        :return: a picture, shape (height, width, 3)
        """

    def infos(self, outcome: Outcome) -> list[dict[str, Any]]:
        """
        :param outcome: of a step
        :return: each ``info``: the state, and ``is_success``, which Stable-Baselines3 logs the rate of
        """
        infos = self.describe(outcome.states)
        for info, solved in zip(infos, outcome.solved.tolist(), strict=True):
            info["is_success"] = solved
        return infos

    def checked(self, actions: Any, n: int) -> Array:
        """
        :param actions: what was given for n actions
        :param n: how many are due
        :return: them, clipped to the box as in the source, shape (n, A)
        :raises ValueError: if they are not n·A finite numbers
        """
        return box_actions(actions, n, self.action_space.shape[0], self.action_space.low, self.action_space.high)
