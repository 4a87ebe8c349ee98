"""Entropy of the policy half-way through the training: at a change that comes there, say."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("halfway_entropy")
class HalfwayEntropy(Measure):
    """Mean entropy of a bandit's policy in held-out contexts, at the last point of the training's first half."""

    description = "Entropy of the policy in held-out contexts at the last point of the training's first half."
    unit = "nats"
    higher_is_better = None
    curves = ("bandit/entropy",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the entropy in nats
        """
        return float(curves.values["bandit/entropy"][max(0, len(curves.steps) // 2 - 1)])
