"""Many environments of one task stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from sb3_entropy.errors import check_number
from sb3_entropy_bifurcation.task import Array, Task


class TaskVecEnv(VecEnv):
    """
    A batch of environments with the same parameters, made by ``make_sb3_vec_env`` of their class. Environment i is step
    by step what the i-th of a ``DummyVecEnv`` is.

    :param world: one of them, which answers for what they share
    :param task: its mechanics
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut; never if ``None``
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    def __init__(self, world: gym.Env[Any, Any], task: Task, n_envs: int, max_episode_steps: int | None = None):
        check_number("n_envs", n_envs, 1, integer=True)
        if max_episode_steps is not None:
            check_number("max_episode_steps", max_episode_steps, 1, integer=True)
        self.world, self.task = world, task
        self.limit = np.inf if max_episode_steps is None else max_episode_steps
        super().__init__(n_envs, world.observation_space, world.action_space)
        self._start = task.begin({})
        self._states = np.repeat(self._start[None], n_envs, axis=0)
        self._steps = np.zeros(n_envs, dtype=np.int64)
        self._paths: list[list[NDArray[Any]]] = [[] for _ in range(n_envs)]
        self._actions: Array = np.zeros((n_envs, *task.action_space.shape))

    def reset(self) -> NDArray[np.float32]:
        """:return: first observations, shape (N, O)"""
        starts = [self.task.begin(options) for options in self._options]
        self._reset_seeds()
        self._reset_options()
        self._states = np.stack(starts)
        self._steps[:] = 0
        self._paths = [[start] for start in starts]
        self.reset_infos = self.task.describe(self._states)
        return self.task.observe(self._states)

    def step_async(self, actions: NDArray[Any]) -> None:
        """
        :param actions: one action an environment, shape (N, A); what lies outside the box is clipped to it
        :raises ValueError: if they have another shape, or one is not finite
        """
        self._actions = self.task.checked(actions, self.num_envs)

    def step_wait(self) -> VecEnvStepReturn:
        """:return: observations, rewards (N,), dones (N,) and infos; what is done has been reset"""
        outcome = self.task.step(self._states, self._actions)
        self._states = outcome.states
        self._steps += 1
        cut = ~outcome.ended & (self._steps >= self.limit)
        dones = outcome.ended | cut
        infos = self.task.infos(outcome)
        for info, path, state, over in zip(infos, self._paths, outcome.states.copy(), cut.tolist(), strict=True):
            info["TimeLimit.truncated"] = over
            path.append(np.asarray(state))
        observations = self.task.observe(outcome.states)
        for done in np.flatnonzero(dones):
            infos[done]["terminal_observation"] = observations[done].copy()
            (self.reset_infos[done],) = self.task.describe(self._start[None])
            self._paths[done] = [self._start]
        if dones.any():
            self._states[dones] = self._start
            self._steps[dones] = 0
            observations[dones] = self.task.observe(self._start[None])
        return observations, outcome.rewards.astype(np.float32), dones, infos

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """:return: the picture of each environment, as one of them draws it"""
        return [self.task.image(path) for path in self._paths]

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """:return: the attribute, which all environments share, once for each"""
        return [getattr(self.world, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """:raises AttributeError: always; the environments share their parameters"""
        raise AttributeError(f"{attr_name} of a batch of environments cannot be set: give it when the batch is made.")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """
        :return: what the method, which depends on the parameters alone, returns, once for each
        :raises AttributeError: for methods that depend on where an environment stands
        """
        if method_name in {"reset", "step", "render"}:
            raise AttributeError(
                f"{method_name}() of one environment in a batch cannot be called: use the batch's own."
            )
        method = getattr(self.world, method_name)
        return [method(*method_args, **method_kwargs) for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """:return: ``False`` for each: no wrapper is around them"""
        return [False for _ in self._get_indices(indices)]
