"""All critics at all samples, in low precision."""

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import similarity
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule
from sb3_entropy.algorithms.off_policy.similarity.sampling import actions, standard_normal
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.registry import SIMILARITY_RULES


@SIMILARITY_RULES.register("bfloat16")
class BFloat16Rule(SimilarityRule):
    """
    The exact rule, and the same draws, with all layers but the last in bfloat16.

    An approximation: hidden units are known to three digits.
    """

    description = "all critics at all N samples, hidden layers in bfloat16"

    def _similarity(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        z = standard_normal((samples, *critics.mean.shape), critics.mean, generator)
        a = actions(critics.mean, critics.std, z)
        return similarity(critics.values(a, low_precision=True), kind)
