"""Entropy of the policy at the end of training."""

from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.common.diagnostics import describe_policy
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
        :return: ``policy/entropy``; NaN if the policy's distribution has no entropy in closed form
        """
        policy = glimpse.model.policy
        values = describe_policy(policy, glimpse.states) if isinstance(policy, ActorCriticPolicy) else {}
        return {"policy/entropy": values.get("train/entropy", float("nan"))}

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the score in nats
        """
        return curves.last("policy/entropy")
