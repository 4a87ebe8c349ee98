"""A search along a line from θ₀: by default along the gradient, estimated in random directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.directions import random_directions
from sb3_entropy.landscape.evaluating import Evaluator, Point
from sb3_entropy.landscape.inference import least_episodes, slopes
from sb3_entropy.landscape.objectives.base import DifferentiableObjective, Objective
from sb3_entropy.landscape.probes.base import Found, Probe, Watch
from sb3_entropy.landscape.probes.perturbations import FoundPerturbations, Perturbations
from sb3_entropy.statistics import holm
from sb3_entropy.statistics.matched_sets import matched_sets
from sb3_entropy.store import Store


@dataclass(frozen=True, eq=False)
class LineSearch(Probe):
    """
    O(θ₀ + s·d) at several steps s, d of length 1. Without a direction it is the estimated gradient: with slopes g_k in
    K random directions ``∇O ≈ (P/K) Σ g_k d_k``, whose angle to the gradient is wide unless K is of the order of P; or,
    where the objective knows its gradient, that. A direction that was estimated is searched in other episodes than it
    was found in.

    :param direction: d, shape (P,); None for the gradient
    :param steps: s > 0, in units of the parameters
    :param episodes: n at each step, the same ones
    :param alpha: the step of the directions that the gradient is estimated in
    :param directions: K of them
    :param seed: of them
    :param level: the confidence of tests
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range
    """

    key: ClassVar[str] = "line-search"

    direction: Any = None
    steps: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
    episodes: int = 16
    alpha: float = 0.1
    directions: int = 200
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        for step in self.steps:
            check_number("a step", step, low=0, open_low=True)
        if not len(self.steps) or list(self.steps) != sorted(set(self.steps)):
            raise ValueError(f"steps must ascend, each once, but {list(self.steps)} was given.")
        check_number("episodes", self.episodes, low=1, integer=True)
        check_number("level", self.level, low=0, high=1, open_low=True)
        self._for_gradient()

    def _for_gradient(self) -> Perturbations:
        return Perturbations(self.directions, self.alpha, self.episodes, self.seed)

    def _estimates(self, objective: Objective) -> bool:
        return self.direction is None and not isinstance(objective, DifferentiableObjective)

    def cost(self, objective: Objective) -> int:
        n = 1 if objective.is_exact else int(self.episodes)
        first = self._for_gradient().cost(objective) if self._estimates(objective) else 0
        return first + (len(self.steps) + 1) * n

    def run(self, objective: Objective, store: Store | None = None, watch: Watch | None = None) -> "FoundLine":
        total, before, skip = self.cost(objective), 0, 0

        def told(done: int, _: int) -> None:
            if watch is not None:
                watch(min(before + done, total), total)

        if self._estimates(objective):
            found = self._for_gradient().run(objective, store, told)
            before = self._for_gradient().cost(objective)
            direction, how = estimated_gradient(found), "the estimated gradient"
            skip = 0 if objective.is_exact else int(self.episodes)
        elif self.direction is None and isinstance(objective, DifferentiableObjective):
            direction, how = objective.gradient(objective.theta0), "the gradient"
        else:
            direction, how = np.asarray(self.direction, dtype=np.float64), "the given direction"
        length = float(np.linalg.norm(direction)) if direction.shape == objective.theta0.shape else float("nan")
        if not length > 0 or not np.isfinite(length):
            raise ValueError(
                f"A line needs a direction of {objective.n_parameters} finite numbers, not all 0, but {how} has the "
                f"shape {direction.shape} and the length {length:g}."
            )
        steps, unit = np.array([0.0, *self.steps]), direction / length
        points = (Point({"line": how, "step": s}, objective.theta0 + s * unit) for s in steps.tolist())
        returns = Evaluator(objective, store, watch=told).returns(points, len(steps), self.episodes, first=skip)
        return FoundLine(objective.describe(), self, how, unit, steps, returns, objective.is_exact)


def estimated_gradient(found: FoundPerturbations) -> np.ndarray:
    """
    ``(P/K) Σ g_k d_k``, of which the mean over directions is ∇O + O(α²).

    :param found: of the smallest α
    :return: shape (P,)
    """
    returns, p = found.returns[0], found.n_parameters
    g = found.slope[0] if found.is_exact else slopes(returns).value
    total = np.zeros(p)
    for k, slope in enumerate(g):
        total += slope * random_directions(p, [k], found.probe.seed)[0]
    return total * (p / len(g))


@dataclass(frozen=True, eq=False)
class FoundLine(Found):
    """
    :param probe: the settings
    :param along: what the line is along
    :param direction: d, shape (P,)
    :param steps: s, shape (T,), the first 0
    :param returns: shape (T, n)
    :param is_exact: whether the objective has no noise
    """

    probe: LineSearch
    along: str
    direction: np.ndarray
    steps: np.ndarray
    returns: np.ndarray
    is_exact: bool

    @property
    def mean(self) -> np.ndarray:
        """:return: R̄, shape (T,)"""
        return np.asarray(self.returns.mean(axis=1))

    @property
    def improves(self) -> np.ndarray:
        """:return: at which steps the return is above that of θ₀: by sign-flip tests after Holm, shape (T,)"""
        if self.returns.shape[1] < 2:
            return np.asarray((self.mean > self.mean[0]) & self.is_exact)
        tested = matched_sets(
            self.returns[1:], np.broadcast_to(self.returns[0], self.returns[1:].shape), rng=np.random.default_rng(0)
        )
        return np.array([False, *(holm(tested.p_greater) <= (1 - self.probe.level) / 2)])

    def sentences(self) -> list[str]:
        best = int(np.argmax(self.mean))
        found = np.flatnonzero(self.improves)
        detectably = "" if self.is_exact else " detectably"
        said = (
            f"it improves{detectably} at s = {', '.join(f'{self.steps[i]:g}' for i in found)}"
            if len(found)
            else f"it improves{detectably} at no step"
        )
        tests = len(self.steps) - 1
        needed = 0 if self.is_exact else least_episodes(tests, (1 - self.probe.level) / 2)
        n = self.returns.shape[1]
        few = [f"n = {n} is too small for any test at {tests} steps after Holm: n ≥ {needed}."] if n < needed else []
        return [
            f"Along {self.along} from {self.mean[0]:.4g}, {said}; the greatest mean is {self.mean[best]:.4g} at "
            f"s = {self.steps[best]:g}.",
            *few,
        ]

    def numbers(self) -> dict[str, float]:
        return {
            "return": float(self.mean[0]),
            "line_best": float(self.mean.max()),
            "line_best_step": float(self.steps[int(np.argmax(self.mean))]),
            "line_improves": float(self.improves.any()),
        }
