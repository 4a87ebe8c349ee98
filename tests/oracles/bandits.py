"""One-step environments whose soft-optimal policies are known, many of them side by side."""

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv


class ArmBandit:
    """Arms with distinct mean rewards, and noise. At temperature α the best policy is softmax(means / α)."""

    means = np.array([1.0, 0.7, 0.5, 0.1, -0.6])
    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(len(means))

    def rewards(self, actions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.means[actions] + 0.1 * rng.normal(size=len(actions))


class QuadraticBandit:
    """r = −Σ kᵢ (aᵢ − cᵢ)². At temperature α the best Gaussian has means c and variances α / 2k."""

    curvatures = np.array([2.0, 0.5])
    centres = np.array([0.3, -0.2])
    observation_space = spaces.Box(-1, 1, (1,))

    def __init__(self, n_dims: int):
        self.n_dims = n_dims
        self.action_space = spaces.Box(-3, 3, (n_dims,))

    def rewards(self, actions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return -((actions - self.centres[: self.n_dims]) ** 2) @ self.curvatures[: self.n_dims]


class SideBySide(VecEnv):
    """Many copies of a bandit in one array: every step ends every episode."""

    def __init__(self, bandit: ArmBandit | QuadraticBandit, n_envs: int):
        super().__init__(n_envs, bandit.observation_space, bandit.action_space)
        self.bandit = bandit
        self.rng = np.random.default_rng(0)

    def _observations(self) -> np.ndarray:
        return np.ones((self.num_envs, 1), np.float32)

    def seed(self, seed: int | None = None) -> list[None]:
        self.rng = np.random.default_rng(seed)
        return [None] * self.num_envs

    def reset(self) -> np.ndarray:
        return self._observations()

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        rewards = self.bandit.rewards(self.actions, self.rng).astype(np.float32)
        return self._observations(), rewards, np.ones(self.num_envs, bool), [{} for _ in range(self.num_envs)]

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
