"""Share of the action that is drawn most often in a bandit's held-out contexts."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("top_share")
class TopShare(BanditMeasure):
    """Share of the action that is drawn most often in a bandit's held-out contexts."""

    description = "Share of the action that is drawn most often in a bandit's held-out contexts."
    unit = ""
    higher_is_better = None
    curves = ("bandit/top_share",)
    number = "top_share"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/top_share")
