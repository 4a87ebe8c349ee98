"""Expected regret of a sampled action in a bandit's held-out contexts."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("mean_regret")
class MeanRegret(BanditMeasure):
    """Expected regret of a sampled action in a bandit's held-out contexts."""

    description = "Expected regret of a sampled action in a bandit's held-out contexts."
    unit = "reward"
    higher_is_better = False
    curves = ("bandit/mean_regret",)
    number = "mean_regret"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/mean_regret")
