"""What a batch of environments answers, when one set of parameters is all of theirs."""

from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

#: what one environment of a batch cannot be asked to do
OF_THE_BATCH = ("reset", "step", "render")


class SharedVecEnv(VecEnv, ABC):
    """
    Environments with the same parameters, which one of them, ``world``, answers for. It is never stepped: where an
    environment of the batch stands, the batch alone knows.

    :param world: one of them
    :param n_envs: the number of environments N
    :param own: what an environment has for itself: by an attribute's name, a function of its index
    :raises ValueError: if a window is asked for, which no environment of a batch has
    """

    #: one of them, in messages
    called = "environment"

    def __init__(self, world: gym.Env[Any, Any], n_envs: int, own: Mapping[str, Callable[[int], Any]] | None = None):
        self.world, self.own = world, dict(own or {})
        if world.render_mode == "human":
            raise ValueError(
                f"render_mode='human' was given, but a batch of {self.called}s opens no window. Give "
                "render_mode='rgb_array', whose pictures render('human') shows side by side, or make a single one."
            )
        super().__init__(n_envs, world.observation_space, world.action_space)
        self.metadata = world.metadata  # as a DummyVecEnv's: it says how fast pictures follow one another

    def close(self) -> None:
        """Close what draws, if anything was drawn."""
        self.world.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """
        :return: the attribute: each environment's own, or else the one that all share, once for each
        :raises AttributeError: if there is none
        :raises IndexError: if there is no such environment
        """
        found = self._which(indices)
        if attr_name in self.own:
            return [self.own[attr_name](i) for i in found]
        return [getattr(self.world, attr_name) for _ in found]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """:raises AttributeError: always; the environments share their parameters"""
        raise AttributeError(f"{attr_name} of a batch of {self.called}s cannot be set: give it when the batch is made.")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """
        :return: what the method, which depends on what all share, returns, computed once and handed out for each
        :raises AttributeError: for methods that depend on where an environment stands, or change what all share
        :raises IndexError: if there is no such environment
        """
        if method_name in ("get_wrapper_attr", "set_wrapper_attr"):
            name, value, *_ = *method_args, *method_kwargs.values(), None
            if method_name == "get_wrapper_attr":
                return self.get_attr(name, indices)
            self.set_attr(name, value, indices)
        if method_name in OF_THE_BATCH:
            raise AttributeError(
                f"{method_name}() of one {self.called} in a batch cannot be called: use the batch's own."
            )
        found = self._which(indices)
        answer = self.get_attr(method_name, found[:1])[0](*method_args, **method_kwargs) if found else None
        return [answer for _ in found]

    def env_is_wrapped(self, wrapper_class: Any, indices: VecEnvIndices = None) -> list[bool]:
        """:return: ``False`` for each: no wrapper is around them"""
        return [False for _ in self._which(indices)]

    def _which(self, indices: VecEnvIndices) -> list[int]:
        """:return: the numbers of the environments, from 0 on; −1 is the last one's, as in a list"""
        found, n = [int(i) for i in self._get_indices(indices)], self.num_envs
        for i in found:
            if not -n <= i < n:
                raise IndexError(f"There is no {self.called} {i}: a batch of {n} has those from 0 to {n - 1}.")
        return [i % n for i in found]
