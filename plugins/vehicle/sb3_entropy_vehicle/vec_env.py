"""Many environments of one task stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from sb3_entropy.errors import check_number
from sb3_entropy_vehicle.numerics import ARRAYS, FLOATS
from sb3_entropy_vehicle.task import Array, Task


class TaskVecEnv(VecEnv):
    """
    A batch of environments with the same parameters, made by ``make_sb3_vec_env`` of their class. Environment i is, for
    the same seed, step by step what the i-th of a ``DummyVecEnv`` is, up to the rounding of NumPy's functions, which is
    not always that of ``math``'s.

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
        self._generators = [np.random.default_rng() for _ in range(n_envs)]
        self._states: Array = np.zeros((0, n_envs))  # (numbers of a state, N)
        self._steps = np.zeros(n_envs, dtype=np.int64)
        self._actions: Array = np.zeros((n_envs, *task.action_space.shape))
        self._diverged = task.ends.index("diverged")

    def reset(self) -> NDArray[np.float32]:
        """:return: first observations, shape (N, O)"""
        for i, seed in enumerate(self._seeds):
            if seed is not None:
                self._generators[i] = np.random.default_rng(seed)
        starts = [self.task.start(*given) for given in zip(self._generators, self._options, strict=True)]
        self._reset_seeds()
        self._reset_options()
        self._states = np.array(starts).T.copy()
        self._steps[:] = 0
        self.reset_infos = [self.task.describe(start) for start in starts]
        return np.array(self.task.observe(self._states, ARRAYS), np.float32).T.copy()

    def step_async(self, actions: NDArray[Any]) -> None:
        """
        :param actions: one action an environment, shape (N, A); what lies outside the box is clipped to it
        :raises ValueError: if they have another shape, or one is not finite
        """
        self._actions = self.task.checked(actions, self.num_envs)

    def step_wait(self) -> VecEnvStepReturn:
        """:return: observations, rewards (N,), dones (N,) and infos; what is done has been reset"""
        task = self.task
        with np.errstate(all="ignore"):
            outcome = task.step(self._states, list(self._actions.T), ARRAYS)
            states = np.array(outcome.state)
            lost = ~np.isfinite(states).all(axis=0)
        ends = np.zeros(self.num_envs, dtype=np.int64) + outcome.end
        terms = outcome.terms
        if lost.any():
            states[:, lost], ends[lost] = self._states[:, lost], self._diverged
            terms = {name: np.where(lost, 0.0, term) for name, term in terms.items()}
        rewards = sum(terms.values(), np.zeros(self.num_envs))
        self._steps += 1
        cut = (ends == 0) & (self._steps >= self.limit)
        dones = (ends > 0) | cut
        infos = self._infos(states, terms, ends, cut)
        observations = np.array(task.observe(states, ARRAYS), np.float32).T.copy()
        for done in np.flatnonzero(dones):
            infos[done]["terminal_observation"] = observations[done].copy()
            start = task.start(self._generators[done], None)
            self.reset_infos[done] = task.describe(start)
            states[:, done] = start
            observations[done] = task.observe(start, FLOATS)
        self._steps[dones] = 0
        self._states = states
        return observations, rewards.astype(np.float32), dones, infos

    def _infos(
        self, states: Array, terms: dict[str, Array], ends: NDArray[np.int64], cut: NDArray[np.bool_]
    ) -> list[dict[str, Any]]:
        described = self.task.describe(states)
        columns: list[list[Any]] = [column.tolist() for column in described.values()]
        paid = zip(*(term.tolist() for term in terms.values()), strict=True)
        columns.append(list(map(dict, map(zip, repeat(tuple(terms)), paid))))
        columns += [[self.task.ends[end] for end in ends.tolist()], cut.tolist()]
        names = (*described, "reward_terms", "ended", "TimeLimit.truncated")
        return list(map(dict, map(zip, repeat(names), zip(*columns, strict=True))))

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """:return: where each environment stands, as one of them draws it, without the way that led there"""
        return [self.task.image([state]) for state in self._states.T.tolist()]

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
