"""The Hessian's spectrum: both ends, from which alone a point is called maximum, minimum or saddle."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.evaluating import Evaluator, Point
from sb3_entropy.landscape.inference import PointClass, ProbeReturns, classify_point, curvatures, exactly, slopes
from sb3_entropy.landscape.objectives.base import DifferentiableObjective, Objective
from sb3_entropy.landscape.probes.base import Found, Probe, Watch
from sb3_entropy.statistics import Interval
from sb3_entropy.store import Store

#: of a Hessian with more rows only the ends are computed, from products with vectors
DENSE = 500


@dataclass(frozen=True)
class Spectrum(Probe):
    """
    Without noise: the Hessian of an objective that knows it (up to P = 500 all eigenvalues, above both ends by Lanczos'
    iteration on differences of gradients), or by second differences of the objective at α and α/2, extrapolated.

    From rollouts: curvatures along e_i and (e_i + e_j)/√2 in one half of the episodes give the Hessian,
    ``H_ij = κ((e_i + e_j)/√2) − (H_ii + H_jj)/2``, and its extreme eigenvectors. Its eigenvalues are too extreme, as
    those of any noisy matrix are; what is reported are curvatures along these two vectors in the *other* half, and the
    class comes from their intervals alone. Parameters that the objective does not depend on under its conditions, such
    as those of σ where another σ is given, are no directions of it.

    :param alpha: the step of differences
    :param episodes: n of either half, at each point
    :param level: the confidence of the intervals
    :param tolerance: what counts as 0 among eigenvalues without noise, as a share of the largest in size
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range
    """

    key: ClassVar[str] = "spectrum"

    alpha: float = 0.1
    episodes: int = 16
    level: float = 0.95
    tolerance: float = 1e-8

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, low=0, open_low=True)
        check_number("episodes", self.episodes, low=2, integer=True)
        check_number("level", self.level, low=0, high=1, open_low=True)
        check_number("tolerance", self.tolerance, low=0)

    def cost(self, objective: Objective) -> int:
        p, n = int(objective.live.sum()), int(self.episodes)
        if isinstance(objective, DifferentiableObjective):
            return 1
        if objective.is_exact:
            return 2 * (p * (p + 1) + 1)
        return p * (p + 1) * n + n + 7 * n

    def check(self, objective: Objective) -> None:
        """
        :param objective: what is to be looked at
        :raises ValueError: if it has no gradient and too many parameters for differences
        """
        if objective.n_parameters > DENSE and not isinstance(objective, DifferentiableObjective):
            raise ValueError(
                f"The objective has {objective.n_parameters} parameters and no gradient: its Hessian would take "
                f"{objective.n_parameters * (objective.n_parameters + 1):,} points, and above {DENSE} parameters it is "
                "not estimated. Use a smaller policy, a plane, or random perturbations."
            )

    def run(self, objective: Objective, store: Store | None = None, watch: Watch | None = None) -> "FoundSpectrum":
        if isinstance(objective, DifferentiableObjective):
            if objective.n_parameters > DENSE:
                return self._by_lanczos(objective)
            theta0 = objective.theta0
            return self._of_matrix(objective, objective.hessian(theta0), objective.gradient(theta0))
        self.check(objective)
        if objective.is_exact:
            return self._extrapolated(objective, store, watch)
        return self._of_rollouts(objective, store, watch)

    def _of_matrix(
        self, objective: Objective, hessian: np.ndarray, gradient: np.ndarray, error: float = 0.0
    ) -> "FoundSpectrum":
        values, vectors = np.linalg.eigh(hessian)
        return self._exactly(objective, values, vectors[:, [0, -1]].T, gradient, is_whole=True, error=error)

    def _extrapolated(self, objective: Objective, store: Store | None, watch: Watch | None) -> "FoundSpectrum":
        """Differences at α and α/2, to α → 0 (Richardson); what they differ by bounds what an eigenvalue is off by."""
        total = self.cost(objective)
        coarse, _ = self._differences(objective, store, watch, total, self.alpha)
        fine, gradient = self._differences(objective, store, watch, total, self.alpha / 2, done=total // 2)
        return self._of_matrix(
            objective, (4 * fine - coarse) / 3, gradient, error=float(np.linalg.norm(coarse - fine, ord=2))
        )

    def _by_lanczos(self, objective: DifferentiableObjective) -> "FoundSpectrum":
        theta0, p = objective.theta0, objective.n_parameters

        def product(vector: np.ndarray) -> np.ndarray:
            vector = vector.ravel()
            length = float(np.linalg.norm(vector))
            step = 1e-5 / max(length, 1e-300)
            both = objective.gradient(np.stack([theta0 + step * vector, theta0 - step * vector]))
            return np.asarray((both[0] - both[1]) / (2 * step))

        operator = LinearOperator((p, p), matvec=product, dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(p)
        values, vectors = eigsh(operator, k=2, which="BE", v0=start, tol=1e-6)
        return self._exactly(objective, values, vectors.T, objective.gradient(theta0), is_whole=False)

    def _exactly(
        self,
        objective: Objective,
        values: np.ndarray,
        vectors: np.ndarray,
        gradient: np.ndarray,
        is_whole: bool,
        error: float = 0.0,
    ) -> "FoundSpectrum":
        scale = float(np.abs(values).max())
        slope = float(np.linalg.norm(gradient))
        # A step of the length ‖g‖/|λ| along the gradient would gain ‖g‖²/2|λ|: nothing, if that is small.
        found = classify_point(
            exactly(float(values[0])),
            exactly(float(values[-1])),
            exactly(slope),
            tolerance=max(self.tolerance * scale, error),
            slope_tolerance=np.sqrt(self.tolerance) * max(scale, 1e-300),
        )
        return FoundSpectrum(objective.describe(), self, found, values if is_whole else None, vectors, slope, True)

    def _of_rollouts(self, objective: Objective, store: Store | None, watch: Watch | None) -> "FoundSpectrum":
        total, n = self.cost(objective), int(self.episodes)
        hessian, gradient = self._differences(objective, store, watch, total, self.alpha)
        _, vectors = np.linalg.eigh(hessian)
        along = np.zeros((3, objective.n_parameters))
        found_in = vectors[:, 0], vectors[:, -1], gradient / max(float(np.linalg.norm(gradient)), 1e-300)
        along[:, objective.live] = np.stack(found_in)
        before = total - 7 * n

        def told(done: int, _: int) -> None:
            if watch is not None:
                watch(before + done, total)

        names = ("lowest", "highest", "gradient")
        points = [Point({"alpha": 0.0}, objective.theta0)] + [
            Point({"along": name, "alpha": self.alpha, "sign": sign}, objective.theta0 + sign * self.alpha * vector)
            for name, vector in zip(names, along, strict=True)
            for sign in (1, -1)
        ]
        returns = Evaluator(objective, store, watch=told).returns(points, 7, n, first=n)
        other = ProbeReturns(returns[1::2], returns[2::2], returns[0], self.alpha)
        lowest, highest = (curvatures(other).one(index, self.level) for index in (0, 1))
        found = classify_point(lowest, highest, slopes(other).one(2, self.level), found=True)
        steepest = float(slopes(other).value[2])
        return FoundSpectrum(objective.describe(), self, found, None, along[:2], steepest, False)

    def _differences(
        self, objective: Objective, store: Store | None, watch: Watch | None, total: int, alpha: float, done: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        :return: Hessian and gradient of the parameters that matter, by differences, means over the first half of the
            episodes
        """
        live = np.flatnonzero(objective.live).tolist()
        p = len(live)
        pairs = [(i, i) for i in range(p)] + list(combinations(range(p), 2))

        def points() -> Iterator[Point]:
            yield Point({"alpha": 0.0}, objective.theta0)
            for i, j in pairs:
                direction = np.zeros(objective.n_parameters)
                direction[[live[i], live[j]]] = 1.0 if i == j else np.sqrt(0.5)
                for sign in (1, -1):
                    place = {"coordinates": [live[i], live[j]], "alpha": alpha, "sign": sign}
                    yield Point(place, objective.theta0 + sign * alpha * direction)

        def told(of_part: int, _: int) -> None:
            if watch is not None:
                watch(done + of_part, total)

        returns = Evaluator(objective, store, watch=told).returns(points(), 1 + 2 * len(pairs), int(self.episodes))
        means = returns.mean(axis=1)
        plus, minus, centre = means[1::2], means[2::2], float(means[0])
        kappa = (plus + minus - 2 * centre) / alpha**2
        hessian = np.diag(kappa[:p])
        for (i, j), value in zip(pairs[p:], kappa[p:], strict=True):
            hessian[i, j] = hessian[j, i] = value - (kappa[i] + kappa[j]) / 2
        return hessian, (plus[:p] - minus[:p]) / (2 * alpha)


