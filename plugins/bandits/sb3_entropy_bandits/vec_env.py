"""Whole batches of contexts served at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from sb3_entropy.vec_env.actions import whole_actions
from sb3_entropy.vec_env.shared import SharedVecEnv
from sb3_entropy_bandits.rounds import Rounds, check_no_options


class BanditVecEnv(SharedVecEnv):
    """
    N contexts of one bandit, served and paid together, made by ``BanditEnv.make_sb3_vec_env``.

    It is what a ``DummyVecEnv`` of N environments is in distribution, but not number by number: one generator, which
    the first environment's seed starts, draws for all. Time runs through the batch as a whole: after k batches, context
    i has t = kN + i, so a drift at t comes after t contexts, not after t contexts in each environment. An environment
    has ``"contexts_served"``, ``"cumulative_regret"`` and ``"context_rewards"`` for itself, and those of the batch are
    their sum; ``evaluation_set`` is that of the batch's present time.

    :param bandit: one of the environments, which answers for what they share
    :param rounds: of N of its contexts
    """

    called = "bandit"

    def __init__(self, bandit: gym.Env[Any, Any], rounds: Rounds):
        self.rounds = rounds
        own = {
            "contexts_served": lambda _: rounds.n_rounds,
            "cumulative_regret": lambda i: float(rounds.cumulative_regret[i]),
            "context_rewards": lambda i: rounds.mean_rewards[i],
            "evaluation_set": lambda _: rounds.evaluation_set,
        }
        super().__init__(bandit, rounds.n, own)
        self._generator = np.random.default_rng()
        self._n_actions = rounds.task.n_actions

    def reset(self) -> NDArray[Any]:
        """
        Show a batch. After :meth:`seed` it begins anew: the time and the regret go back to 0, too.

        :return: observations, shape (N, …)
        :raises ValueError: if options were set
        """
        options, seed = self._options, self._seeds[0]
        self._reset_options()
        self._reset_seeds()
        for given in options:
            check_no_options(given)
        if seed is not None:
            self._generator = np.random.default_rng(seed)
            self.rounds.begin()
        self._observations = self.rounds.show(self._generator)
        return self._observations

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """
        :param actions: one action an environment, shape (N,)
        :raises ValueError: if one of them is not among 0, …, A − 1
        """
        message = f"There must be {self.num_envs} actions, each a whole number from 0 to {self._n_actions - 1}"
        self._actions = whole_actions(actions, self.num_envs, self._n_actions, message)

    def step_wait(self) -> VecEnvStepReturn:
        """
        :return: the next contexts, shape (N, …), rewards (N,), dones (N,), all true, and infos, which hold the context
            that was answered. All are fresh: nothing that was returned before is written to
        """
        rewards, regrets = self.rounds.pay(self._actions, self._generator)
        answered, self._observations = self._observations, self.rounds.show(self._generator)
        infos = [
            {"terminal_observation": seen, "TimeLimit.truncated": False, "regret": regret, "optimal": regret == 0.0}
            for seen, regret in zip(answered, regrets.tolist(), strict=True)
        ]
        return self._observations, rewards.astype(np.float32), np.ones(self.num_envs, dtype=bool), infos

    def get_images(self) -> Sequence[NDArray[np.uint8]]:
        """:return: the contexts that are shown, as one bandit draws them"""
        return self.rounds.pictures()
