"""Environments that are small, random and reproducible."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

VECTOR = spaces.Box(-np.inf, np.inf, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (36, 36, 1), np.uint8)
DICT = spaces.Dict({"image": IMAGE, "vector": VECTOR, "room": spaces.Discrete(3)})
OBSERVATIONS: dict[str, spaces.Space] = {
    "vector": VECTOR,
    "image": IMAGE,
    "dict": DICT,
    "discrete": spaces.Discrete(4),
    "multi_discrete": spaces.MultiDiscrete([3, 2]),
    "multi_binary": spaces.MultiBinary(3),
}
BOX = spaces.Box(np.array([-2.0, 0.5], np.float32), np.array([1.0, 3.0], np.float32))
ACTIONS: dict[str, spaces.Space] = {
    "box": BOX,
    "discrete": spaces.Discrete(3),
    "multi_discrete": spaces.MultiDiscrete([3, 2]),
    "multi_binary": spaces.MultiBinary(3),
}
POLICY = {"image": "CnnPolicy", "dict": "MultiInputPolicy"}


class RandomEnv(gym.Env):
    """
    Observations are drawn from their space, rewards depend on them and on the action.

    :param observations: the observation space
    :param actions: the action space
    :param length: steps an episode
    :param truncates: whether a time limit, not the task, ends every second episode
    :param spoil: called at every observation and reward with their number, counted from the first reset; gives what is
        handed out in their place
    """

    def __init__(
        self,
        observations: spaces.Space = VECTOR,
        actions: spaces.Space = BOX,
        length: int = 7,
        truncates: bool = False,
        spoil: Callable[[int, Any, float], tuple[Any, float]] | None = None,
    ):
        self.observation_space = deepcopy(observations)
        self.action_space = deepcopy(actions)
        self.length = length
        self.truncates = truncates
        self.spoil = spoil
        self.n_observed = -1
        self.n_episodes = 0
        self.t = 0

    def _observe(self, reward: float = 0.0) -> tuple[Any, float]:
        observation = self.observation_space.sample()
        self.n_observed += 1
        return self.spoil(self.n_observed, observation, reward) if self.spoil else (observation, reward)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.t = 0
        self.n_episodes += 1
        return self._observe()[0], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self.action_space.contains(action):
            raise AssertionError(f"{action!r} is not in {self.action_space}")
        self.t += 1
        reward = float(np.mean(action)) + float(self.np_random.normal())
        observation, reward = self._observe(reward)
        over = self.t >= self.length
        cut = over and self.truncates and self.n_episodes % 2 == 0
        return observation, reward, over and not cut, cut, {}


class GoalEnv(gym.Env):
    """
    A point is moved towards a goal that is drawn for each episode; the reward is the less, the farther it is away.

    :param length: steps an episode
    """

    def __init__(self, length: int = 5):
        point = spaces.Box(-4.0, 4.0, (2,), np.float32)
        names = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = spaces.Dict({name: deepcopy(point) for name in names})
        self.action_space = deepcopy(BOX)
        self.length = length

    def compute_reward(self, achieved: np.ndarray, desired: np.ndarray, info: Any) -> np.ndarray:
        """:return: −‖achieved − desired‖, of one or of many"""
        distance: np.ndarray = -np.linalg.norm(achieved - desired, axis=-1)
        return distance

    def _observe(self) -> dict[str, np.ndarray]:
        return {"observation": self.at.copy(), "achieved_goal": self.at.copy(), "desired_goal": self.goal.copy()}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.goal = self.np_random.uniform(-1, 1, (2, 2)).astype(np.float32)
        self.t = 0
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.t += 1
        self.at = np.clip(self.at + 0.3 * action, -4, 4).astype(np.float32)
        reward = float(self.compute_reward(self.at, self.goal, {}))
        return self._observe(), reward, False, self.t >= self.length, {}


def make_env(observations: str = "vector", actions: str = "box", **kwargs: Any) -> gym.Env:
    """:return: a RandomEnv by the names of its spaces"""
    return RandomEnv(OBSERVATIONS[observations], ACTIONS[actions], **kwargs)


def make_vec_env(n_envs: int, **kwargs: Any) -> VecEnv:
    """:return: several of them, of unequal length, with the monitor that counts their returns"""
    length = kwargs.pop("length", 5)
    return DummyVecEnv([lambda i=i: Monitor(make_env(length=length + i, **kwargs)) for i in range(n_envs)])
