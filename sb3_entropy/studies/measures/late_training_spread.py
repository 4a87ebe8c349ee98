"""Standard deviation of the training's moving return over the last quarter of the points: small is steady."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("late_training_spread")
class LateTrainingSpread(Measure):
    """
    Standard deviation of the mean return of the last 100 training episodes, over the last quarter of the points: small
    is steady. A mean that still rises is spread by that too.
    """

    description = "Standard deviation of the moving training return over the last quarter of the points."
    unit = "return"
    higher_is_better = False
    curves = ("train/return",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the standard deviation
        """
        values = curves.values["train/return"]
        return float(values[-max(1, len(values) // 4) :].std())
