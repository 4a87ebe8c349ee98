"""Sums over episodes that rollouts cut anywhere."""

from collections import deque

import numpy as np


class EpisodeSums:
    """
    Sums of a quantity over whole episodes, from rollouts that cut them anywhere.

    :param n_envs: how many environments run side by side
    :param window: how many finished episodes are remembered
    """

    def __init__(self, n_envs: int, window: int):
        self.running = np.zeros(n_envs)
        self.finished: deque[float] = deque(maxlen=window)

    def add(self, values: np.ndarray, ends: list[tuple[int, int]]) -> None:
        """
        :param values: the quantity in a rollout, shape (T, N)
        :param ends: step and environment of each episode's last step, in the order of time
        """
        if not ends:
            self.running += values.sum(axis=0)
            return
        until = np.cumsum(values, axis=0)
        for step, env in ends:
            self.finished.append(float(self.running[env] + until[step, env]))
            self.running[env] = -until[step, env]
        self.running += until[-1]

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
        """:return: the mean over the remembered episodes, None if there is none yet"""
        return float(np.mean(self.finished)) if self.finished else None
