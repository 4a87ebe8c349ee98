"""Environments whose only property is how long a step takes: one waits, one computes."""

import time
from abc import ABC, abstractmethod
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor

from sb3_entropy.errors import check_number

Observation = NDArray[np.float32]


class Slow(gym.Env[Observation, np.int64], ABC):
    """
    What the slow ones have in common: observations of CartPole's shape that are noise, two actions that change nothing,
    a reward of 1 a step.

    :param seconds: the mean time of a step
    :param length: steps of an episode
    :raises ValueError: if ``seconds`` is negative or not finite, or ``length`` below 1
    """

    def __init__(self, seconds: float = 0.005, length: int = 200) -> None:
        check_number("seconds", seconds, low=0)
        check_number("length", length, low=1, integer=True)
        self.seconds, self.length = seconds, length
        self.observation_space = Box(-1.0, 1.0, (4,), np.float32)
        self.action_space = Discrete(2)
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._steps = 0
        return self._observe(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._take_time()
        self._steps += 1
        return self._observe(), 1.0, self._steps >= self.length, False, {}

    def _observe(self) -> Observation:
        return self.np_random.uniform(-1, 1, 4).astype(np.float32)

    @abstractmethod
    def _take_time(self) -> None:
        """Let the time of a step pass."""


class Waiting(Slow):
    """A step sleeps for the same time always: a device, a server, a simulator in another process."""

    def _take_time(self) -> None:
        time.sleep(self.seconds)


class WaitingAtRandom(Slow):
    """A step sleeps for an exponential time."""

    def _take_time(self) -> None:
        time.sleep(self.np_random.exponential(self.seconds))


class Computing(Slow):
    """A step takes so much processor time of its thread, and longer where that has no core of its own."""

    def _take_time(self) -> None:
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            pass


def waiting() -> gym.Env[Any, Any]:
    """:return: one that waits 5 ms a step"""
    return Monitor(Waiting())


def waiting_at_random() -> gym.Env[Any, Any]:
    """:return: one that waits an exponential time of mean 5 ms a step"""
    return Monitor(WaitingAtRandom())


def computing() -> gym.Env[Any, Any]:
    """:return: one that computes for 5 ms a step"""
    return Monitor(Computing())


def cartpole() -> gym.Env[Any, Any]:
    """:return: Gymnasium's CartPole-v1"""
    return Monitor(gym.make("CartPole-v1"))
