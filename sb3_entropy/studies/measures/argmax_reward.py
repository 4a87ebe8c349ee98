"""Mean reward of the most probable action in a bandit's held-out contexts."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("argmax_reward")
class ArgmaxReward(BanditMeasure):
    """Mean reward of the most probable action in a bandit's held-out contexts."""

    description = "Mean reward of the most probable action in a bandit's held-out contexts."
    unit = "reward"
    higher_is_better = True
    curves = ("bandit/argmax_reward",)
    number = "argmax_reward"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/argmax_reward")
