"""Environments of the old gym, which Stable-Baselines3 wraps by shimmy."""

from typing import Any

import gymnasium as gym
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.patch_gym import _patch_env


def as_gymnasium(env: Any, allowed: str) -> gym.Env[Any, Any] | VecEnv:
    """
    :param env: what was given as an environment, not an id
    :param allowed: what may be given, for the message
    :return: the environment; one of OpenAI's gym as Stable-Baselines3 wraps it, with its warning
    :raises TypeError: if it is none
    :raises ImportError: if it is one of gym, and shimmy is not installed
    """
    if isinstance(env, (gym.Env, VecEnv)):
        return env
    try:
        return _patch_env(env)
    except ValueError as error:
        raise TypeError(f"env must be {allowed}, but {env!r} was given.") from error
