"""Small environments of one step."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class Colours(gym.Env[np.ndarray, np.int64]):
    """x ~ U[0, 1)², three actions, r = E[r|x, a] + U[−½, ½) with E[r|x, a] = (x₀, x₁, 1 − x₀)."""

    observation_space: Any = spaces.Box(0, 1, (2,), np.float32)
    action_space: Any = spaces.Discrete(3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.context = self.np_random.random(2).astype(np.float32)
        return self.context.copy(), {}

    @property
    def context_rewards(self) -> np.ndarray:
        """:return: E[r|x, a] of the present context, shape (3,)"""
        first, second = self.context.astype(np.float64)
        return np.array([first, second, 1 - first])

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        reward = float(self.context_rewards[action] + self.np_random.random() - 0.5)
        return self.context.copy(), reward, True, False, {}


class Secretive(gym.Wrapper[Any, Any, Any, Any]):
    """Hides what the rewards are on average."""

    def get_wrapper_attr(self, name: str) -> Any:
        if name == "context_rewards":
            raise AttributeError(name)
        return super().get_wrapper_attr(name)


class Images(gym.Env[np.ndarray, np.int64]):
    """Grey noise, channels last, and three actions; no reward."""

    observation_space: Any = spaces.Box(0, 255, (36, 36, 1), np.uint8)
    action_space: Any = spaces.Discrete(3)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        return self.np_random.integers(256, size=(36, 36, 1), dtype=np.uint8), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        return self.reset()[0], 0.0, True, False, {}
