"""What a bandit asks: contexts, and what each action earns in them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_bandits.tasks.observers import Observer


@dataclass(frozen=True)
class Contexts:
    """
    A finite set of contexts and the distribution from which they are drawn.

    :param values: the contexts as they are stored, shape (M, …)
    :param rows: the row of :attr:`Task.rewards` that belongs to each, shape (M,)
    :param cumulative: cumulative probabilities of the contexts, shape (M,), the last 1; ``None``: all are equally
        likely
    """

    values: NDArray[Any]
    rows: NDArray[np.int64]
    cumulative: NDArray[np.float64] | None = None

    def draw(self, generator: np.random.Generator, n: int) -> NDArray[np.int64]:
        """
        :param generator: the source of randomness
        :param n: how many contexts
        :return: their indices, drawn independently, shape (n,)
        """
        if self.cumulative is None:
            return generator.integers(len(self.rows), size=n)
        return self.cumulative.searchsorted(generator.random(n), side="right")


def cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    :param weights: what the probabilities of the contexts are proportional to, shape (M,), ≥ 0 and not all 0
    :return: their cumulative probabilities, shape (M,)
    """
    total = np.cumsum(weights)
    probabilities: NDArray[np.float64] = total / total[-1]
    return probabilities


@dataclass(frozen=True)
class Task:
    """
    A contextual bandit with K rows of rewards for A ≥ 2 actions. Each context is paid like one row.

    :param name: what it is called in messages
    :param train: the contexts to learn from
    :param test: the contexts to be judged on
    :param rewards: the mean reward of each action, shape (K, A)
    :param observer: what the agent sees of a context
    :param action_features: what is known of the actions, shape (A, d), or ``None``
    """

    name: str
    train: Contexts
    test: Contexts
    rewards: NDArray[np.float64]
    observer: Observer
    action_features: NDArray[np.float64] | None = None

    @property
    def n_actions(self) -> int:
        """A"""
        return int(self.rewards.shape[1])
