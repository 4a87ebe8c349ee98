"""Effective number of the best actions that are played, as a share of a context's best actions."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("optimal_coverage")
class OptimalCoverage(BanditMeasure):
    """Effective number of the best actions that are played, as a share of a context's best actions."""

    description = "Effective number of the best actions that are played, as a share of a context's best actions."
    unit = ""
    higher_is_better = True
    curves = ("bandit/optimal_coverage",)
    number = "optimal_coverage"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/optimal_coverage")
