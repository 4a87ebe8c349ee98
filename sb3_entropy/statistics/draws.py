"""Bootstrap replicates of a sample, drawn when they are first needed."""

from functools import cached_property

import numpy as np

from sb3_entropy.statistics.sample import Sample
from sb3_entropy.statistics.scores import Array


class Draws:
    """
    :param sample: what is resampled, P points
    :param replicates: B
    :param rng: where the draws come from
    """

    def __init__(self, sample: Sample, replicates: int, rng: np.random.Generator):
        self.sample, self.replicates, self.rng = sample, replicates, rng

    @cached_property
    def values(self) -> Array:
        """:return: the statistic of each replicate, shape (B, P)"""
        found = [drawn.value() for drawn in self.sample.resampled(self.replicates, self.rng)]
        return self._joined(found)

    @cached_property
    def ratios(self) -> Array:
        """:return: T* = (θ* − θ)/SE* of each replicate, shape (B, P): infinite where SE* is 0, 0 where θ* is θ"""
        own = self.sample.value()
        values, errors = [], []
        for drawn in self.sample.resampled(self.replicates, self.rng):
            values.append(drawn.value())
            errors.append(drawn.standard_error()[0])
        self.values = self._joined(values)  # they are these too
        deviations = self.values - own
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(deviations == 0, 0.0, deviations / self._joined(errors))

    def at(self, points: np.ndarray) -> "Draws":
        """
        :param points: which points, a mask of the shape (P,)
        :return: those points alone, with what has been drawn already
        """
        chosen = Draws(self.sample.at(points), self.replicates, self.rng)
        for name in ("values", "ratios"):
            if name in self.__dict__:
                setattr(chosen, name, self.__dict__[name][:, points])
        return chosen

    def _joined(self, chunks: list[Array]) -> Array:
        points = len(self.sample.scores)
        return np.concatenate([chunk.reshape(points, -1) for chunk in chunks], axis=1).T
