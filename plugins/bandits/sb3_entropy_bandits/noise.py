"""How the reward that is paid scatters around the reward that the task holds."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_bandits.options import REQUIRED, read_options

Rewards = NDArray[np.float64]

KINDS: dict[str, dict[str, Any]] = {"gaussian": {"std": REQUIRED}, "flip": {"probability": REQUIRED}}


class RewardNoise(ABC):
    """The distribution of the paid reward, given the task's reward r."""

    @abstractmethod
    def mean(self, rewards: Rewards) -> Rewards:
        """
        :param rewards: r, of any shape
        :return: the mean of what is paid, of the same shape
        """

    @abstractmethod
    def draw(self, rewards: Rewards, generator: np.random.Generator) -> Rewards:
        """
        :param rewards: r, shape (N,)
        :param generator: the source of randomness
        :return: what is paid, shape (N,)
        """


@dataclass(frozen=True)
class NoNoise(RewardNoise):
    """r itself is paid."""

    def mean(self, rewards: Rewards) -> Rewards:
        return rewards

    def draw(self, rewards: Rewards, generator: np.random.Generator) -> Rewards:
        return rewards


@dataclass(frozen=True)
class GaussianNoise(RewardNoise):
    """r + σε with ε ~ N(0, 1). Its mean is r."""

    std: float

    def mean(self, rewards: Rewards) -> Rewards:
        return rewards

    def draw(self, rewards: Rewards, generator: np.random.Generator) -> Rewards:
        return rewards + self.std * generator.standard_normal(rewards.shape)


@dataclass(frozen=True)
class FlipNoise(RewardNoise):
    """
    With probability p, r is mirrored to low + high − r, where low and high are the task's least and greatest reward:
    right is paid as wrong, and wrong as right. The mean is (1 − p)·r + p·(low + high − r).

    :param probability: p
    :param low_plus_high: the sum of the task's least and greatest reward
    """

    probability: float
    low_plus_high: float

    def mean(self, rewards: Rewards) -> Rewards:
        p = self.probability
        return (1 - p) * rewards + p * (self.low_plus_high - rewards)

    def draw(self, rewards: Rewards, generator: np.random.Generator) -> Rewards:
        mirrored = generator.random(rewards.shape) < self.probability
        return np.where(mirrored, self.low_plus_high - rewards, rewards)


def make_noise(reward_noise: Any, low: float, high: float) -> RewardNoise:
    """
    :param reward_noise: σ ≥ 0 in units of reward, ``{"kind": "gaussian", "std": σ}``, or
        ``{"kind": "flip", "probability": p}``
    :param low: the task's least reward
    :param high: the task's greatest reward
    :return: the noise
    :raises TypeError: if it is neither a number nor a dictionary, or a number in it is none
    :raises ValueError: if a number is out of range, or an option is not known
    """
    if not isinstance(reward_noise, Mapping):
        check_number("reward_noise (or give {'kind': 'flip', 'probability': …})", reward_noise, low=0)
        return GaussianNoise(float(reward_noise)) if reward_noise else NoNoise()
    kind, values = read_options("reward_noise", reward_noise, KINDS)
    if kind == "gaussian":
        check_number("reward_noise['std']", values["std"], low=0)
        return GaussianNoise(float(values["std"]))
    check_number("reward_noise['probability']", values["probability"], low=0, high=1)
    return FlipNoise(float(values["probability"]), low + high)
