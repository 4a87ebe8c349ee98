"""In which states the soft critics teach the actor, and in which the plain ones (Zhang et al. 2025)."""

from dataclasses import dataclass, field
from typing import Any

import torch as th

from sb3_entropy.algorithms.off_policy.path import Path
from sb3_entropy.algorithms.off_policy.similarity.cosine import decide, settled
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule


@dataclass
class AdaptiveChoice:
    """
    The share of the soft critics in each state: 1 where sim > ε, else 0; or 1/(1 + e^{−(sim − ε)/T}).

    :param rule: how sim is found
    :param kind: of the similarity
    :param samples: N
    :param of_targets: whether the target critics are compared
    :param blend_temperature: T; None for the switch
    :param generator: where samples come from, beside the global generators
    """

    rule: SimilarityRule
    kind: str
    samples: int
    of_targets: bool
    blend_temperature: float | None
    generator: th.Generator = field(default_factory=th.Generator)
    #: of the last minibatch, shape (B,); None if it was not needed
    seen: th.Tensor | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A generator cannot be pickled."""
        return {**vars(self), "generator": self.generator.get_state(), "seen": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        generator = th.Generator()
        generator.set_state(state["generator"])
        vars(self).update({**state, "generator": generator})

    def soft_share(self, path: Path, n_states: int, threshold: float) -> th.Tensor:
        """
        :param path: which can be asked for the critics as functions of the action
        :param n_states: B
        :param threshold: ε
        :return: shape (B,)
        """
        self.seen = None
        always = settled(threshold) if self.blend_temperature is None else None
        if always is not None:
            return th.full((n_states,), float(always))
        critics = path.state_critics(self.of_targets)
        self.seen = self.rule(critics, self.kind, threshold, self.samples, self.generator)
        if self.blend_temperature is None:
            return decide(self.seen, threshold).to(th.float32)
        return th.sigmoid((self.seen - threshold) / self.blend_temperature)
