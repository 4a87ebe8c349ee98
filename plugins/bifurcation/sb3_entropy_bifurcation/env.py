"""A task as a Gymnasium environment."""

from abc import ABC
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice
from sb3_entropy_bifurcation.task import Task

if TYPE_CHECKING:
    from sb3_entropy_bifurcation.vec_env import TaskVecEnv

Observation = NDArray[np.float32]


class TaskEnv(gym.Env[Observation, NDArray[np.float32]], ABC):
    """
    What the environments of this package have in common. Their constructors make the task.

    :param task: the mechanics
    :param render_mode: ``"rgb_array"`` (image) or ``None``
    :raises ValueError: if the render mode is another
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012  (as Gymnasium declares it)

    def __init__(self, task: Task, render_mode: str | None):
        if render_mode is not None:
            check_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.task = task
        self.render_mode = render_mode
        self.observation_space: spaces.Space[Any] = task.observation_space
        self.action_space: spaces.Space[Any] = task.action_space
        self._path: list[NDArray[Any]] = []
        self._over = True

    @classmethod
    def make_sb3_vec_env(
        cls, n_envs: int, *, seed: int | None = None, max_episode_steps: int | None = None, **kwargs: Any
    ) -> "TaskVecEnv":
        """
        Many of them stepped at once, for ``--vec-env native``.

        :param n_envs: the number of environments
        :param seed: of the first environment; there is no chance in these tasks, so that it decides on nothing
        :param max_episode_steps: after how many steps an episode is cut; never if ``None``
        :param kwargs: the parameters of the environments
        :return: the batch
        """
        from sb3_entropy_bifurcation.vec_env import TaskVecEnv

        world = cls(**kwargs)
        vec_env = TaskVecEnv(world, world.task, n_envs, max_episode_steps)
        if seed is not None:
            vec_env.seed(seed)
        return vec_env

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """
        Begin an episode.

        :param seed: of ``np_random``, which nothing here draws from
        :param options: where to begin, as the environment says; ``None``: at its start
        :return: the observation, and the state as ``info``
        :raises ValueError: if there is no such option, or its value is not allowed
        """
        super().reset(seed=seed)
        start = self.task.begin(options or {})
        self._path, self._over = [start], False
        return self.task.observe(start[None])[0], self.task.describe(start[None])[0]

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """
        Carry out an action.

        :param action: shape (A,); what lies outside the box is clipped to it
        :return: observation, reward, whether the episode is over, ``False`` (cutting an episode is the ``TimeLimit``
            wrapper's), and ``info``: the state, and ``is_success``
        :raises ValueError: if the action has another shape, or is not finite
        :raises gymnasium.error.ResetNeeded: if no episode has begun, or the last one is over
        """
        if self._over:
            raise gym.error.ResetNeeded("Call reset() before step(): no episode has begun, or the last one is over.")
        outcome = self.task.step(self._path[-1][None], self.task.checked(action, 1))
        state, reward = outcome.states[0], float(outcome.rewards[0])
        self._over = bool(outcome.ended[0])
        self._path.append(state)
        return self.task.observe(outcome.states)[0], reward, self._over, False, self.task.infos(outcome)[0]

    def render(self) -> Any:
        """
        :return: the task and the way of the present episode, as an image of shape (height, width, 3), uint8; ``None``
            without a render mode
        """
        if self.render_mode is None:
            gym.logger.warn("render() draws nothing without a render mode: make the environment with render_mode=…")
            return None
        return self.task.image(self.path)

    @property
    def path(self) -> Sequence[NDArray[Any]]:
        """:return: the states of the present episode, the first one included"""
        return tuple(self._path)