@dataclass(frozen=True, eq=False)
class FoundSpectrum(Found):
    """
    :param probe: the settings
    :param point: what θ₀ is, with both ends of the spectrum and their intervals
    :param eigenvalues: ascending, shape (P,); None where only the ends are known
    :param vectors: of the lowest and the highest, shape (2, P)
    :param slope: ‖∇O‖, or the slope along the estimated gradient
    :param is_exact: whether the objective has no noise
    """

    probe: Spectrum
    point: PointClass
    eigenvalues: np.ndarray | None
    vectors: np.ndarray
    slope: float
    is_exact: bool

    @property
    def ends(self) -> tuple[Interval, Interval]:
        """:return: the lowest eigenvalue and the highest, or bounds of them from inside"""
        return self.point.lowest, self.point.highest

    def sentences(self) -> list[str]:
        said = [self.point.sentence]
        if self.eigenvalues is not None:
            positive, negative = int((self.eigenvalues > 0).sum()), int((self.eigenvalues < 0).sum())
            said.append(f"Of {len(self.eigenvalues)} eigenvalues {positive} are positive and {negative} negative.")
        return said

    def numbers(self) -> dict[str, float]:
        lowest, highest = self.ends
        return {"eigenvalue_min": lowest.value, "eigenvalue_max": highest.value, "slope": self.slope}
