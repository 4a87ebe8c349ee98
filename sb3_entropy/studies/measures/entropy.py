"""Entropy of the policy at the end of training."""

import math

from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.laws import has_law
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Glimpse, ObservingMeasure


@MEASURES.register("entropy")
class Entropy(ObservingMeasure):
    """Entropy H(π(·|s)) in nats, mean over visited states, over the last tenth of the evaluation points."""

    description = "Entropy of the policy in the states that it visits, over the last tenth of the evaluation points."
    unit = "nats"
    higher_is_better = None
    curves = ("policy/entropy",)

    def observe(self, glimpse: Glimpse) -> dict[str, float]:
        """
        :param glimpse: the model and states that it visits
        :return: ``policy/entropy``; NaN if it is not known, or −∞, as a deterministic policy's over a box is
        """
        policy = glimpse.model.policy
        values = describe_policy(policy, glimpse.states) if has_law(policy) else {}
        entropy = values.get("train/entropy", math.nan)
        return {"policy/entropy": entropy if math.isfinite(entropy) else math.nan}

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the score in nats
        """
        return curves.last("policy/entropy")
