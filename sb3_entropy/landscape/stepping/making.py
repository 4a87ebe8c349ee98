"""Which backend steps a policy's environment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space

from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_choice
from sb3_entropy.landscape.stepping.base import Stepper
from sb3_entropy.landscape.stepping.envpool import EnvPoolStepper, spaces_of, task_of
from sb3_entropy.landscape.stepping.gymnasium import GymnasiumStepper

BACKENDS = ("auto", "envpool", "gymnasium")
#: environments at a time, by backend: 400 MB of Hopper on envpool; on Gymnasium as many as stay in a core's cache
N_ENVS = {"envpool": 512, "gymnasium": 16}


@dataclass(frozen=True)
class Wanted:
    """
    What a stepper is made of, see :class:`~sb3_entropy.landscape.objectives.rollout.RolloutObjective`.

    :param in_workers: whether it will be in workers of an engine, which have one thread
    """

    env: str | Callable[[], gym.Env[Any, Any]]
    env_kwargs: dict[str, Any]
    seed: int
    n_lanes: int
    n_envs: int | None
    max_steps: int | None
    n_threads: int | None
    in_workers: bool

    def task(self, backend: str, policy: BasePolicy) -> str | None:
        """:return: envpool's name of the task; None for Gymnasium's environment"""
        if backend == "gymnasium":
            return None
        if not isinstance(self.env, str):
            if backend == "envpool":
                raise ValueError("envpool makes environments by their ids, but a function was given. Give an id.")
            return None
        if backend == "auto" and self.env_kwargs:
            return None
        task = task_of(self.env)
        if task is None and backend == "envpool":
            raise ValueError(
                f"envpool is not installed, or has no task {self.env!r} of one player whose observations are arrays. "
                "Use backend='gymnasium'."
            )
        if task is not None and backend == "auto" and _misfit(policy, *spaces_of(task, {})[:2]) is not None:
            return None
        return task

    def envpool(self, task: str, policy: BasePolicy) -> tuple[Stepper, int]:
        """:return: see :func:`make_stepper`"""
        observed, acted, limit = spaces_of(task, self.env_kwargs)
        self._check_spaces(policy, observed, acted)
        max_steps = self._max_steps(limit)
        n_envs = self.n_envs or N_ENVS["envpool"]
        threads = 1 if self.in_workers and self.n_threads is None else self.n_threads
        return EnvPoolStepper(self.seed, self.n_lanes, n_envs, task, max_steps, self.env_kwargs, threads), max_steps

    def gymnasium(self, policy: BasePolicy) -> tuple[Stepper, int]:
        """:return: see :func:`make_stepper`"""
        kwargs = dict(self.env_kwargs)
        if isinstance(self.env, str):
            find_env(self.env)
            if self.max_steps is not None:
                kwargs["max_episode_steps"] = self.max_steps
        n_envs = self.n_envs or N_ENVS["gymnasium"]
        stepper = GymnasiumStepper(self.seed, self.n_lanes, n_envs, self.env, kwargs)
        self._check_spaces(policy, *stepper.spaces)
        return stepper, self._max_steps(stepper.limit)

    def _check_spaces(self, policy: BasePolicy, observed: Any, acted: Any) -> None:
        reason = _misfit(policy, observed, acted)
        if reason is not None:
            raise ValueError(
                f"{self.env} does not fit the policy: {reason}. Give the environment that the model was trained in; "
                "where wrappers change its spaces, a function that makes it with them."
            )

    def _max_steps(self, limit: int | None) -> int:
        if self.max_steps is None and limit is None:
            raise ValueError(
                f"{self.env} has no time limit, and an episode might never end. Give max_steps, or register the "
                "environment with max_episode_steps."
            )
        return int(self.max_steps or limit or 0)


def make_stepper(wanted: Wanted, backend: str, policy: BasePolicy) -> tuple[Stepper, int]:
    """
    :param wanted: what it is made of
    :param backend: one of :data:`BACKENDS`
    :param policy: whose spaces the environment must have
    :return: the stepper, and after how many steps an episode is cut
    :raises ValueError: if there is no such backend or environment, it does not fit the policy, has no time limit where
        none is given, or is not seeded
    """
    check_choice("backend", backend, BACKENDS)
    task = wanted.task(backend, policy)
    return wanted.gymnasium(policy) if task is None else wanted.envpool(task, policy)


def _misfit(policy: BasePolicy, observed: Any, acted: Any) -> str | None:
    """:return: in what spaces of an environment are not the policy's; None if they are"""
    if not _fits(policy.observation_space, observed, is_seen=True):
        return f"it is observed by {observed}, the policy observes {policy.observation_space}"
    if not _fits(policy.action_space, acted, is_seen=False):
        return f"its actions are {acted}, the policy's {policy.action_space}"
    return None


def _fits(own: Any, other: Any, *, is_seen: bool) -> bool:
    """Bounds of observations are not looked at: they bind nobody. Images may have their channels last."""
    if isinstance(own, spaces.Dict):
        keys = isinstance(other, spaces.Dict) and own.spaces.keys() == other.spaces.keys()
        return keys and all(_fits(part, other[key], is_seen=is_seen) for key, part in own.spaces.items())
    if not isinstance(own, spaces.Box) or not isinstance(other, spaces.Box):
        return bool(own == other)
    if is_seen:
        return own.shape == other.shape or (is_image_space(own) and (*other.shape[2:], *other.shape[:2]) == own.shape)
    return own.shape == other.shape and np.allclose(own.low, other.low) and np.allclose(own.high, other.high)
