"""How many equally frequent actions are as diverse as those drawn in a bandit's held-out contexts."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("effective_actions")
class EffectiveActions(BanditMeasure):
    """How many equally frequent actions are as diverse as those drawn in a bandit's held-out contexts."""

    description = "How many equally frequent actions are as diverse as those drawn in a bandit's held-out contexts."
    unit = ""
    higher_is_better = None
    curves = ("bandit/effective_actions",)
    number = "effective_actions"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/effective_actions")
