"""The curvature along the direction of improvement (Ahmed et al. 2019, Fig. 6), without the winner's curse."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.inference import ProbeReturns, curvatures, exact_estimates, exactly, select_direction, slopes
from sb3_entropy.landscape.inference.points import interval_text
from sb3_entropy.landscape.objectives.base import Objective
from sb3_entropy.landscape.probes.base import Found, Probe, Watch
from sb3_entropy.landscape.probes.perturbations import Perturbations
from sb3_entropy.statistics import Interval
from sb3_entropy.store import Store


@dataclass(frozen=True)
class ImprovementCurvature(Probe):
    """
    Of K random directions the one whose Δ⁺ is nearest to a quantile is found on one half of the episodes; its slope and
    curvature are estimated on the other.

    :param directions: K
    :param alpha: the step
    :param episodes: n ≥ 4 at θ₀ ± αd
    :param quantile: of Δ⁺; the paper's is .9
    :param seed: of the directions and of the halves
    :param level: the confidence of the intervals
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of range
    """

    key: ClassVar[str] = "curvature"

    directions: int = 100
    alpha: float = 0.1
    episodes: int = 16
    quantile: float = 0.9
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        self._perturbations()
        check_number("episodes", self.episodes, low=4, integer=True)
        check_number("quantile", self.quantile, low=0, high=1)

    def _perturbations(self) -> Perturbations:
        return Perturbations(self.directions, self.alpha, self.episodes, self.seed, level=self.level)

    def cost(self, objective: Objective) -> int:
        return self._perturbations().cost(objective)

    def run(self, objective: Objective, store: Store | None = None, watch: Watch | None = None) -> "FoundCurvature":
        found = self._perturbations().run(objective, store, watch)
        (returns,) = found.returns
        if found.is_exact:
            above = returns.plus[:, 0]
            index = int(np.argmin(np.abs(above - np.quantile(above, self.quantile))))
            slope, curvature = exact_estimates(
                above[[index]], returns.minus[[index], 0], float(returns.centre[0]), returns.alpha
            )
            ends = exactly(float(slope[0])), exactly(float(curvature[0]))
            return FoundCurvature(found.about, self, index, *ends, returns.of(index), True)
        chosen = select_direction(returns, self.quantile, rng=np.random.default_rng([self.seed, 1]))
        ends = slopes(chosen.estimation).one(0, self.level), curvatures(chosen.estimation).one(0, self.level)
        return FoundCurvature(found.about, self, chosen.index, *ends, chosen.estimation, False)


@dataclass(frozen=True)
class FoundCurvature(Found):
    """
    :param probe: the settings
    :param index: which direction it is
    :param slope: along it, with its interval
    :param curvature: along it, with its interval
    :param estimation: the returns that these are estimated from, K = 1
    :param is_exact: whether the objective has no noise
    """

    probe: ImprovementCurvature
    index: int
    slope: Interval
    curvature: Interval
    estimation: ProbeReturns
    is_exact: bool

    def sentences(self) -> list[str]:
        slope, curvature = interval_text(self.slope), interval_text(self.curvature)
        return [
            f"Along direction {self.index}, nearest to the {self.probe.quantile:g} quantile of Δ⁺ of "
            f"{self.probe.directions}, the slope is {slope} and the curvature {curvature}"
            + ("." if self.is_exact else ", on episodes that it was not chosen by.")
        ]

    def numbers(self) -> dict[str, float]:
        return {
            "return": float(self.estimation.centre.mean()),
            "improvement_slope": self.slope.value,
            "improvement_curvature": self.curvature.value,
            "improvement_curvature_low": self.curvature.low,
            "improvement_curvature_high": self.curvature.high,
        }
