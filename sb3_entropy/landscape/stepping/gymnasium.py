"""Episodes on Gymnasium's environments, one after the other in this process: episode e begins with ``reset(seed=)``."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gymnasium as gym
import numpy as np

from sb3_entropy.environments import find_env
from sb3_entropy.landscape.stepping.base import Lanes, Stepper, first_seed, laned
from sb3_entropy.policies.observations import of_each

#: steps in which two episodes are compared
N_COMPARED = 8


@dataclass
class GymnasiumStepper(Stepper):
    """
    Episode e begins with ``reset(seed=s₀ + e)``, s₀ a number that is the objective's.

    :param env: an id, or a function that makes an environment
    :param env_kwargs: handed to ``gymnasium.make``
    :raises ValueError: if two resets with one seed are not followed by the same
    """

    env: str | Callable[[], gym.Env[Any, Any]]
    env_kwargs: dict[str, Any]
    _envs: list[gym.Env[Any, Any]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.check_seeding()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_envs": []}

    def describe(self) -> dict[str, Any]:
        found = {"gymnasium": version("gymnasium")}
        entry = str(getattr(self._first().spec, "entry_point", ""))
        for package in ("mujoco", "ale_py"):
            if package in entry:
                try:
                    found[package] = version(package)
                except PackageNotFoundError:
                    continue
        return {"backend": "gymnasium", "version": found, "seed": self.seed, "lanes": self.n_lanes}

    def close(self) -> None:
        for env in self._envs:
            env.close()
        self._envs = []

    def make(self) -> gym.Env[Any, Any]:
        """:return: another environment"""
        if isinstance(self.env, str):
            made: gym.Env[Any, Any] = gym.make(find_env(self.env), **self.env_kwargs)
            return made
        return self.env()

    def _first(self) -> gym.Env[Any, Any]:
        if not self._envs:
            self._envs.append(self.make())
        return self._envs[0]

    @property
    def spaces(self) -> tuple[gym.Space[Any], gym.Space[Any]]:
        """:return: of observations and of actions"""
        return self._first().observation_space, self._first().action_space

    @property
    def limit(self) -> int | None:
        """:return: the environment's own time limit, if it has one"""
        spec = self._first().spec
        return None if spec is None else spec.max_episode_steps

    def seed_of(self, episode: int) -> int:
        """
        :param episode: e
        :return: what its environment is reset with
        """
        return first_seed(self.seed) + episode

    def check_seeding(self) -> None:
        """
        :raises ValueError: if two resets with one seed are not followed by the same
        """
        env, rng = self._first(), np.random.default_rng(0)
        env.action_space.seed(int(rng.integers(2**31)))
        actions = [env.action_space.sample() for _ in range(N_COMPARED)]
        if not _same(self._trace(env, actions), self._trace(env, actions)):
            raise ValueError(
                f"{self.env} is not seeded: two resets with one seed are not followed by the same observations and "
                "rewards, so that candidates cannot be compared in the same episodes. Let its reset(seed=…) seed "
                "everything that is random, as self.np_random does."
            )

    def _trace(self, env: gym.Env[Any, Any], actions: list[Any]) -> list[Any]:
        observation, _ = env.reset(seed=self.seed_of(0))
        seen: list[Any] = [of_each(np.copy, observation)]
        for action in actions:
            observation, reward, terminated, truncated, _ = env.step(action)
            seen += [of_each(np.copy, observation), np.float64(reward)]
            if terminated or truncated:
                break
        return seen

    def plans(self, episodes: np.ndarray) -> Iterable[Lanes]:
        return laned(episodes, self.n_lanes)

    def begin(self, n_candidates: int, lanes: Lanes) -> Any:
        n = n_candidates * self.n_lanes
        while len(self._envs) < n:
            self._envs.append(self.make())
        firsts: list[Any] = [None] * n
        for slot in range(n):
            lane = lanes.numbers[slot % self.n_lanes]
            if lane:
                firsts[slot] = self._envs[slot].reset(seed=self.seed_of(lane[0]))[0]
        some = next(first for first in firsts if first is not None)
        return _stacked([some if first is None else first for first in firsts])

    def step(
        self, slots: np.ndarray, actions: np.ndarray, restart: np.ndarray, numbers: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        n = len(slots)
        observations: list[Any] = [None] * n
        rewards, ended = [0.0] * n, [False] * n  # lists are quicker to write into, one by one
        again = restart.tolist() if restart.any() else None
        # What a Discrete environment gets is a number of NumPy's, as of a VecEnv.
        for i, (slot, action) in enumerate(zip(slots.tolist(), actions, strict=True)):
            env = self._envs[slot]
            if again is not None and again[i]:
                observations[i] = env.reset(seed=self.seed_of(int(numbers[i])))[0]
                continue
            observations[i], reward, terminated, truncated, _ = env.step(action)
            rewards[i], ended[i] = float(reward), bool(terminated or truncated)
        return _stacked(observations), np.array(rewards), np.array(ended)


def _stacked(observations: list[Any]) -> Any:
    if isinstance(observations[0], dict):
        return {key: np.stack([one[key] for one in observations]) for key in observations[0]}
    return np.array(observations)


def _same(one: list[Any], other: list[Any]) -> bool:
    if len(one) != len(other):
        return False
    for a, b in zip(one, other, strict=True):
        pairs = [(a[key], b[key]) for key in a] if isinstance(a, dict) else [(a, b)]
        if not all(np.array_equal(x, y, equal_nan=True) for x, y in pairs):
            return False
    return True
