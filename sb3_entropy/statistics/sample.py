"""What an interval is made from: the scores, and how they are resampled."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sb3_entropy.statistics.aggregates import Statistic, TrimmedMean
from sb3_entropy.statistics.scores import Array

#: numbers a chunk of replicates may hold: it should stay in the processor's cache
_CHUNK = 1 << 18
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Sample:
    """
    Scores at P points (of a learning curve; often P = 1), or two such arrays whose statistics are subtracted.

    :param statistic: what sums up the scores
    :param scores: shape (P, n, K)
    :param control: what is subtracted, run by run, the same shape; ``None`` if nothing is
    """

    statistic: Statistic
    scores: Array
    control: Array | None = None

    @property
    def runs(self) -> int:
        """:return: n"""
        return int(self.scores.shape[1])

    @property
    def size(self) -> int:
        """:return: n·K"""
        return int(self.scores.shape[1] * self.scores.shape[2])

    def value(self) -> Array:
        """:return: the statistic, or the difference of both, shape (P,)"""
        own = self.statistic.of(self.scores)
        return own if self.control is None else own - self.statistic.of(self.control)

    def contributions(self) -> Array:
        """
        :return: what each run adds to a trimmed mean, or to a difference of two, shape (P, n, K), see
            :class:`~sb3_entropy.statistics.aggregates.TrimmedMean`
        :raises TypeError: for another statistic
        """
        if not isinstance(self.statistic, TrimmedMean):
            raise TypeError(f"The statistic must be a trimmed mean, but it is {self.statistic.name!r}.")
        own = self.statistic.contributions(self.scores)
        return own if self.control is None else own - self.statistic.contributions(self.control)

    def standard_error(self) -> tuple[Array, Array]:
        """
        :return: standard error of the value, and its degrees of freedom, see :func:`standard_error`
        :raises TypeError: for another statistic than a trimmed mean
        """
        contributions = self.contributions()
        assert isinstance(self.statistic, TrimmedMean)
        return standard_error(self.statistic, contributions)

    def varies(self) -> Array:
        """:return: whether the scores, or their differences, vary within any task, shape (P,)"""
        differences = self.scores if self.control is None else self.scores - self.control
        # Equal differences of unequal scores are equal but for rounding.
        rounding = 4 * _EPSILON * np.abs(self.scores).max(axis=(1, 2))
        return np.asarray(np.ptp(differences, axis=1).max(axis=1) > rounding)

    def at(self, points: np.ndarray) -> "Sample":
        """
        :param points: which points, a mask of the shape (P,)
        :return: those points alone
        """
        return Sample(self.statistic, self.scores[points], None if self.control is None else self.control[points])

    def resampled(self, replicates: int, rng: np.random.Generator) -> Iterator["Sample"]:
        """
        Stratified bootstrap: within each task n runs are drawn with replacement, independently of the other tasks,
        as rliable does. Scores and control, and all points, are drawn with the same runs.

        :param replicates: B
        :param rng: where the draws come from
        :return: samples whose points are replicates, of one original point after the other within every chunk: each of
            the shape (b·P, n, K), the b's adding up to B
        """
        points, runs, tasks = self.scores.shape
        chunk = max(1, _CHUNK // (self.size * points))
        small = np.uint8 if runs <= 256 else np.uint32
        for start in range(0, replicates, chunk):
            drawn = rng.integers(runs, size=(min(chunk, replicates - start), runs, tasks), dtype=small)
            flat = drawn.astype(np.intp) * tasks + np.arange(tasks)
            yield Sample(
                self.statistic,
                _taken(self.scores, flat),
                None if self.control is None else _taken(self.control, flat),
            )


def _taken(scores: Array, flat: np.ndarray) -> Array:
    """:return: shape (P·b, n, K)"""
    points = scores.reshape(scores.shape[0], -1)
    return np.take(points, flat, axis=1).reshape(-1, *flat.shape[1:])


def standard_error(statistic: TrimmedMean, contributions: Array) -> tuple[Array, Array]:
    """
    Standard error of a trimmed mean (Tukey and McLaughlin 1963; of two paired ones, Yuen and Dixon 1973), runs being
    drawn within tasks:

    ``SE² = Σₖ Sₖ / (h K d)``, ``Sₖ = Σᵢ (wᵢₖ − w̄ₖ)²``, ``d = h/K − 1``, with the winsorised scores w and h kept ones
    of n·K. Without trimming that is ``Σₖ sₖ²/n / K²``. The tasks' variances are added after Satterthwaite:
    ``df = d (Σ Sₖ)² / Σ Sₖ²``. As a deviation from the sources d is at least (n − 1)/2, its value without rounding,
    so that 4 runs do not count as 2.

    :param statistic: the trimmed mean
    :param contributions: w, or the difference of both w, shape (..., n, K)
    :return: standard error and degrees of freedom, both of the shape (...); NaN for one run; without variance the
        error is 0
    """
    runs, tasks = contributions.shape[-2:]
    kept = runs * tasks - 2 * statistic.cut(runs * tasks)
    per_task = max(kept / tasks - 1, (runs - 1) / 2)
    centre = np.einsum("...nk->...k", contributions)[..., None, :] / runs
    deviations = contributions - centre
    squares = np.einsum("...nk,...nk->...k", deviations, deviations)
    # What rounding leaves of equal numbers is no variance.
    squares = np.where(squares > runs * (runs * _EPSILON * centre[..., 0, :]) ** 2, squares, 0.0)
    total = squares.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(total / np.float64(kept * tasks * per_task))
        freedom = np.where(total > 0, per_task * total**2 / (squares**2).sum(axis=-1), per_task * tasks)
    return error, freedom
