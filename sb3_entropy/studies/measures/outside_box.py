"""Density outside the action box at the end of training."""

from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.laws import has_law
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Glimpse, ObservingMeasure


@MEASURES.register("outside_box")
class OutsideBox(ObservingMeasure):
    """
    Share of the policy's density outside the action box, where clipping makes all actions alike: mean over visited
    states and action dimensions, over the last tenth of the evaluation points.
    """

    description = (
        "Share of the policy's density outside the action box, a dimension, over the last tenth of the points."
    )
    unit = ""
    higher_is_better = False
    curves = ("policy/outside_box",)

    def observe(self, glimpse: Glimpse) -> dict[str, float]:
        """
        :param glimpse: the model and states that it visits
        :return: ``policy/outside_box``, in [0, 1]; 0 for a distribution that lives inside the box
        """
        policy = glimpse.model.policy
        values = describe_policy(policy, glimpse.states) if has_law(policy) else {}
        return {"policy/outside_box": values.get("train/outside_box", 0.0 if values else float("nan"))}

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the score
        """
        return curves.last("policy/outside_box")
