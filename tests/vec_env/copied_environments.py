"""Environments that tests copy, and how a copy is played, here and in a worker."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.vec_env.copies import made


def played(env: VecEnv, seed: int = 3, steps: int = 12) -> list[Any]:
    """Observations, rewards and dones of actions that are the same for equal spaces."""
    env.seed(seed)
    env.action_space.seed(seed)
    seen: list[Any] = [env.reset()]
    for _ in range(steps):
        seen += env.step(np.array([env.action_space.sample() for _ in range(env.num_envs)]))[:3]
    env.close()
    return seen


def copy_played(recipe: bytes, shared: None) -> tuple[list[Any], set[str]]:
    """What a copy plays in a worker, and the ids of ours that were registered there before it was made."""
    known = {env_id for env_id in gym.registry if env_id.startswith(("entropy/", "ALE/"))}
    return played(made(recipe)), known


class Walk(gym.Env[Any, np.ndarray]):
    """
    A random walk x ← x + a + noise in four steps, with arrays of observations, or with a dictionary of three.

    :param dictionary: which of both
    """

    action_space = spaces.Box(-1, 1, (2,), np.float64)

    def __init__(self, dictionary: bool = False):
        box = spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.dictionary = dictionary
        both = spaces.Dict({"x": box, "square": spaces.Box(0, np.inf, (1,), np.float64), "t": spaces.Discrete(5)})
        self.observation_space = both if dictionary else box
        self.t, self.x = 0, np.zeros(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t, self.x = 0, self.np_random.normal(5.0, 2.0, 2)
        return self._seen(), {}

    def step(self, action: np.ndarray) -> Any:
        self.t, self.x = self.t + 1, self.x + action + self.np_random.normal(size=2)
        return self._seen(), float(self.x.sum()), False, self.t == 4, {"x": self.x}

    def _seen(self) -> Any:
        return {"x": self.x, "square": self.x[:1] ** 2, "t": self.t} if self.dictionary else self.x
