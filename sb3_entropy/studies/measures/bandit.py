"""What the measures of contextual bandits share: one look at the evaluation set an evaluation point."""

from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.bandits.evaluation import evaluate_bandit
from sb3_entropy.bandits.surface import find_bandit
from sb3_entropy.policies.probabilities import has_action_probabilities
from sb3_entropy.studies.measures.base import Glimpse, ObservingMeasure

_last_looks: WeakKeyDictionary[BaseAlgorithm, tuple[Any, dict[str, float]]] = WeakKeyDictionary()


class BanditMeasure(ObservingMeasure):
    """
    A measure of a policy in the held-out contexts of a bandit, ``find_bandit`` of the training's environments. Where
    there is no such bandit, or the policy gives its actions no probabilities, its curve is NaN.

    :cvar number: which of the numbers of a :class:`~sb3_entropy.callbacks.BanditEvaluation` it records, or
        ``"cumulative_regret"``, the training's so far
    """

    number: ClassVar[str]

    def observe(self, glimpse: Glimpse) -> dict[str, float]:
        """
        :param glimpse: the model, whose environments are asked for contexts
        :return: ``number`` under the name of the measure's one curve
        """
        return {self.curves[0]: look(glimpse).get(self.number, float("nan"))}


def look(glimpse: Glimpse) -> dict[str, float]:
    """
    Evaluate the whole evaluation set, once an evaluation point: the measures that look after the first are given what
    it saw, for they have the same model after the same update and generators in the same state.

    :param glimpse: a model and a generator that has drawn nothing yet
    :return: the numbers by name; none where there is no bandit
    """
    model = glimpse.model
    moment = (model.num_timesteps, model._n_updates, glimpse.rng.bit_generator.state)
    last = _last_looks.get(model)
    if last is None or last[0] != moment:
        last = _last_looks[model] = (moment, _evaluate(glimpse))
    return last[1]


def _evaluate(glimpse: Glimpse) -> dict[str, float]:
    bandit = find_bandit(glimpse.model.get_env())
    if bandit is None or not has_action_probabilities(glimpse.model.policy):
        return {}
    evaluation = evaluate_bandit(glimpse.model, *bandit.evaluation_set(), glimpse.rng)
    return {**evaluation.scalars(), "cumulative_regret": bandit.cumulative_regret()}
