"""A task as a Gymnasium environment."""

from abc import ABC
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice
from sb3_entropy_vehicle.numerics import FLOATS, State
from sb3_entropy_vehicle.task import Task

if TYPE_CHECKING:
    from sb3_entropy_vehicle.rendering.window import Window
    from sb3_entropy_vehicle.vec_env import TaskVecEnv

Observation = NDArray[np.float32]


class TaskEnv(gym.Env[Observation, NDArray[np.float32]], ABC):
    """
    What the environments of this package have in common. Their constructors make the task.

    :param task: the mechanics
    :param render_mode: ``"rgb_array"`` (image), ``"human"`` (a window) or ``None``
    :raises ValueError: if the render mode is another
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 20}  # noqa: RUF012  (as Gymnasium declares it)

    def __init__(self, task: Task, render_mode: str | None):
        if render_mode is not None:
            check_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.task = task
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": round(1.0 / task.dt)}
        self.observation_space: spaces.Space[Any] = task.observation_space
        self.action_space: spaces.Space[Any] = task.action_space
        self._path: list[State] = []
        self._over = True
        self._window: Window | None = None

    @classmethod
    def make_sb3_vec_env(
        cls, n_envs: int, *, seed: int | None = None, max_episode_steps: int | None = None, **kwargs: Any
    ) -> "TaskVecEnv":
        """
        Many of them stepped at once, for ``--vec-env native``.

        :param n_envs: the number of environments
        :param seed: of the first environment; environment i has ``seed + i``
        :param max_episode_steps: after how many steps an episode is cut; never if ``None``
        :param kwargs: the parameters of the environments
        :return: the batch
        """
        from sb3_entropy_vehicle.vec_env import TaskVecEnv

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

        :param seed: of ``np_random``, from which the start is drawn
        :param options: where to begin, as the environment says; what is not given is drawn
        :return: the observation, and ``info``
        :raises TypeError: if an option is not a number
        :raises ValueError: if there is no such option, or its value is not allowed
        """
        super().reset(seed=seed)
        state = self.task.start(self.np_random, options)
        self._path, self._over = [state], False
        if self.render_mode == "human":
            self.render()
        return np.array(self.task.observe(state, FLOATS), np.float32), self.task.describe(state)

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """
        Carry out an action.

        :param action: shape (A,); what lies outside the box is clipped to it
        :return: observation, reward, whether the episode is over, ``False`` (cutting an episode is the ``TimeLimit``
            wrapper's), and ``info``: ``reward_terms``, whose sum is the reward, ``ended``, why the episode is over
            (``None``: it is not), and the task's own
        :raises ValueError: if the action has another shape, or is not finite
        :raises gymnasium.error.ResetNeeded: if no episode has begun, or the last one is over
        """
        if self._over:
            raise gym.error.ResetNeeded("Call reset() before step(): no episode has begun, or the last one is over.")
        task = self.task
        state, terms, end = task.try_step(self._path[-1], task.checked(action, 1)[0].tolist())
        self._over = end > 0
        if self.render_mode is None:  # nobody draws the way, and an episode without a limit would never stop growing
            self._path.clear()
        self._path.append(state)
        info = task.describe(state)
        info["reward_terms"], info["ended"] = terms, task.ends[end]
        if self.render_mode == "human":
            self.render()
        return np.array(task.observe(state, FLOATS), np.float32), sum(terms.values()), self._over, False, info

    def render(self) -> Any:
        """
        :return: the task and the way of the present episode, as an image of shape (height, width, 3), uint8; ``None``
            without a render mode, and with ``"human"``, which shows it in a window
        :raises RuntimeError: if there is no display for a window
        """
        if self.render_mode is None:
            gym.logger.warn("render() draws nothing without a render mode: make the environment with render_mode=…")
            return None
        image = self.task.image(self.path)
        if self.render_mode == "rgb_array":
            return image
        if self._window is None:
            from sb3_entropy_vehicle.rendering.window import Window

            self._window = Window(image.shape[1], image.shape[0], self.metadata["render_fps"])
        self._window.show(image)
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    @property
    def path(self) -> Sequence[State]:
        """:return: the states of the episode, from the first one on; without a render mode the last one alone"""
        return tuple(self._path)
