"""
Stable-Baselines3's own algorithms, which can be trained beside ours. They have no YAML of ours: what is given goes over
their own defaults.
"""

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np
import sb3_contrib
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import ActionNoise, NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.errors import check_choice, check_number

#: by rl-zoo's keys
STOCK: dict[str, type[BaseAlgorithm]] = {
    "a2c": stable_baselines3.A2C,
    "ddpg": stable_baselines3.DDPG,
    "dqn": stable_baselines3.DQN,
    "ppo": stable_baselines3.PPO,
    "sac": stable_baselines3.SAC,
    "td3": stable_baselines3.TD3,
    "trpo": sb3_contrib.TRPO,
}
_NOISES: dict[str, type[NormalActionNoise | OrnsteinUhlenbeckActionNoise]] = {
    "normal": NormalActionNoise,
    "ornstein-uhlenbeck": OrnsteinUhlenbeckActionNoise,
}
#: rl-zoo's keys for what an off-policy algorithm takes as an object, ``action_noise``
NOISE_KEYS = frozenset({"noise_type", "noise_std"})


def check_noise(hyperparams: Mapping[str, Any]) -> None:
    """
    :param hyperparams: of an off-policy algorithm
    :raises TypeError: if ``noise_std`` is no number
    :raises ValueError: if ``noise_type`` is unknown, one of both is missing, or ``noise_std`` is negative
    """
    given = NOISE_KEYS & hyperparams.keys()
    if given and (missing := NOISE_KEYS - given):
        raise ValueError(f"The key {min(missing)!r} is missing beside {min(given)!r}. Add it, or take that out.")
    if given:
        check_choice("noise_type", hyperparams["noise_type"], tuple(_NOISES))
        check_number("noise_std", hyperparams["noise_std"], low=0)


def off_policy_arguments(
    algorithm: type[Any], given: Mapping[str, Any], env: VecEnv, longest: int | None
) -> dict[str, Any]:
    """
    :param algorithm: an off-policy algorithm
    :param given: its arguments as a YAML has them
    :param env: its environments
    :param longest: the most steps that it will be trained for; unknown if ``None``
    :return: the constructor's: noise as an object, ``train_freq`` as a tuple, and a buffer that holds a batch and is
        else no larger than the training can fill, which changes no number
    """
    arguments = {key: value for key, value in given.items() if key not in NOISE_KEYS}
    if "noise_type" in given:
        arguments["action_noise"] = _noise(given["noise_type"], float(given["noise_std"]), env)
    frequency = given.get("train_freq", 1)
    if isinstance(frequency, list):
        frequency = arguments["train_freq"] = tuple(frequency)
    if longest is not None:
        rollout = frequency if isinstance(frequency, int) else frequency[0] if frequency[1] == "step" else None
        if rollout is not None:  # the last rollout may end after the last step that was asked for
            batch = given.get("batch_size", signature(algorithm).parameters["batch_size"].default)
            fill = max(longest, int(batch)) + env.num_envs * (rollout + 1)
            arguments["buffer_size"] = min(int(given.get("buffer_size", 1_000_000)), fill)
    return arguments


def _noise(kind: str, std: float, env: VecEnv) -> ActionNoise:
    shape = env.action_space.shape
    assert shape is not None
    return _NOISES[kind](mean=np.zeros(shape), sigma=np.full(shape, std))


def is_off_policy(algorithm: type[Any]) -> bool:
    """:return: whether the class trains from a replay buffer"""
    return issubclass(algorithm, OffPolicyAlgorithm)
