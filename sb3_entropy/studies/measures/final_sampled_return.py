"""Mean return with sampled actions over the last tenth of the evaluation points."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("final_sampled_return")
class FinalSampledReturn(Measure):
    """Mean return with sampled actions over the last tenth of the evaluation points."""

    description = "Mean return with sampled actions over the last tenth of the evaluation points."
    unit = "return"
    higher_is_better = True
    curves = ("stochastic/return",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the score
        """
        return curves.last("stochastic/return")
