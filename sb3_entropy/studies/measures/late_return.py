"""Mean deterministic return over the last quarter of the evaluation points."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("late_return")
class LateReturn(Measure):
    """Mean deterministic return over the last quarter of the points, where ``final_return`` has a tenth of them."""

    description = "Mean deterministic return over the last quarter of the evaluation points."
    unit = "return"
    higher_is_better = True
    curves = ("deterministic/return",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the score
        """
        return curves.last("deterministic/return", share=0.25)
