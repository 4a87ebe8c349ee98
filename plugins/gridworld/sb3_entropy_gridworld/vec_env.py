"""Many gridworlds stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from sb3_entropy.errors import check_number
from sb3_entropy_gridworld.model import ACTIONS, Grid
from sb3_entropy_gridworld.rendering import image


class GridworldVecEnv(VecEnv):
    """
    A batch of gridworlds with the same parameters, made by ``GridworldEnv.make_sb3_vec_env``. Environment i is, for
    the same seed, step by step what the i-th of a ``DummyVecEnv`` is.

    :param world: one of them, which answers for what they share
    :param grid: its mechanics
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut; never if ``None``
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    def __init__(self, world: gym.Env[Any, Any], grid: Grid, n_envs: int, max_episode_steps: int | None = None):
        check_number("n_envs", n_envs, 1, integer=True)
        if max_episode_steps is not None:
            check_number("max_episode_steps", max_episode_steps, 1, integer=True)
        self.world, self.grid = world, grid
        self.limit = np.inf if max_episode_steps is None else max_episode_steps
        super().__init__(n_envs, world.observation_space, world.action_space)
        self._start = grid.index_of(grid.start)
        self._states = np.full(n_envs, self._start)
        self._steps = np.zeros(n_envs, dtype=np.int64)
        self._generators = [np.random.default_rng() for _ in range(n_envs)]
        self._actions = np.zeros(n_envs, dtype=np.int64)

    def reset(self) -> NDArray[Any]:
        """:return: first observations, shape (N, S), or (N,) with ``observation="index"``"""
        for i, seed in enumerate(self._seeds):
            if seed is not None:
                self._generators[i] = np.random.default_rng(seed)
        self.reset_infos = [self.world.reset(options=options)[1] for options in self._options]
        self._reset_seeds()
        self._reset_options()
        self._states = np.array([info["state"] for info in self.reset_infos])
        self._steps[:] = 0
        return self._observe(self._states)

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """
        :param actions: one action an environment, shape (N,)
        :raises ValueError: if one of them is none of the four
        """
        given = np.asarray(actions)
        whole = np.issubdtype(given.dtype, np.integer) and given.size == self.num_envs
        if not whole or not ((given >= 0) & (given < len(ACTIONS))).all():
            raise ValueError(
                f"Each action must be 0 (left), 1 (right), 2 (up) or 3 (down), one for each of the {self.num_envs} "
                f"environments, but {actions!r} was given."
            )
        self._actions = given.astype(np.int64).reshape(self.num_envs)

    def step_wait(self) -> VecEnvStepReturn:
        """:return: observations, rewards (N,), dones (N,) and infos; what is done has been reset"""
        grid, actions = self.grid, self._actions
        if grid.slip > 0.0:
            for i, generator in enumerate(self._generators):
                if generator.random() < grid.slip:
                    actions[i] = (actions[i] + generator.integers(1, len(ACTIONS))) % len(ACTIONS)
        rewards = grid.leaving_pays[self._states].astype(np.float32)
        self._states = grid.successors[self._states, actions]
        self._steps += 1
        terminated = self._states == grid.absorbing
        cut = ~terminated & (self._steps >= self.limit)
        dones = terminated | cut
        infos: list[dict[str, Any]] = [
            {"state": int(state), "TimeLimit.truncated": bool(over)}
            for state, over in zip(self._states, cut, strict=True)
        ]
        ended = np.flatnonzero(dones)
        for done, last in zip(ended, self._observe(self._states[ended]), strict=True):
            infos[done]["terminal_observation"] = last
            self.reset_infos[done] = {"state": self._start}
        self._states[ended] = self._start
        self._steps[ended] = 0
        return self._observe(self._states), rewards, dones, infos

    def _observe(self, states: NDArray[np.int64]) -> NDArray[Any]:
        if isinstance(self.observation_space, spaces.Discrete):
            return states.copy()
        return np.eye(self.grid.n_states, dtype=np.float32)[states]

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """:return: the grid of each environment, as one gridworld draws it"""
        grid = self.grid
        return [image(grid.size, grid.goals, grid.cell_of(int(state))) for state in self._states]

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """:return: the attribute, which all environments share, once for each"""
        return [getattr(self.world, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """:raises AttributeError: always; the environments share their parameters"""
        raise AttributeError(f"{attr_name} of a batch of gridworlds cannot be set: give it when the batch is made.")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """
        :return: what the method, which depends on the parameters alone, returns, once for each
        :raises AttributeError: for methods that depend on where an environment stands
        """
        if method_name in {"reset", "step", "render"}:
            raise AttributeError(f"{method_name}() of one gridworld in a batch cannot be called: use the batch's own.")
        method = getattr(self.world, method_name)
        return [method(*method_args, **method_kwargs) for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """:return: ``False`` for each: no wrapper is around them"""
        return [False for _ in self._get_indices(indices)]
