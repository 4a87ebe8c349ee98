"""What more than one algorithm has of Stable-Baselines3's A2C: its optimiser, and a gradient without surrogate."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch as th
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from sb3_entropy.algorithms.common.losses import policy_gradient_loss, policy_gradient_loss_gradient
from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm


class AdvantageActorCritic(SoftOnPolicyAlgorithm):
    """What SA2C, SIMPALA and SA3C have in common: A2C's arguments, and ascent of Â log π(a|s)."""

    adds_to_policy_kwargs = frozenset({"optimizer_class", "optimizer_kwargs"})
    default_log_interval = 100
    search_space: ClassVar[SearchSpace] = {
        "n_steps_pow": Between(3, 9),
        "max_grad_norm": Between(0.3, 2.0),
        "normalize_advantage": (False, True),
    }
    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **SoftOnPolicyAlgorithm.made_from,
        "_read_optimizer": frozenset({"use_rms_prop", "rms_prop_eps"}),
    }

    use_rms_prop: bool
    rms_prop_eps: float

    def _read_optimizer(self, before: Mapping[str, Any]) -> None:
        """A file of the parent says in ``policy_kwargs`` alone what was made of these two."""
        self.use_rms_prop &= "optimizer_class" in self.policy_kwargs
        if self.policy_kwargs.get("optimizer_class") is th.optim.RMSprop:
            self.rms_prop_eps = self.policy_kwargs.get("optimizer_kwargs", {}).get("eps", self.rms_prop_eps)

    @property
    def _may_end_update(self) -> bool:
        return False

    def _policy_loss(self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples) -> th.Tensor:
        """−A log π(a|s): Liu et al. 2020, Eqs. 19 and 20; Espeholt et al. 2018, Section 4.2."""
        return policy_gradient_loss(advantages, log_prob)

    def _policy_loss_gradient(
        self, advantages: th.Tensor, log_prob: th.Tensor, batch: RolloutBufferSamples
    ) -> th.Tensor:
        return policy_gradient_loss_gradient(advantages)
