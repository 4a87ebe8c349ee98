"""Where a straight move meets a rectangle."""

from dataclasses import dataclass

import numpy as np

from sb3_entropy_bifurcation.task import Array


@dataclass(frozen=True)
class Rectangle:
    """
    A closed rectangle: its edge belongs to it.

    :param low: the corner of the least coordinates
    :param high: the opposite corner
    """

    low: tuple[float, float]
    high: tuple[float, float]

    def entered(self, start: Array, end: Array) -> Array:
        """
        How far along a segment its first point in the rectangle is, by clipping with the two slabs whose intersection
        the rectangle is: p + t(q − p) is in the slab of an axis between two t that are linear in its bounds, and in
        the rectangle between the later of the entries and the earlier of the exits.

        :param start: p, shape (N, 2)
        :param end: q, shape (N, 2)
        :return: t in [0, 1], shape (N,); NaN where the segment does not touch the rectangle
        """
        low, high = np.array(self.low), np.array(self.high)
        move = end - start
        still = move == 0.0
        step = np.where(still, 1.0, move)
        bounds = np.stack([(low - start) / step, (high - start) / step])
        # Along an axis that it does not move in, a segment is in the slab always or never.
        always = still & (low <= start) & (start <= high)
        first = np.where(still, np.where(always, -np.inf, np.inf), bounds.min(axis=0)).max(axis=1)
        last = np.where(still, np.where(always, np.inf, -np.inf), bounds.max(axis=0)).min(axis=1)
        entry, exit_ = np.maximum(first, 0.0), np.minimum(last, 1.0)
        return np.where(entry <= exit_, entry, np.nan)

    def distance(self, point: Array) -> float:
        """
        :param point: shape (2,)
        :return: how far it is from the rectangle; 0 in it
        """
        nearest = np.clip(point, self.low, self.high)
        return float(np.hypot(*(point - nearest)))
