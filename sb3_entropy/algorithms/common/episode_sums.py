"""Sums over episodes that rollouts cut anywhere."""

import math
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

#: all environments, in their order
EACH = slice(None)


class EpisodeSums:
    """
    Sums of a quantity over whole episodes, from rollouts that cut them anywhere.

    :param n_envs: how many environments run side by side
    :param window: how many finished episodes are remembered
    """

    def __init__(self, n_envs: int, window: int):
        self.running = np.zeros(n_envs)
        self.finished: deque[float] = deque(maxlen=window)

    def add(self, values: np.ndarray, ends: Iterable[tuple[int, int]], envs: slice | np.ndarray = EACH) -> None:
        """
        :param values: the quantity in a rollout, shape (T, N)
        :param ends: step and column of each episode's last step, in the order of time
        :param envs: whose columns these are, where the rollout is not of all environments in their order
        """
        running = self.running[envs].copy()
        until = np.cumsum(values, axis=0)
        for step, column in ends:
            self.finished.append(float(running[column] + until[step, column]))
            running[column] = -until[step, column]
        self.running[envs] = running + until[-1]

    def lose(self, n_ends: int, envs: slice | np.ndarray) -> None:
        """
        A rollout has been lost: the sums of the episodes that it was a part of are NaN.

        :param n_ends: how many of them have ended in it
        :param envs: in which environments it was
        """
        self.finished.extend(math.nan for _ in range(n_ends))
        self.running[envs] = math.nan

    def over(self, window: int) -> "EpisodeSums":
        """
        :param window: how many finished episodes are remembered from now on
        :return: sums that go on from these
        """
        others = EpisodeSums(len(self.running), window)
        others.running += self.running
        others.finished.extend(self.finished)
        return others

    def mean(self) -> float | None:
        """:return: the mean over the remembered episodes that are known whole, None if there is none"""
        known = [total for total in self.finished if not math.isnan(total)]
        return float(np.mean(known)) if known else None

    def mean_of_same(self, others: Sequence[float]) -> float | None:
        """
        :param others: another quantity of each remembered episode, and perhaps of some before
        :return: its mean over the episodes that :meth:`mean` is of, None if there is none
        """
        last = zip(self.finished, others[-len(self.finished) :] if self.finished else (), strict=False)
        known = [other for total, other in last if not math.isnan(total)]
        return float(np.mean(known)) if known else None
