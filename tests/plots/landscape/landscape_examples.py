"""Small objectives, exact and noisy, and what probes find of them."""

from typing import Any, Self

import numpy as np

from sb3_entropy.landscape.objectives.base import Conditions, Objective
from sb3_entropy.landscape.objectives.function import FunctionObjective, quadratic
from sb3_entropy.landscape.probes.curvature import FoundCurvature, ImprovementCurvature
from sb3_entropy.landscape.probes.perturbations import FoundPerturbations, Perturbations

H = np.array([[-2.0, 0.7, 0.0], [0.7, 1.0, -0.3], [0.0, -0.3, -0.4]])
G = np.array([0.5, -0.2, 0.9])
THETA = np.zeros(3)


class NoisyObjective(Objective):
    """f(θ) + s·(z₀ + zᵀθ) + s·w/4, z of an episode alone and w of an episode and θ, all standard normal."""

    def __init__(self, f: Any, theta0: Any, std: float):
        self.f, self._theta0, self.std = f, np.array(theta0, dtype=np.float64), std

    @property
    def theta0(self) -> np.ndarray:
        return self._theta0.copy()

    @property
    def conditions(self) -> Conditions:
        return Conditions()

    def under(self, conditions: Conditions) -> Self:
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "noisy", "std": self.std, "n_parameters": self.n_parameters}

    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = len(self._theta0)
        returns = np.array([[self.f(theta)] * len(episodes) for theta in thetas], dtype=np.float64)
        for column, episode in enumerate(episodes):
            z = np.random.default_rng([3, episode]).standard_normal(p + 1)
            returns[:, column] += self.std * (z[0] + thetas @ z[1:])
            for row, theta in enumerate(thetas):
                own = np.random.default_rng([5, episode, int(abs(theta @ np.arange(1, p + 1)) * 1e9)])
                returns[row, column] += self.std / 4 * own.standard_normal()
        return returns, np.ones(returns.shape, dtype=np.int64)


def exact() -> FunctionObjective:
    return FunctionObjective(quadratic(H, G), THETA, name="a quadratic")


def noisy(std: float = 0.02) -> NoisyObjective:
    return NoisyObjective(quadratic(H, G), THETA, std)


def perturbed(objective: Objective, margin: float | None = 0.02, alpha: Any = 0.3) -> FoundPerturbations:
    return Perturbations(directions=24, alpha=alpha, episodes=12, margin=margin).run(objective)


def curved(objective: Objective) -> FoundCurvature:
    return ImprovementCurvature(directions=8, alpha=0.3, episodes=8).run(objective)
