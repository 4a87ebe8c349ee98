"""Gini's coefficient of how often actions are drawn in a bandit's held-out contexts: 0 is evenly."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("gini")
class Gini(BanditMeasure):
    """Gini's coefficient of how often actions are drawn in a bandit's held-out contexts: 0 is evenly."""

    description = "Gini's coefficient of how often actions are drawn in a bandit's held-out contexts: 0 is evenly."
    unit = ""
    higher_is_better = None
    curves = ("bandit/gini",)
    number = "gini"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/gini")
