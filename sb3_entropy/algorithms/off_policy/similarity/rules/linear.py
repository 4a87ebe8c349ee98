"""All critics linear in the action, around the actor's sample."""

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import similarity
from sb3_entropy.algorithms.off_policy.similarity.models import linear_values
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule
from sb3_entropy.algorithms.off_policy.similarity.sampling import actions_by_component, standard_normal
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.registry import SIMILARITY_RULES


@SIMILARITY_RULES.register("linear")
class LinearRule(SimilarityRule):
    """
    Q(s, a) ≈ Q(s, ã) + ∇ₐQ(s, ã)·(a − ã) at the actor's sample ã, over N actions drawn from the policy.

    No further evaluation of a critic: the gradients are those of the actor's step. The draws of the noise before σ are
    the same in all states of a step.
    """

    description = "all critics linear in the action, around the actor's sample"

    def _similarity(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        z = standard_normal((samples, critics.mean.shape[1]), critics.mean, generator)
        a = actions_by_component(critics.mean, critics.std, z)
        gradients = critics.gradients_at_sample()
        return similarity(linear_values(critics.values_at_sample, gradients, critics.sample, a), kind)
