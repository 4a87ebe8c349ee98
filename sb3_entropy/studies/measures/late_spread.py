"""Standard deviation of the deterministic return over the last quarter of the points: small is steady."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("late_spread")
class LateSpread(Measure):
    """Standard deviation of the deterministic return over the last quarter of the points: small is steady."""

    description = "Standard deviation of the deterministic return over the last quarter of the points: small is steady."
    unit = "return"
    higher_is_better = False
    curves = ("deterministic/return",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the standard deviation
        """
        values = curves.values["deterministic/return"]
        return float(values[-max(1, len(values) // 4) :].std())
