"""Moving mean of the training's own returns over the last tenth of the evaluation points."""

from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures.base import Curves, Measure


@MEASURES.register("final_training_return")
class FinalTrainingReturn(Measure):
    """
    Mean return of the last 100 training episodes, what learning curves of the literature usually show, over the last
    tenth of the evaluation points. Its actions are sampled, and it lags behind the policy by up to 100 episodes.
    """

    description = "Mean return of the last 100 training episodes, over the last tenth of the evaluation points."
    unit = "return"
    higher_is_better = True
    curves = ("train/return",)

    def score(self, curves: Curves) -> float:
        """
        :param curves: what the run has recorded
        :return: the score
        """
        return curves.last("train/return")
