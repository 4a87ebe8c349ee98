"""envpool's C++ environments as a Stable-Baselines3 ``VecEnv``."""

import operator
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvObs, VecEnvStepReturn

from sb3_entropy.errors import check_number, how_to_install, unknown

_INT32 = 2**31  # what envpool's seeds and limits stay below


class EnvPoolVecEnv(VecEnv):
    """
    A pool of envpool environments under Stable-Baselines3's conventions.

    envpool (1.x) resets an environment on the step *after* the one that ended its episode: the action given to that
    step is thrown away and its reward is 0. Taken literally, one transition an episode would be wrong. Here a finished
    environment is reset at once, by a second call that touches no other: the observation returned with ``done`` is the
    next episode's first, and ``infos[i]["terminal_observation"]`` is the last one of the episode that ended.

    envpool calls an episode that ends in the very step of its time limit truncated, where Gymnasium says terminated,
    and nothing may be bootstrapped. So the engine's own limit is set one step later and the episode is cut here.

    envpool fixes its seeds, one an environment, when the pool is made and ignores those of ``reset``. Hence the pool
    is made at the first :meth:`reset`, and made anew at the first one after :meth:`seed`: as everywhere in
    Stable-Baselines3, environment ``i`` is seeded with ``seed + i`` (modulo 2³¹), and a reset without a seed goes on
    with the same streams.

    :param env_id: the task, by envpool's name or by Gymnasium's, whose namespace is dropped (``ALE/Pong-v5``)
    :param n_envs: the number of environments
    :param seed: the first environment's seed; drawn if ``None``
    :param kwargs: handed to ``envpool.make``, e.g. ``num_threads`` or ``max_episode_steps``
    :raises ImportError: if envpool is not installed
    :raises ValueError: if envpool has no such task, the task has several players, or ``envpool.make`` knows not a key
    """

    def __init__(self, env_id: str, n_envs: int = 1, seed: int | None = None, **kwargs: Any):
        check_number("n_envs", n_envs, low=1, integer=True)
        self.envpool = import_envpool()
        self.task = find_task(env_id, self.envpool.list_all_envs())
        self.spec = gym.registry.get(env_id)
        self.kwargs = {"num_threads": min(n_envs, os.cpu_count() or 1), **kwargs}
        try:
            spec = self.envpool.make_spec(self.task, num_envs=n_envs, seed=[0] * n_envs, **self.kwargs)
        except TypeError as error:
            raise ValueError(
                f"envpool cannot make {self.task!r} with {kwargs}: {error}. Correct env_kwargs; the task's own "
                f"settings are those of envpool.make_spec({self.task!r}).config."
            ) from error
        self.config: dict[str, Any] = spec.config._asdict()
        self._limit = int(self.config["max_episode_steps"])
        if self._limit < _INT32 - 1:
            self.kwargs["max_episode_steps"] = self._limit + 1
        if self.config["max_num_players"] != 1:
            raise ValueError(f"{self.task!r} has several players; only tasks with one can be trained on.")
        with quiet():
            observation_space, action_space = spec.gymnasium_observation_space, spec.gymnasium_action_space
        if isinstance(action_space, spaces.Box):
            # Gymnasium's continuous actions are float32; a model can then move between the two.
            action_space = spaces.Box(action_space.low, action_space.high, dtype=np.float32)
        self._action_dtype = spec.action_array_spec["action"].dtype
        self._pool: Any = None
        self._actions: np.ndarray | None = None
        super().__init__(n_envs, observation_space, action_space)
        self.seed(seed)

    def __getstate__(self) -> dict[str, Any]:
        """The pool stays here: whoever has the copy makes one of its own, at the first :meth:`reset`."""
        return {name: value for name, value in vars(self).items() if name not in {"envpool", "_pool", "_actions"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, envpool=import_envpool(), _pool=None, _actions=None)

    def reset(self) -> VecEnvObs:
        if any(self._options):
            raise ValueError(f"envpool takes no reset options, but {self._options} were given; use env_kwargs.")
        if self._pool is None and None in self._seeds:
            self.seed(None)
        if None not in self._seeds:
            self.close()
            seeds = [int(seed) % _INT32 for seed in self._seeds if seed is not None]
            self._pool = self.envpool.make(
                self.task, env_type="gymnasium", num_envs=self.num_envs, seed=seeds, **self.kwargs
            )
        with quiet():
            observations, info = self._pool.reset()
        self.reset_infos = self._infos(info)
        self._reset_seeds()
        self._actions = None
        firsts: VecEnvObs = _map(lambda values: values[_order(info)], observations)
        return firsts

    def step_async(self, actions: np.ndarray) -> None:
        """
        :param actions: (n_envs, …); continuous ones are clipped to the action space
        :raises ValueError: if a discrete action is outside the action space
        :raises RuntimeError: before the first :meth:`reset`
        """
        if self._pool is None:
            raise RuntimeError("Call reset() before step(): the pool of environments has not been made yet.")
        if isinstance(self.action_space, spaces.Box):
            actions = np.clip(actions, self.action_space.low, self.action_space.high)
        elif isinstance(self.action_space, spaces.Discrete):
            start, end = int(self.action_space.start), int(self.action_space.start + self.action_space.n)
            actions = np.asarray(actions)
            if np.any((actions < start) | (actions >= end)):
                raise ValueError(
                    f"Actions of {self.task!r} must be from {start} to {end - 1}, but {actions} was given."
                )
        self._actions = np.ascontiguousarray(actions, dtype=self._action_dtype)

    def step_wait(self) -> VecEnvStepReturn:
        if self._actions is None:
            raise RuntimeError("Call step_async() before step_wait().")
        observations, rewards, terminated, truncated, info = self._pool.step(self._actions)
        self._actions = None
        order = _order(info)
        observations = _map(lambda values: values[order], observations)  # indexing copies
        ended = (terminated | truncated)[order]
        dones = ended | (info["elapsed_step"][order] >= self._limit)
        infos = self._infos(info)
        for i in range(self.num_envs):
            infos[i]["TimeLimit.truncated"] = bool(dones[i] and not ended[i])
        if dones.any():
            self._reset_done(np.flatnonzero(dones), observations, infos)
        return observations, rewards[order].astype(np.float32), dones, infos

    def _reset_done(self, done: np.ndarray, observations: Any, infos: list[dict[str, Any]]) -> None:
        """Put the next episodes' first observations in the place of the last ones, which go to ``infos``."""
        last = _map(np.copy, observations)
        for i in done:
            infos[i]["terminal_observation"] = _map(operator.itemgetter(int(i)), last)
        firsts, reset_info = self._pool.reset(done.astype(np.int32))
        env_ids = reset_info["env_id"]
        if isinstance(observations, dict):
            for key, values in observations.items():
                values[env_ids] = firsts[key]
        else:
            observations[env_ids] = firsts
        for env_id, info in zip(env_ids, self._infos(reset_info), strict=True):
            self.reset_infos[env_id] = info

    @staticmethod
    def _infos(info: dict[str, Any]) -> list[dict[str, Any]]:
        """:return: envpool's arrays of infos as one dictionary an environment, in the environments' order"""
        order = _order(info)
        columns = {
            key: values[order]
            for key, values in info.items()
            if key != "env_id" and isinstance(values, np.ndarray) and len(values) == len(order)
        }
        return [{key: values[i] for key, values in columns.items()} for i in range(len(order))]

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """
        :param attr_name: ``"spec"``, ``"render_mode"`` or one of envpool's settings, e.g. ``"max_episode_steps"``
        :param indices: which environments to ask; all if ``None``
        :raises AttributeError: for anything else: the environments are C++ objects
        """
        known = {**self.config, "spec": self.spec, "render_mode": None}
        if attr_name not in known:
            raise AttributeError(unknown("attribute of an envpool environment", attr_name, known))
        return [known[attr_name] for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """:raises AttributeError: always: envpool's settings are fixed when the pool is made"""
        raise AttributeError(
            f"Cannot set {attr_name!r} to {value!r}: envpool's environments are C++ objects whose settings are fixed "
            "when they are made. Give them as env_kwargs, or use --vec-env dummy."
        )

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """:raises AttributeError: always: envpool's environments have no Python methods"""
        raise AttributeError(
            f"Cannot call {method_name!r}: envpool's environments are C++ objects without methods. Use --vec-env dummy."
        )

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """:return: ``False`` for each: Gymnasium's wrappers cannot hold a C++ environment"""
        return [False for _ in self._get_indices(indices)]

    def render(self, mode: str | None = None) -> np.ndarray | None:
        """:raises ValueError: always"""
        raise ValueError(
            f"envpool's {self.task!r} is not rendered here. To watch an agent, use `sb3-entropy enjoy`, which steps "
            "Gymnasium's environment."
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Gymnasium's warning at envpool's float64 bounds of float32 boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*precision lowered by casting", category=UserWarning)
        yield


def import_envpool() -> Any:
    """
    :return: the module
    :raises ImportError: if it is not installed, saying how to
    """
    try:
        import envpool
    except ImportError as error:
        raise ImportError(
            f"envpool is not installed. It has wheels for Linux on x86-64: {how_to_install('envpool')}; "
            "or use --vec-env dummy or subproc."
        ) from error
    return envpool


def find_task(env_id: str, tasks: list[str]) -> str:
    """
    :param env_id: the task, by envpool's name or by Gymnasium's
    :param tasks: all that envpool has
    :return: envpool's name
    :raises ValueError: if there is none
    """
    for name in (env_id, env_id.rpartition("/")[2]):
        if name in tasks:
            return name
    raise ValueError(
        unknown("envpool task", env_id, tasks).replace(
            f"Available: {', '.join(sorted(tasks))}.",
            f"envpool has {len(tasks)} tasks: see envpool.list_all_envs(). For others use --vec-env dummy or subproc.",
        )
    )


def _order(info: dict[str, Any]) -> np.ndarray:
    """:return: the positions of environments in ascending order: with several threads the answers may be in any"""
    return np.argsort(info["env_id"])


def _map(function: Callable[[Any], Any], observations: Any) -> Any:
    """:return: ``function`` of the observation, or of each part of one that is a dictionary"""
    if isinstance(observations, dict):
        return {key: function(values) for key, values in observations.items()}
    return function(observations)
