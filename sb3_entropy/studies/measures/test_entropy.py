"""Entropy of the policy in a bandit's held-out contexts."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.bandit import BanditMeasure
from sb3_entropy.studies.measures.base import Curves


@MEASURES.register("test_entropy")
class HeldOutEntropy(BanditMeasure):
    """Entropy of the policy in a bandit's held-out contexts."""

    description = "Entropy of the policy in a bandit's held-out contexts."
    unit = "nats"
    higher_is_better = None
    curves = ("bandit/entropy",)
    number = "entropy"

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the mean over the last tenth of the evaluation points
        """
        return curves.last("bandit/entropy")
