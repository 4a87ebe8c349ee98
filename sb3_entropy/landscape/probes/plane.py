"""A plane through θ₀: O(θ₀ + x·u + y·v) on a grid, for heat maps and surfaces."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.directions import random_directions
from sb3_entropy.landscape.evaluating import Evaluator, Point
from sb3_entropy.landscape.objectives.base import DifferentiableObjective, Objective
from sb3_entropy.landscape.probes.base import Found, Probe, Watch
from sb3_entropy.landscape.probes.line_search import estimated_gradient
from sb3_entropy.landscape.probes.perturbations import Perturbations
from sb3_entropy.landscape.probes.spectrum import Spectrum
from sb3_entropy.store import Store


@dataclass(frozen=True, eq=False)
class Plane(Probe):
    """
    :param first: u, shape (P,); None for the first of two random directions that are made orthogonal
    :param second: v, shape (P,); None for the other. What is not orthogonal to u of a given v is taken away; both have
        length 1 then
    :param reach: the largest |x| and |y|, in units of the parameters
    :param points: along each side, odd, so that θ₀ is one of them
    :param episodes: n at every point, the same ones
    :param seed: of random directions
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range, or ``points`` is even
    """

    key: ClassVar[str] = "plane"

    first: Any = None
    second: Any = None
    reach: float = 1.0
    points: int = 21
    episodes: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("reach", self.reach, low=0, open_low=True)
        check_number("points", self.points, low=3, integer=True)
        check_number("episodes", self.episodes, low=1, integer=True)
        check_number("seed", self.seed, low=0, integer=True)
        if self.points % 2 == 0:
            raise ValueError(f"points must be odd, so that θ₀ is one of them, but {self.points} was given.")

    def cost(self, objective: Objective) -> int:
        return int(self.points) ** 2 * (1 if objective.is_exact else int(self.episodes))

    def axes(self, n_parameters: int) -> np.ndarray:
        """
        :param n_parameters: P ≥ 2
        :return: u and v, orthonormal, shape (2, P)
        :raises ValueError: if they are parallel, or of another length
        """
        if n_parameters < 2:
            raise ValueError("A plane needs two parameters or more, but the objective has 1. Interpolate instead.")
        drawn = random_directions(n_parameters, [0, 1], self.seed)
        given = [drawn[i] if one is None else np.asarray(one, float) for i, one in enumerate((self.first, self.second))]
        if any(one.shape != (n_parameters,) or not np.isfinite(one).all() or not one.any() for one in given):
            raise ValueError(f"first and second must be {n_parameters} finite numbers each, not all of them 0.")
        axes = np.stack(given)
        lengths = np.linalg.norm(axes, axis=1)
        axes /= lengths[:, None]
        axes[1] -= (axes[0] @ axes[1]) * axes[0]
        rest = float(np.linalg.norm(axes[1]))
        if rest < 1e-9:
            raise ValueError("first and second are parallel: they span a line. Give another second.")
        axes[1] /= rest
        return axes

    def run(self, objective: Objective, store: Store | None = None, watch: Watch | None = None) -> "FoundPlane":
        x = np.linspace(-self.reach, self.reach, int(self.points))
        x[len(x) // 2] = 0.0
        axes = self.axes(objective.n_parameters)
        points = self._points(objective.theta0, axes, x)
        returns = Evaluator(objective, store, watch=watch).returns(points, len(x) ** 2, self.episodes)
        return FoundPlane(objective.describe(), self, x, axes, returns.reshape(len(x), len(x), -1), objective.is_exact)

    @staticmethod
    def _points(theta0: np.ndarray, axes: np.ndarray, x: np.ndarray) -> Iterator[Point]:
        for b in x.tolist():
            for a in x.tolist():
                yield Point({"x": a, "y": b}, theta0 + a * axes[0] + b * axes[1])


def gradient_and_curvature(
    objective: Objective,
    *,
    alpha: float = 0.1,
    episodes: int = 16,
    directions: int = 200,
    seed: int = 0,
    store: Store | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Axes of a plane: ``Plane(*gradient_and_curvature(objective))``. Without the objective's own derivatives P is at most
    500, see :class:`~sb3_entropy.landscape.probes.spectrum.Spectrum`.

    :param objective: what is looked at, around its θ₀
    :param alpha: the step of differences
    :param episodes: n at each point
    :param directions: in how many the gradient is estimated, where the objective does not know it
    :param seed: of them
    :param store: where evaluations are found and kept
    :return: the gradient, or its estimate, and the eigenvector of the curvature that is largest in size, (P,) each
    :raises ValueError: if there are too many parameters, or the gradient is 0
    """
    if isinstance(objective, DifferentiableObjective):
        gradient = objective.gradient(objective.theta0)
    else:
        gradient = estimated_gradient(Perturbations(directions, alpha, episodes, seed).run(objective, store))
    if not gradient.any():
        raise ValueError("The gradient is 0 here: it is no axis of a plane. Give two directions.")
    found = Spectrum(alpha, episodes).run(objective, store)
    lowest, highest = found.ends
    return gradient, found.vectors[0 if abs(lowest.value) > abs(highest.value) else 1]


@dataclass(frozen=True, eq=False)
class FoundPlane(Found):
    """
    :param probe: the settings
    :param x: the grid along either axis, shape (T,)
    :param axes: u and v, shape (2, P)
    :param returns: shape (T, T, n), y first
    :param is_exact: whether the objective has no noise
    """

    probe: Plane
    x: np.ndarray
    axes: np.ndarray
    returns: np.ndarray
    is_exact: bool

    @property
    def mean(self) -> np.ndarray:
        """:return: R̄, shape (T, T), y first"""
        return np.asarray(self.returns.mean(axis=2))

    @property
    def standard_error(self) -> np.ndarray:
        """:return: of the mean, shape (T, T); 0 without noise, NaN of one episode"""
        n = self.returns.shape[2]
        if self.is_exact:
            return np.zeros(self.returns.shape[:2])
        if n < 2:
            return np.full(self.returns.shape[:2], np.nan)
        return np.asarray(self.returns.std(axis=2, ddof=1) / np.sqrt(n))

    def sentences(self) -> list[str]:
        mean, middle = self.mean, len(self.x) // 2
        y, x = np.unravel_index(int(np.argmax(mean)), mean.shape)
        noise = "" if self.is_exact else f" Standard errors of a mean are {np.nanmedian(self.standard_error):.3g}."
        return [
            f"At θ₀ the return is {mean[middle, middle]:.4g}; in the plane it is greatest at ({self.x[x]:.3g}, "
            f"{self.x[y]:.3g}), {mean[y, x]:.4g}, and least {mean.min():.4g}.{noise}"
        ]

    def numbers(self) -> dict[str, float]:
        middle = len(self.x) // 2
        return {
            "return": float(self.mean[middle, middle]),
            "plane_max": float(self.mean.max()),
            "plane_min": float(self.mean.min()),
        }
