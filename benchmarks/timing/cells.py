"""What is measured: an algorithm of ours beside its parent, on an environment, in so many copies."""

import importlib
from dataclasses import dataclass
from typing import Any

#: (our class, its parent, where the parent is, how much longer ours may take), by the algorithm's key.
ALGORITHMS = {
    "sppo": ("SPPO", "PPO", "stable_baselines3", 1.03),
    "sa2c": ("SA2C", "A2C", "stable_baselines3", 1.06),
    "strpo": ("STRPO", "TRPO", "sb3_contrib", 1.03),
}
ENVIRONMENTS = ("Pendulum-v1", "HalfCheetah-v5")
N_ENVS = (1, 8)
#: How much more memory ours may take at its peak.
MEMORY_LIMIT = 1.05
#: Steps of one learn(), whole rollouts of 2048 steps an environment (A2C: of 5), so that it takes one to four seconds.
STEPS = {
    ("sppo", 1): 4096,
    ("sppo", 8): 16384,
    ("sa2c", 1): 4000,
    ("sa2c", 8): 20000,
    ("strpo", 1): 6144,
    ("strpo", 8): 16384,
}
#: The same, for a run that only shows that everything works.
QUICK_ROLLOUT = 256


@dataclass(frozen=True)
class Cell:
    """
    One comparison.

    :param algorithm: a key of :data:`ALGORITHMS`
    :param env_id: the environment
    :param n_envs: how many copies of it, in a DummyVecEnv
    :param quick: whether a rollout is cut to :data:`QUICK_ROLLOUT` steps and there is only one
    """

    algorithm: str
    env_id: str
    n_envs: int
    quick: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """:return: the names of our class and of its parent"""
        return ALGORITHMS[self.algorithm][:2]

    @property
    def limit(self) -> float:
        """:return: how much longer ours may take"""
        return ALGORITHMS[self.algorithm][3]

    @property
    def steps(self) -> int:
        """:return: the steps of one learn()"""
        return QUICK_ROLLOUT * self.n_envs if self.quick else STEPS[self.algorithm, self.n_envs]

    def load(self, ours: bool) -> type[Any]:
        """
        :param ours: whether our class is wanted, or its parent
        :return: the class; of the packages, only the one that is needed is imported
        """
        our_name, parent, parent_package, _ = ALGORITHMS[self.algorithm]
        package, name = ("sb3_entropy", our_name) if ours else (parent_package, parent)
        return getattr(importlib.import_module(package), name)  # type: ignore[no-any-return]

    def make_env(self) -> Any:
        """:return: the environments, in one process"""
        from stable_baselines3.common.env_util import make_vec_env

        return make_vec_env(self.env_id, n_envs=self.n_envs, seed=0)

    def make_model(self, ours: bool, env: Any, seed: int) -> Any:
        """
        :param ours: whether our class is wanted, or its parent
        :param env: the environments
        :param seed: of the model and of the environments
        :return: an untrained model with its class's own defaults
        """
        rollout = {"n_steps": QUICK_ROLLOUT} if self.quick and self.algorithm != "sa2c" else {}
        return self.load(ours)("MlpPolicy", env, seed=seed, device="cpu", **rollout)


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
        for algorithm in algorithms or ALGORITHMS
        for env_id in env_ids or ENVIRONMENTS
        for n in n_envs or N_ENVS
    ]
