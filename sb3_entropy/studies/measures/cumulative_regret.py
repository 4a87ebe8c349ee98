"""Regret of a whole training in a bandit: what the best actions would have earned beyond what was earned."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("cumulative_regret")
class CumulativeRegret(BanditMeasure):
    """Σ_t (max_a r̄(x_t, a) − r̄(x_t, a_t)) over all contexts of the training, in which its actions are sampled."""

    description = "Regret of the whole training: what the best actions would have earned beyond those that were taken."
    unit = "reward"
    higher_is_better = False
    curves = ("bandit/cumulative_regret",)
    number = "cumulative_regret"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the last value
        """
        return float(curves.values["bandit/cumulative_regret"][-1])
