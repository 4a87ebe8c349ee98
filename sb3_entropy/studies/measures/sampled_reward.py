"""Expected reward of a sampled action in a bandit's held-out contexts."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("sampled_reward")
class SampledReward(BanditMeasure):
    """Expected reward of a sampled action in a bandit's held-out contexts."""

    description = "Expected reward of a sampled action in a bandit's held-out contexts."
    unit = "reward"
    higher_is_better = True
    curves = ("bandit/sampled_reward",)
    number = "sampled_reward"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/sampled_reward")
