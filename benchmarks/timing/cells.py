"""What is measured: an algorithm of ours beside its parent, on an environment, in so many copies."""

import importlib
import math
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any

ENVIRONMENTS = ("Pendulum-v1", "HalfCheetah-v5")
N_ENVS = (1, 8)
#: How much longer ours may take: A2C updates most often.
LIMIT, LIMITS = 1.03, {"sa2c": 1.06}
#: How much more memory ours may take at its peak.
MEMORY_LIMIT = 1.05
#: Steps of one learn() by the number of copies, at least, and what takes less than a second with so few.
STEPS, MORE_STEPS = {1: 4000, 8: 16000}, {("strpo", 1): 6144, ("sa2c", 8): 20000}
#: A rollout's steps in a run that only shows that everything works.
QUICK_ROLLOUT = 256


@cache
def compared() -> dict[str, tuple[type[Any], type[Any]]]:
    """:return: the on-policy algorithms that have a parent, by key: our class and its parent"""
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

    from sb3_entropy.algorithms.common.parents import stock_parent
    from sb3_entropy.registry import ALGORITHMS

    pairs = ((key, cls, stock_parent(cls)) for key, cls in ALGORITHMS.items() if issubclass(cls, OnPolicyAlgorithm))
    return {key: (cls, parent) for key, cls, parent in pairs if parent is not None}


@dataclass(frozen=True)
class Run:
    """
    One learn() of one class, at its own defaults but for ``settings``.

    :param reference: the class, as ``module:name``; of the packages, only the one that is needed is imported
    :param env_id: the environment
    :param n_envs: how many copies of it, in a DummyVecEnv
    :param steps: of learn()
    :param settings: arguments of the class
    """

    reference: str
    env_id: str
    n_envs: int
    steps: int
    settings: dict[str, Any]

    def load(self) -> type[Any]:
        """:return: the class"""
        module, _, name = self.reference.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]

    def make_env(self) -> Any:
        """:return: the environments, in one process"""
        from stable_baselines3.common.env_util import make_vec_env

        return make_vec_env(self.env_id, n_envs=self.n_envs, seed=0)

    def make_model(self, env: Any, seed: int) -> Any:
        """
        :param env: the environments
        :param seed: of the model and of the environments
        :return: an untrained model
        """
        return self.load()("MlpPolicy", env, seed=seed, device="cpu", **self.settings)


@dataclass(frozen=True)
class Cell:
    """
    One comparison.

    :param algorithm: a key of :func:`compared`
    :param env_id: the environment
    :param n_envs: how many copies of it
    :param quick: whether a rollout is cut to :data:`QUICK_ROLLOUT` steps and there is only one
    """

    algorithm: str
    env_id: str
    n_envs: int
    quick: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """:return: the names of our class and of its parent"""
        ours, parent = compared()[self.algorithm]
        return ours.__name__, parent.__name__

    @property
    def limit(self) -> float:
        """:return: how much longer ours may take"""
        return LIMITS.get(self.algorithm, LIMIT)

    @property
    def rollout(self) -> int:
        """:return: the steps of a rollout in each copy, by the class's default"""
        return int(signature(compared()[self.algorithm][0]).parameters["n_steps"].default)

    @property
    def steps(self) -> int:
        """:return: the steps of one learn(), whole rollouts, so that it takes one to four seconds"""
        if self.quick:
            return QUICK_ROLLOUT * self.n_envs
        rollout = self.rollout * self.n_envs
        least = MORE_STEPS.get((self.algorithm, self.n_envs), STEPS[self.n_envs])
        return math.ceil(least / rollout) * rollout

    def run(self, ours: bool, general: bool = False) -> Run:
        """
        :param ours: whether our class is wanted, or its parent
        :param general: whether ours is to take the general path, and not the fast one
        :return: what is timed, or measured
        """
        cls = compared()[self.algorithm][0 if ours else 1]
        cut: dict[str, Any] = {"n_steps": QUICK_ROLLOUT} if self.quick and self.rollout > QUICK_ROLLOUT else {}
        cut |= {"fast": False} if ours and general else {}
        return Run(f"{cls.__module__}:{cls.__name__}", self.env_id, self.n_envs, self.steps, cut)


def cells(
    algorithms: list[str] | None, env_ids: list[str] | None, n_envs: list[int] | None, quick: bool = False
) -> list[Cell]:
    """
    :param algorithms: keys, or None for all
    :param env_ids: environments, or None for all
    :param n_envs: numbers of copies, or None for all
    :param quick: see :class:`Cell`
    :return: every combination
    """
    return [
        Cell(algorithm, env_id, n, quick)
        for algorithm in algorithms or compared()
        for env_id in env_ids or ENVIRONMENTS
        for n in n_envs or N_ENVS
    ]
