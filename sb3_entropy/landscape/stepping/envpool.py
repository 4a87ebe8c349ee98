"""
Episodes on envpool.

envpool fixes seeds when a pool is made, and each reset of an environment starts its next episode: an episode is the
pair (seed, reset number). Where random numbers enter at resets alone, as in the MuJoCo tasks, reset r of a seed is the
same whoever has played before, and however long; :func:`check_task` finds out whether that is so.

So episode e is reset (e div S) mod R of the environment with the seed s₀ + (e mod S) + S·(e div S·R): S seeds, one a
lane, are used for R resets each, and the next S·R episodes have other seeds. A pool goes forward only: an evaluation
goes on with the pool that is there if its slots have not gone past the episodes that are wanted, and makes another if
they have. For n episodes that takes S environments a candidate, n/S episodes each. Where steps draw random numbers,
R = 1.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from sb3_entropy.landscape.stepping.base import Lanes, Stepper, first_seed, laned
from sb3_entropy.vec_env.envpool import find_task, import_envpool, quiet

#: R
N_RESETS = 64
#: steps in which two environments are compared
N_COMPARED = 16


@dataclass
class EnvPoolStepper(Stepper):
    """
    :param task: envpool's name of the task
    :param max_steps: after how many steps an episode is cut
    :param env_kwargs: handed to ``envpool.make``
    :param n_threads: of the pool; None for one a core
    """

    task: str
    max_steps: int
    env_kwargs: dict[str, Any]
    n_threads: int | None = None
    n_resets: int = field(default=N_RESETS, init=False)
    _pool: Any = field(default=None, init=False, repr=False)
    _block: int = field(default=-1, init=False, repr=False)

    def __post_init__(self) -> None:
        self.n_resets = N_RESETS if check_task(self) else 1
        self._resets = np.zeros((0, self.n_lanes), dtype=np.int64)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_pool": None, "_block": -1}

    def describe(self) -> dict[str, Any]:
        return {
            "backend": "envpool",
            "version": str(import_envpool().__version__),
            "seed": self.seed,
            "lanes": self.n_lanes,
            "resets": self.n_resets,
        }

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        self._pool, self._block = None, -1

    def plans(self, episodes: np.ndarray) -> Iterable[Lanes]:
        return laned(episodes, self.n_lanes, self.n_resets)

    def make(self, seeds: list[int]) -> Any:
        """
        :param seeds: one an environment, below 2³¹
        :return: a pool
        """
        threads = self.n_threads or len(os.sched_getaffinity(0))
        settings = {**self.env_kwargs, "max_episode_steps": self.max_steps}
        with quiet():
            return import_envpool().make(
                self.task,
                env_type="gymnasium",
                num_envs=len(seeds),
                seed=seeds,
                num_threads=min(threads, len(seeds)),
                **settings,
            )

    def begin(self, n_candidates: int, lanes: Lanes) -> Any:
        some = next(number for lane in lanes.numbers for number in lane)
        block = some // (self.n_lanes * self.n_resets)
        used = lanes.lengths > 0
        # The reset that comes first in each lane, counted from 1.
        first = np.array([lane[0] // self.n_lanes % self.n_resets + 1 if lane else 0 for lane in lanes.numbers])
        able = np.flatnonzero((self._resets[:, used] < first[used]).all(axis=1))
        if self._pool is None or block != self._block or len(able) < n_candidates:
            self._make_pool(block, n_candidates)
            able = np.arange(n_candidates)
        groups = able[:n_candidates]
        #: which environment of the pool a slot is
        self._envs = (groups[:, None] * self.n_lanes + np.arange(self.n_lanes)).reshape(-1).astype(np.int32)
        return self._reset(groups, first)

    def _make_pool(self, block: int, n_candidates: int) -> None:
        self.close()
        start = first_seed(self.seed) + block * self.n_lanes
        seeds = [(start + lane) % 2**31 for lane in range(self.n_lanes)]
        self._pool, self._block = self.make(seeds * n_candidates), block
        self._resets = np.zeros((n_candidates, self.n_lanes), dtype=np.int64)
        spec = self._pool.spec
        self._action_dtype = spec.action_array_spec["action"].dtype

    def _reset(self, groups: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Reset the slots of some groups as often as it takes to begin."""
        held: np.ndarray | None = None
        resets = self._resets[groups]
        while True:
            behind = (resets < first).reshape(-1)
            if not behind.any():
                break
            slots = np.flatnonzero(behind)
            with quiet():
                observations, info = self._pool.reset(self._envs[slots])
            observations = observations[_order(info["env_id"], self._envs[slots])]
            if held is None:
                held = np.zeros((len(self._envs), *observations.shape[1:]), observations.dtype)
            held[slots] = observations
            resets.reshape(-1)[slots] += 1
        self._resets[groups] = resets
        assert held is not None
        return held

    def step(
        self, slots: np.ndarray, actions: np.ndarray, restart: np.ndarray, numbers: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        envs = self._envs[slots]
        # A finished environment is reset by its next step, whose action is thrown away and whose reward is 0.
        self._pool.send(np.ascontiguousarray(actions, dtype=self._action_dtype), envs)
        observations, rewards, terminated, truncated, info = self._pool.recv()
        ended = terminated | truncated
        if not np.array_equal(info["env_id"], envs):
            order = _order(info["env_id"], envs)
            observations, rewards, ended = observations[order], rewards[order], ended[order]
        if restart.any():
            restarted = envs[restart]
            self._resets[restarted // self.n_lanes, restarted % self.n_lanes] += 1
        return observations, rewards, ended


def _order(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """:return: the positions of the wanted environments among those found"""
    order: np.ndarray = np.argsort(found)[np.argsort(np.argsort(wanted))]
    return order


def task_of(env_id: str) -> str | None:
    """
    :param env_id: an id
    :return: envpool's name of it; None if envpool is not installed, has no such task, or one that is not stepped here:
        of several players, or with dicts of observations
    """
    try:
        task = find_task(env_id, import_envpool().list_all_envs())
        spec = import_envpool().make_spec(task)
    except (ImportError, ValueError):
        return None
    with quiet():
        observed = spec.gymnasium_observation_space
    if spec.config.max_num_players != 1 or isinstance(observed, (spaces.Dict, spaces.Tuple)):
        return None
    return task


def spaces_of(task: str, env_kwargs: dict[str, Any]) -> tuple[gym.Space[Any], gym.Space[Any], int | None]:
    """
    :param task: envpool's name
    :param env_kwargs: handed to ``envpool.make``
    :return: the spaces of observations and of actions, and the time limit, if there is one
    :raises ValueError: if envpool knows not a key
    """
    envpool = import_envpool()
    try:
        spec = envpool.make_spec(task, **env_kwargs)
    except TypeError as error:
        raise ValueError(
            f"envpool cannot make {task!r} with {env_kwargs}: {error}. Correct env_kwargs; the task's own settings are "
            f"those of envpool.make_spec({task!r}).config."
        ) from error
    limit = int(spec.config.max_episode_steps)
    with quiet():
        return spec.gymnasium_observation_space, spec.gymnasium_action_space, limit if limit < 2**31 - 1 else None


def check_task(stepper: EnvPoolStepper) -> bool:
    """
    Two environments of one seed play differently, and for different times; then they are reset, and play alike.

    :param stepper: what makes pools of the task
    :return: whether they go through the same then, so that (seed, reset number) is an episode
    :raises ValueError: if their first observations are not the same
    """
    pool = stepper.make([first_seed(stepper.seed)] * 2)
    try:
        with quiet():
            first, _ = pool.reset()
        if not np.array_equal(first[0], first[1]):
            raise ValueError(
                f"envpool's {stepper.task!r} is not seeded: two environments with one seed begin differently, and "
                "candidates could not be compared in the same episodes. Use backend='gymnasium'."
            )
        actions = _some_actions(pool, 2 * N_COMPARED)
        for t in range(N_COMPARED):
            which = np.array([0] if t % 3 else [0, 1], dtype=np.int32)
            pool.send(actions[t : t + len(which)], which)
            pool.recv()
        seen, _ = pool.reset()
        for t in range(N_COMPARED):
            if not np.array_equal(seen[0], seen[1]):
                return False
            seen = pool.step(np.stack([actions[t]] * 2))[0]
        return True
    finally:
        pool.close()


def _some_actions(pool: Any, n: int) -> np.ndarray:
    with quiet():
        space, dtype = pool.action_space, pool.spec.action_array_spec["action"].dtype
    rng = np.random.default_rng(0)
    if isinstance(space, spaces.Box):
        low, high = np.maximum(space.low, -1), np.minimum(space.high, 1)
        return np.asarray(rng.uniform(low, high, (n, *space.shape)), dtype=dtype)
    return np.asarray(rng.integers(0, int(space.n), n), dtype=dtype)
