"""What a one-step environment offers to those who measure how good a policy is in it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv


@dataclass(frozen=True)
class Bandit:
    """
    A contextual bandit behind a ``VecEnv``, in this process or in others. Its environments have

    - ``evaluation_set(n=None)``: held-out contexts and the mean reward of every action in each, as they are now. It
      must draw nothing from the generator that the training's contexts come from;
    - ``cumulative_regret``, if they keep it: Σ_t (max_a r̄(x_t, a) − r̄(x_t, a_t)) over the contexts served so far;
    - ``contexts_served``, likewise.

    :param env: the environments
    """

    env: VecEnv

    def evaluation_set(self, n: int | None = None) -> tuple[Any, np.ndarray]:
        """
        The first environment's: all environments of a batch have the same.

        :param n: how many contexts; None for all
        :return: observations, shape (m, …), as the environment gives them; mean rewards, shape (m, A)
        """
        observations, mean_rewards = self.env.env_method("evaluation_set", n, indices=[0])[0]
        return observations, np.asarray(mean_rewards)

    def cumulative_regret(self) -> float:
        """:return: the regret of all environments together, in units of reward; NaN if they do not keep it"""
        return self._sum("cumulative_regret")

    def contexts_served(self) -> float:
        """:return: the contexts of all environments together; NaN if they do not count them"""
        return self._sum("contexts_served")

    def _sum(self, name: str) -> float:
        return float(np.sum(self.env.get_attr(name))) if self.env.has_attr(name) else math.nan


def find_bandit(env: VecEnv | None) -> Bandit | None:
    """
    :param env: the environments of a model; None if it has none
    :return: the bandit in them, through whatever wrappers; None if they are none: they have no ``evaluation_set``
    """
    return Bandit(env) if env is not None and env.has_attr("evaluation_set") else None
