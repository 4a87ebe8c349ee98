"""Actions that are drawn in more than 0.5 % of a bandit's held-out contexts."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("actions_used")
class ActionsUsed(BanditMeasure):
    """Actions that are drawn in more than 0.5 % of a bandit's held-out contexts."""

    description = "Actions that are drawn in more than 0.5 % of a bandit's held-out contexts."
    unit = ""
    higher_is_better = None
    curves = ("bandit/actions_used",)
    number = "actions_used"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/actions_used")
