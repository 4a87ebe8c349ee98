"""All critics linear in the action."""

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import similarity
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
        offset = critics.values_at_sample - (gradients * critics.sample).sum(-1)
        return similarity(linear_values(offset, gradients, a), kind)


def linear_values(offset: th.Tensor, gradients: th.Tensor, a: th.Tensor) -> th.Tensor:
    """
    :param offset: c, shape (G, C, B)
    :param gradients: g, shape (G, C, B, A)
    :param a: actions, shape (A, N, B)
    :return: c + g·a, shape (G, C, N, B)
    """
    g = gradients.permute(3, 0, 1, 2).unsqueeze(3)  # (A, G, C, 1, B)
    values = th.addcmul(offset.unsqueeze(2), g[0], a[0])
    for k in range(1, len(a)):
        values.addcmul_(g[k], a[k])
    return values
