"""Many of the source's quadrotors stepped at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.utils.seeding import np_random
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from sb3_entropy.errors import check_number
from sb3_entropy_quadrotor.paper import PaperQuadrotorEnv, observed
from sb3_entropy_quadrotor.paper_model import DT, advance, drawn_state, target_at


class PaperVecEnv(VecEnv):
    """
    A batch of :class:`~sb3_entropy_quadrotor.paper.PaperQuadrotorEnv` with the same parameters. Environment i is, for
    the same seed, step by step what the i-th of a ``DummyVecEnv`` is, but for the last bits: NumPy's sine is not the
    mathematical library's.

    :param world: one of them, which answers for what they share
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut, if the source's time limit does not end it before
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    def __init__(self, world: PaperQuadrotorEnv, n_envs: int, max_episode_steps: int | None = None):
        check_number("n_envs", n_envs, 1, integer=True)
        if max_episode_steps is not None:
            check_number("max_episode_steps", max_episode_steps, 1, integer=True)
        self.world = world
        self.limit = np.inf if max_episode_steps is None else max_episode_steps
        super().__init__(n_envs, world.observation_space, world.action_space)
        self._generators = [np_random()[0] for _ in range(n_envs)]
        self._states = [np.zeros(n_envs) for _ in range(12)]
        self._steps = np.zeros(n_envs, dtype=np.int64)
        self._actions: NDArray[np.float64] = np.zeros((n_envs, 4))

    def reset(self) -> NDArray[np.float32]:
        """
        :return: first observations, shape (N, 9)
        :raises ValueError: if an option is given
        """
        if any(self._options):
            raise ValueError(f"model='paper' has no options of reset(), but {self._options!r} was given.")
        for i, seed in enumerate(self._seeds):
            if seed is not None:
                self._generators[i] = np_random(seed)[0]
        self._reset_seeds()
        self._reset_options()
        self._states = list(np.array([drawn_state(generator) for generator in self._generators]).T.copy())
        self._steps[:] = 0
        self.reset_infos = [{"time": 0.0} for _ in range(self.num_envs)]
        return observed(self._states, self._steps)

    def step_async(self, actions: NDArray[Any]) -> None:
        """
        :param actions: one action an environment, shape (N, 4); what lies outside [−1, 1] is clipped to it
        :raises ValueError: if they have another shape, or one is not finite
        """
        given = np.asarray(actions)
        if given.dtype.kind not in "iuf" or given.shape != (self.num_envs, 4) or not np.isfinite(given).all():
            raise ValueError(
                f"{self.num_envs} actions must be four finite numbers each, shape ({self.num_envs}, 4), but "
                f"{actions!r} was given."
            )
        self._actions = np.clip(given.astype(np.float64), -1.0, 1.0)

    def step_wait(self) -> VecEnvStepReturn:
        """:return: observations, rewards (N,), dones (N,) and infos; what is done has been reset"""
        world = self.world
        self._states = states = advance(self._states, list(world.middle + world.gain * self._actions.T), np.sin, np.cos)
        self._steps += 1
        x, y, z, _, _, _, roll, pitch, yaw, *_ = states
        position = -5.0 * (abs(target_at(self._steps) - x) + abs(y) + abs(z))
        attitude = -(abs(roll) + abs(pitch) + abs(yaw))
        late = self._steps >= world.most_steps
        dones = late | (self._steps >= self.limit)
        cut = dones & ~(late & world.terminates)
        observations = observed(states, self._steps)
        infos: list[dict[str, Any]] = [
            {"time": t, "reward_terms": {"position": p, "attitude": a}, "TimeLimit.truncated": over}
            for t, p, a, over in zip(
                (DT * self._steps).tolist(), position.tolist(), attitude.tolist(), cut.tolist(), strict=True
            )
        ]
        for done in np.flatnonzero(dones):
            infos[done]["terminal_observation"] = observations[done].copy()
            for part, number in zip(states, drawn_state(self._generators[done]), strict=True):
                part[done] = number
            self.reset_infos[done] = {"time": 0.0}
        if dones.any():
            self._steps[dones] = 0
            observations[dones] = observed([part[dones] for part in states], self._steps[dones])
        return observations, (position + attitude).astype(np.float32), dones, infos

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """:return: nothing for each: the batch is not drawn"""
        return [None for _ in range(self.num_envs)]

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
