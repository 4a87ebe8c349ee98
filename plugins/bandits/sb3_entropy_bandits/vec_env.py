"""Whole batches of contexts served at once, as a Stable-Baselines3 ``VecEnv``."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from sb3_entropy_bandits.rounds import Rounds, check_no_options

# What stands in the batch and not in the parameters that its environments share.
OF_EACH = ("context_rewards", "contexts_served", "cumulative_regret")


class BanditVecEnv(VecEnv):
    """
    N contexts of one bandit, served and paid together, made by ``BanditEnv.make_sb3_vec_env``.

    It is what a ``DummyVecEnv`` of N environments is in distribution, but not number by number: one generator, which
    the first environment's seed starts, draws for all. Time runs through the batch as a whole: after k batches, context
    i has t = kN + i, so a drift at t comes after t contexts, not after t contexts in each environment.

    :param bandit: one of the environments, which answers for what they share
    :param rounds: of N of its contexts
    """

    def __init__(self, bandit: gym.Env[Any, Any], rounds: Rounds):
        self.bandit, self.rounds = bandit, rounds
        super().__init__(rounds.n, bandit.observation_space, bandit.action_space)
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
        given = np.asarray(actions)
        whole = np.issubdtype(given.dtype, np.integer)
        if given.size != self.num_envs or not whole or given.min() < 0 or given.max() >= self._n_actions:
            raise ValueError(
                f"There must be {self.num_envs} actions, each a whole number from 0 to {self._n_actions - 1}, but "
                f"{actions!r} was given."
            )
        self._actions = given.astype(np.int64).reshape(self.num_envs)

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

    def close(self) -> None:
        """There is nothing to close."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """
        :return: the attribute of each environment: ``"contexts_served"``, ``"cumulative_regret"`` and
            ``"context_rewards"`` are its own, and those of the batch are their sum; all others are shared
        """
        if attr_name not in OF_EACH:
            return [getattr(self._owner(attr_name), attr_name) for _ in self._get_indices(indices)]
        if attr_name == "contexts_served":
            return [self.rounds.n_rounds for _ in self._get_indices(indices)]
        if attr_name == "cumulative_regret":
            return [float(self.rounds.cumulative_regret[i]) for i in self._get_indices(indices)]
        return [self.rounds.mean_rewards[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """:raises AttributeError: always; the environments share their parameters"""
        raise AttributeError(f"{attr_name} of a batch of bandits cannot be set: give it when the batch is made.")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """
        :return: what the method returns, computed once and handed out for each: ``evaluation_set`` is that of the
            batch's present time
        :raises AttributeError: for methods that one environment of a batch does not have
        """
        if method_name in {"reset", "step", "render"}:
            raise AttributeError(f"{method_name}() of one bandit in a batch cannot be called: use the batch's own.")
        answer = getattr(self._owner(method_name), method_name)(*method_args, **method_kwargs)
        return [answer for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """:return: ``False`` for each: no wrapper is around them"""
        return [False for _ in self._get_indices(indices)]

    def _owner(self, name: str) -> Any:
        return self.rounds if name == "evaluation_set" else self.bandit
