"""Rounds of a bandit: n contexts are shown, an action is taken in each, and all are paid."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_bandits.drift import Drift
from sb3_entropy_bandits.noise import RewardNoise
from sb3_entropy_bandits.tasks.task import Contexts, Task

EVALUATION_SEED = 0


class Rounds:
    """
    What one environment (n = 1) and a batch of n have in common.

    :param task: what is asked
    :param contexts: the task's contexts that are shown
    :param noise: how paid rewards scatter
    :param drift: how rewards depend on time
    :param n: how many contexts a round has
    """

    def __init__(self, task: Task, contexts: Contexts, noise: RewardNoise, drift: Drift, n: int):
        self.task = task
        self.contexts = contexts
        self.noise = noise
        self.drift = drift
        self.n = n
        self._row = np.arange(n)
        self.begin()

    def begin(self) -> None:
        """Set the time and the regret to 0, with no contexts shown."""
        self.n_rounds = 0
        self.cumulative_regret = np.zeros(self.n)
        self._indices: NDArray[np.int64] | None = None

    @property
    def time(self) -> int:
        """t of the first of the present contexts: how many contexts have been answered."""
        return self.n_rounds * self.n

    def show(self, generator: np.random.Generator) -> NDArray[Any]:
        """
        Draw contexts, in the place of any that are shown.

        :param generator: the source of randomness
        :return: observations of them, shape (n, …), a fresh array
        """
        self._indices = self.contexts.draw(generator, self.n)
        rewards = self.task.rewards.take(self.contexts.rows.take(self._indices), axis=0)
        self._rewards = self.drift.rewards_at(self.time + self._row, rewards)
        self._mean_rewards = self.noise.mean(self._rewards)
        return self.task.observer.observe(self.contexts.values.take(self._indices, axis=0))

    @property
    def mean_rewards(self) -> NDArray[np.float64]:
        """
        Mean rewards of the contexts that are shown, shape (n, A).

        :raises gymnasium.error.ResetNeeded: if none are
        """
        self._check_shown()
        return self._mean_rewards

    def pay(
        self, actions: NDArray[np.int64], generator: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """
        Answer the contexts that are shown.

        :param actions: one for each, shape (n,), among 0, …, A − 1
        :param generator: the source of randomness
        :return: what is paid and the regret maxₐ r̄(x, a) − r̄(x, aₜ), each of shape (n,)
        :raises gymnasium.error.ResetNeeded: if none are shown
        """
        self._check_shown()
        regrets = self._mean_rewards.max(axis=1) - self._mean_rewards[self._row, actions]
        self.cumulative_regret += regrets
        self.n_rounds += 1
        self._indices = None
        return self.noise.draw(self._rewards[self._row, actions], generator), regrets

    def evaluation_set(self, n: int | None = None) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """
        Test contexts and what their actions earn on average at the present time.

        :param n: how many, the first of a shuffle that never changes; ``None``: all
        :return: observations, shape (m, …), and mean rewards, shape (m, A)
        :raises TypeError: if ``n`` is not a whole number
        :raises ValueError: if there are no ``n`` test contexts
        """
        test = self.task.test
        if n is not None:
            check_number("n of evaluation_set", n, low=1, high=len(test.rows), integer=True)
        indices = np.random.default_rng(EVALUATION_SEED).permutation(len(test.rows))[:n]
        now = np.full(len(indices), self.time)
        rewards = self.drift.rewards_at(now, self.task.rewards[test.rows[indices]])
        return self.task.observer.observe(test.values[indices]), self.noise.mean(rewards).astype(np.float32)

    def pictures(self) -> list[NDArray[np.uint8]]:
        """
        :return: the contexts that are shown as images of shape (height, width, 3)
        :raises gymnasium.error.ResetNeeded: if none are shown
        """
        return [self.task.observer.picture(value) for value in self.contexts.values[self._check_shown()]]

    def _check_shown(self) -> NDArray[np.int64]:
        if self._indices is None:
            raise gym.error.ResetNeeded("No context is shown: call reset() first, and again after each step().")
        return self._indices


def check_no_options(options: dict[str, Any] | None) -> None:
    """
    :param options: what was given to reset()
    :raises ValueError: if there are any
    """
    if options:
        raise ValueError(f"reset() of a bandit knows no options, but {options!r} was given.")
