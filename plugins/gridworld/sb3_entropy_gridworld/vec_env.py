"""Many gridworlds stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.vec_env.actions import whole_actions
from sb3_entropy.vec_env.batch import BatchVecEnv, Info, Moved
from sb3_entropy_gridworld.model import ACTIONS, Grid
from sb3_entropy_gridworld.rendering import image


class GridworldVecEnv(BatchVecEnv):
    """
    A batch of gridworlds with the same parameters, made by ``GridworldEnv.make_sb3_vec_env``.

    :param world: one of them, which answers for what they share
    :param grid: its mechanics
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut; never if ``None``
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    called = "gridworld"

    def __init__(self, world: gym.Env[Any, Any], grid: Grid, n_envs: int, max_episode_steps: int | None = None):
        super().__init__(world, n_envs, max_episode_steps)
        self.grid = grid
        self._start = grid.index_of(grid.start)
        self._states = np.full(n_envs, self._start)

    def begin(self, which: NDArray[np.int64], options: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], list[Info]]:
        infos = [self.world.reset(options=dict(given))[1] if given else {"state": self._start} for given in options]
        self._states[which] = [info["state"] for info in infos]
        return self._observe(self._states[which]), infos

    def checked(self, actions: Any) -> NDArray[np.int64]:
        directions = "Each action must be 0 (left), 1 (right), 2 (up) or 3 (down)"
        message = f"{directions}, one for each of the {self.num_envs} environments"
        return whole_actions(actions, self.num_envs, len(ACTIONS), message)

    def move(self, actions: NDArray[np.int64]) -> Moved:
        grid = self.grid
        if grid.slip > 0.0:
            for i, generator in enumerate(self.generators):
                if generator.random() < grid.slip:
                    actions[i] = (actions[i] + generator.integers(1, len(ACTIONS))) % len(ACTIONS)
        rewards = grid.leaving_pays[self._states]
        self._states = grid.successors[self._states, actions]
        return Moved(self._observe(self._states), rewards, self._states == grid.absorbing, {"state": self._states})

    def _observe(self, states: NDArray[np.int64]) -> NDArray[Any]:
        if isinstance(self.observation_space, spaces.Discrete):
            return states.copy()
        return np.eye(self.grid.n_states, dtype=np.float32)[states]

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """:return: the grid of each environment, as one gridworld draws it"""
        grid = self.grid
        return [image(grid.size, grid.goals, grid.cell_of(int(state))) for state in self._states]
