"""Expected reward of a sampled action over training: how good and how fast."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("mean_sampled_reward")
class MeanSampledReward(BanditMeasure):
    """
    Expected reward of a sampled action in a bandit's held-out contexts, mean over all evaluation points. These are
    evenly spaced, so it is the area under the learning curve, divided by its span.
    """

    description = "Expected reward of a sampled action in held-out contexts, mean over all evaluation points."
    unit = "reward"
    higher_is_better = True
    # A curve of its own: a study may measure this without sampled_reward.
    curves = ("bandit/mean_sampled_reward",)
    number = "sampled_reward"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean of the curve
        """
        return float(curves.values["bandit/mean_sampled_reward"].mean())
