"""All critics at all samples."""

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import similarity
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule
from sb3_entropy.algorithms.off_policy.similarity.sampling import actions, standard_normal
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.registry import SIMILARITY_RULES


@SIMILARITY_RULES.register("exact")
class ExactRule(SimilarityRule):
    """All critics at N actions a state, each state with draws of its own: the rule of the source's code."""

    description = "all critics at all N samples: the source's"

    def _similarity(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        z = standard_normal((samples, *critics.mean.shape), critics.mean, generator)
        return similarity(critics.values(actions(critics.mean, critics.std, z)), kind)
