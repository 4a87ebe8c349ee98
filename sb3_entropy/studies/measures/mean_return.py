"""Mean deterministic return over training: the area under the learning curve divided by its span."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import area_under_curve
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("mean_return")
class MeanReturn(Measure):
    """Mean deterministic return over training: the area under the learning curve divided by its span."""

    description = "Mean deterministic return over training: the area under the learning curve divided by its span."
    unit = "return"
    higher_is_better = True
    curves = ("deterministic/return",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the area under the curve, divided by its span
        """
        return float(area_under_curve(curves.steps, curves.values["deterministic/return"]))
