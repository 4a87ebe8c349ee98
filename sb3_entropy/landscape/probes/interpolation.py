"""The straight line through two solutions, and beyond both: O((1 − t)θ₀ + tθ₁) (Ahmed et al. 2019, Section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.special import stdtrit

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.evaluating import Evaluator, Point
from sb3_entropy.landscape.inference import least_episodes
from sb3_entropy.landscape.objectives.base import Objective
from sb3_entropy.landscape.probes.base import Found, Probe, Watch
from sb3_entropy.statistics import holm
from sb3_entropy.statistics.matched_sets import matched_sets
from sb3_entropy.store import Store


@dataclass(frozen=True, eq=False)
class Interpolation(Probe):
    """
    :param other: θ₁, shape (P,); θ₀ is the objective's
    :param points: how many t, evenly spaced, besides 0 and 1 where they are not among them
    :param extent: the first t and the last, around [0, 1]
    :param episodes: n at every t, the same ones
    :param level: the confidence of intervals and tests
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range
    """

    key: ClassVar[str] = "interpolate"

    other: Any
    points: int = 51
    extent: Sequence[float] = (-0.5, 1.5)
    episodes: int = 16
    level: float = 0.95

    def __post_init__(self) -> None:
        check_number("points", self.points, low=2, integer=True)
        check_number("episodes", self.episodes, low=1, integer=True)
        check_number("level", self.level, low=0, high=1, open_low=True)
        low, high = self.extent
        check_number("the first of extent", low, high=0)
        check_number("the last of extent", high, low=1)

    @property
    def t(self) -> np.ndarray:
        """:return: where on the line, ascending, 0 and 1 among them"""
        evenly = np.linspace(self.extent[0], self.extent[1], int(self.points))
        evenly[np.abs(evenly) < 1e-12] = 0.0
        return np.union1d(np.where(np.abs(evenly - 1) < 1e-12, 1.0, evenly), [0.0, 1.0])

    def cost(self, objective: Objective) -> int:
        return len(self.t) * (1 if objective.is_exact else int(self.episodes))

    def run(self, objective: Objective, store: Store | None = None, watch: Watch | None = None) -> "FoundInterpolation":
        start, end = objective.theta0, np.asarray(self.other, dtype=np.float64)
        if end.shape != start.shape or not np.isfinite(end).all():
            raise ValueError(
                f"other must be θ₁ of the same policy, {start.shape[0]} finite numbers, but an array of the shape "
                f"{end.shape} was given."
            )
        if np.array_equal(start, end):
            raise ValueError("other is θ₀ itself: there is no line through one point. Give another solution.")
        points = (Point({"t": t}, (1 - t) * start + t * end) for t in self.t.tolist())
        returns = Evaluator(objective, store, watch=watch).returns(points, len(self.t), self.episodes)
        distance = float(np.linalg.norm(end - start))
        return FoundInterpolation(objective.describe(), self, self.t, returns, distance, objective.is_exact)


@dataclass(frozen=True, eq=False)
class FoundInterpolation(Found):
    """
    :param probe: the settings
    :param t: where on the line, shape (T,)
    :param returns: shape (T, n)
    :param distance: ‖θ₁ − θ₀‖
    :param is_exact: whether the objective has no noise
    """

    probe: Interpolation
    t: np.ndarray
    returns: np.ndarray
    distance: float
    is_exact: bool

    @cached_property
    def mean(self) -> np.ndarray:
        """:return: R̄, shape (T,)"""
        return np.asarray(self.returns.mean(axis=1))

    @cached_property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """:return: at every t by itself Student's interval of the mean, lower and upper ends, shape (T,) each"""
        n = self.returns.shape[1]
        if n < 2:
            return self.mean, self.mean
        half = stdtrit(n - 1, (1 + self.probe.level) / 2) * self.returns.std(axis=1, ddof=1) / np.sqrt(n)
        return self.mean - half, self.mean + half

    @cached_property
    def lower_than_both(self) -> np.ndarray:
        """
        :return: at which t between the two solutions the return is below that of both, a mask of the shape (T,): by
            sign-flip tests of paired returns, one-sided at (1 − level)/2 after Holm over all t between; without noise
            by comparison
        """
        between = (self.t > 0) & (self.t < 1)
        start, end = self.at(0.0), self.at(1.0)
        if self.returns.shape[1] < 2:
            lower = self.mean < np.minimum(start.mean(), end.mean()) - 1e-12 * np.abs(self.mean).max()
            return np.asarray(between & (lower if self.is_exact else False))
        rng = np.random.default_rng(0)
        inner = self.returns[between]
        each = [matched_sets(solution, inner, rng=rng).p_greater for solution in (start, end)] if len(inner) else []
        found = np.zeros(len(self.t), dtype=bool)
        if each:
            found[between] = holm(np.maximum(*each)) <= (1 - self.probe.level) / 2
        return found

    @cached_property
    def falls(self) -> np.ndarray:
        """
        :return: where on the way from θ₀ to θ₁ the return falls from one t to the next, a mask of the shape (T,) with
            the first of the two marked: by tests as above
        """
        steps = np.flatnonzero((self.t >= 0) & (self.t < 1))
        found = np.zeros(len(self.t), dtype=bool)
        if self.returns.shape[1] < 2:
            slack = 1e-12 * np.abs(self.mean).max()
            found[steps] = self.is_exact & (self.mean[steps + 1] < self.mean[steps] - slack)
            return found
        p = matched_sets(self.returns[steps], self.returns[steps + 1], rng=np.random.default_rng(1)).p_greater
        found[steps] = holm(p) <= (1 - self.probe.level) / 2
        return found

    def at(self, t: float) -> np.ndarray:
        """
        :param t: 0 or 1
        :return: the returns of this solution, shape (n,)
        """
        return np.asarray(self.returns[np.searchsorted(self.t, t)])

    def sentences(self) -> list[str]:
        inside = (self.t > 0) & (self.t < 1)
        best = int(np.argmax(self.mean))
        said = [
            f"From θ₀ ({self.at(0.0).mean():.4g}) to θ₁ ({self.at(1.0).mean():.4g}), ‖θ₁ − θ₀‖ = {self.distance:.3g}, "
            f"the return is greatest at t = {self.t[best]:.3g} ({self.mean[best]:.4g})."
        ]
        valley = self.lower_than_both
        detectably = "" if self.is_exact else " detectably"
        if valley.any():
            deepest = int(np.flatnonzero(valley)[np.argmin(self.mean[valley])])
            said.append(
                f"A valley lies between: at {valley.sum()} of {inside.sum()} points the return is{detectably} below "
                f"that of both, and at t = {self.t[deepest]:.3g} it is {self.mean[deepest]:.4g}."
            )
        else:
            said.append(f"At none of {inside.sum()} points between is the return{detectably} below that of both.")
        if self.falls.any():
            said.append(f"On the way it falls{detectably} at {self.falls.sum()} of {inside.sum() + 1} steps.")
        else:
            said.append(f"It falls{detectably} nowhere on the way.")
        if self._too_few:
            said.append(self._too_few)
        return said

    @property
    def _too_few(self) -> str:
        """:return: with how few episodes no test can find anything after Holm, and how many could; empty if enough"""
        if self.is_exact:
            return ""
        tests = int(((self.t >= 0) & (self.t < 1)).sum())
        needed = least_episodes(tests, (1 - self.probe.level) / 2)
        n = self.returns.shape[1]
        return "" if n >= needed else f"n = {n} is too small for any test at {tests} points after Holm: n ≥ {needed}."

    def numbers(self) -> dict[str, float]:
        between = (self.t >= 0) & (self.t <= 1)
        lower_end = min(float(self.at(0.0).mean()), float(self.at(1.0).mean()))
        return {
            "start": float(self.at(0.0).mean()),
            "end": float(self.at(1.0).mean()),
            "valley_depth": max(0.0, lower_end - float(self.mean[between].min())),
            "valley": float("nan") if self._too_few else float(self.lower_than_both.any()),
            "monotone": float("nan") if self._too_few else float(not self.falls.any()),
        }
