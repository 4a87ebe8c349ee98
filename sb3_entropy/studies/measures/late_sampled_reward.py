"""Expected reward of a sampled action in the second half of the training: after a change, say."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("late_sampled_reward")
class LateSampledReward(BanditMeasure):
    """Expected reward of a sampled action in a bandit's held-out contexts, mean over the last half of the points."""

    description = "Expected reward of a sampled action in held-out contexts, mean over the last half of the points."
    unit = "reward"
    higher_is_better = True
    curves = ("bandit/late_sampled_reward",)
    number = "sampled_reward"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean of the curve's second half
        """
        return curves.last("bandit/late_sampled_reward", share=0.5)
