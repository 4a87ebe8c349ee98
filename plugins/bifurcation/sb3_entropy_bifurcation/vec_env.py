"""Many environments of one task stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sb3_entropy.vec_env.batch import BatchVecEnv, Info, Moved
from sb3_entropy_bifurcation.task import Array, Task


class TaskVecEnv(BatchVecEnv):
    """
    A batch of environments with the same parameters, made by ``make_sb3_vec_env`` of their class.

    :param world: one of them, which answers for what they share
    :param task: its mechanics
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut; never if ``None``
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    def __init__(self, world: gym.Env[Any, Any], task: Task, n_envs: int, max_episode_steps: int | None = None):
        super().__init__(world, n_envs, max_episode_steps, {"path": self.path})
        self.task = task
        self._states = np.repeat(task.begin({})[None], n_envs, axis=0)
        self._paths: list[list[NDArray[Any]]] = [[] for _ in range(n_envs)]

    def path(self, i: int) -> tuple[NDArray[Any], ...]:
        """:return: the states of the present episode of environment i, the first one included"""
        return tuple(self._paths[i])

    def begin(self, which: NDArray[np.int64], options: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], list[Info]]:
        starts = np.stack([self.task.begin(given) for given in options])
        self._states[which] = starts
        for i, start in zip(which.tolist(), starts, strict=True):
            self._paths[i] = [start]
        return self.task.observe(starts), self.task.describe(starts)

    def checked(self, actions: Any) -> Array:
        return self.task.checked(actions, self.num_envs)

    def move(self, actions: Array) -> Moved:
        outcome = self.task.step(self._states, actions)
        self._states = outcome.states
        for path, state in zip(self._paths, outcome.states.copy(), strict=True):
            path.append(np.asarray(state))
        return Moved(self.task.observe(outcome.states), outcome.rewards, outcome.ended, self.task.infos(outcome))

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """:return: the picture of each environment, as one of them draws it"""
        return [self.task.image(path) for path in self._paths]
