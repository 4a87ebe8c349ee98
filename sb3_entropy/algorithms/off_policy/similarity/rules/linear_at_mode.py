"""All critics linear in the action, around the policy's mode."""

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import similarity
from sb3_entropy.algorithms.off_policy.similarity.models import linear_values
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule
from sb3_entropy.algorithms.off_policy.similarity.sampling import actions_by_component, standard_normal, tanh_
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.registry import SIMILARITY_RULES


@SIMILARITY_RULES.register("linear_at_mode")
class LinearAtModeRule(SimilarityRule):
    """
    Q(s, a) ≈ Q(s, a₀) + ∇ₐQ(s, a₀)·(a − a₀) at a₀ = tanh μ, over N actions drawn from the policy.

    Two evaluations of the critics, value and gradient. The draws of the noise before σ are the same in all states of a
    step.
    """

    description = "all critics linear in the action, around the policy's mode"

    def _similarity(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        z = standard_normal((samples, critics.mean.shape[1]), critics.mean, generator)
        mode = tanh_(critics.mean.clone())
        values, gradients = critics.values_and_gradients(mode)
        a = actions_by_component(critics.mean, critics.std, z)
        return similarity(linear_values(values, gradients, mode, a), kind)
