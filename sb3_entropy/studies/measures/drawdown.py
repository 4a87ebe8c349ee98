"""Largest fall of the deterministic return below its best so far: small is steady."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import drawdown
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("drawdown")
class Drawdown(Measure):
    """Largest fall of the deterministic return below its best so far: small is steady."""

    description = "Largest fall of the deterministic return below its best so far: small is steady."
    unit = "return"
    higher_is_better = False
    curves = ("deterministic/return",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the largest fall below the best point so far
        """
        return float(drawdown(curves.values["deterministic/return"]))
