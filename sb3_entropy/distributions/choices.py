"""Choices, and observations, that do not count from 0."""

from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import (
    CategoricalDistribution,
    Distribution,
    MultiCategoricalDistribution,
)


class ShiftedCategorical(CategoricalDistribution):
    """start + i, i one of n choices: the environment's own numbers in samples, modes and ``log_prob``."""

    def __init__(self, space: spaces.Discrete):
        super().__init__(int(space.n))
        self.start = int(space.start)

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions.long() - self.start)

    def sample(self) -> th.Tensor:
        return super().sample() + self.start

    def mode(self) -> th.Tensor:
        return super().mode() + self.start


class ShiftedMultiCategorical(MultiCategoricalDistribution):
    """The same of independent choices, each with a start of its own."""

    def __init__(self, space: spaces.MultiDiscrete):
        super().__init__(sizes(space))
        self.start = th.as_tensor(space.start.astype(np.int64))

    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        return super().log_prob(actions.long() - self.start.to(actions.device))

    def sample(self) -> th.Tensor:
        actions = super().sample()
        return actions + self.start.to(actions.device)

    def mode(self) -> th.Tensor:
        actions = super().mode()
        return actions + self.start.to(actions.device)


def counts_from_zero(space: spaces.Space[Any]) -> bool:
    """:return: whether nothing in it counts from another number than 0, as Stable-Baselines3 takes for granted"""
    if isinstance(space, spaces.Dict):
        return all(counts_from_zero(part) for part in space.spaces.values())
    return not (isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(space.start))


def sizes(space: spaces.MultiDiscrete) -> list[int]:
    """:return: how many there are of each choice: Python's numbers, whose sum a small dtype of the space cannot cut"""
    return [int(n) for n in space.nvec]


def choices(space: spaces.Space[Any]) -> Distribution | None:
    """:return: the distribution over choices by which Stable-Baselines3's own is replaced; None for other spaces"""
    if isinstance(space, spaces.MultiDiscrete):
        return MultiCategoricalDistribution(sizes(space)) if counts_from_zero(space) else ShiftedMultiCategorical(space)
    return ShiftedCategorical(space) if isinstance(space, spaces.Discrete) and space.start else None


def widened(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """:return: the same with numbers of choices that can be added up: Stable-Baselines3 does so in the space's dtype"""
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: widened(part) for key, part in space.spaces.items()})
    if not isinstance(space, spaces.MultiDiscrete) or space.dtype == np.int64:
        return space
    return spaces.MultiDiscrete(space.nvec.astype(np.int64), start=space.start.astype(np.int64))


def from_zero(observations: Any, space: spaces.Space[Any]) -> Any:
    """
    :param observations: B observations, as tensors
    :param space: what they are
    :return: the same, counted from 0
    """
    if counts_from_zero(space):
        return observations
    if isinstance(space, spaces.Dict):
        return {key: from_zero(observations[key], part) for key, part in space.spaces.items()}
    assert isinstance(space, (spaces.Discrete, spaces.MultiDiscrete))
    return observations.long() - th.as_tensor(np.asarray(space.start, dtype=np.int64), device=observations.device)
