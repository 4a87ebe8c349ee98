"""The heads of every distribution that the fast path knows."""

from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.distributions import (
    BernoulliDistribution,
    CategoricalDistribution,
    DiagGaussianDistribution,
    Distribution,
    MultiCategoricalDistribution,
)

from sb3_entropy.algorithms.on_policy.fast.gaussian_head import GaussianHead
from sb3_entropy.algorithms.on_policy.fast.head import Evaluated, Head, WrittenHead
from sb3_entropy.distributions.choices import ShiftedCategorical, ShiftedMultiCategorical
from sb3_entropy.distributions.gaussian import GaussianDistribution
from sb3_entropy.distributions.laws import Law, law_of
from sb3_entropy.distributions.laws.finite import Finite

LOWEST = th.finfo(th.float32).min
_softmax_backward = th.ops.aten._softmax_backward_data.default


class CategoricalHead(WrittenHead):
    """One of n choices: log π(a|s) = x_a − log Σ exp x, H = −Σ π log π. Its leaf is x, shape (B, n)."""

    def act(self, latent: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        log_probs = _normalised(self.affine.forward(latent))
        # As multinomial draws one of each row, without looking whether they are probabilities.
        drawn = th.empty_like(log_probs).exponential_()
        actions = th.div(th.softmax(log_probs, -1), drawn, out=drawn).argmax(-1, keepdim=True)
        return actions[:, 0], log_probs.gather(-1, actions)[:, 0]

    def sample(self, latent: np.ndarray) -> tuple[np.ndarray, float]:
        logits = self.affine.forward_array(latent)
        drawn = th.empty(logits.shape, dtype=th.float32, device="cpu").exponential_().numpy()
        largest = logits.max(-1, keepdims=True)
        weights = np.exp(np.subtract(logits, largest, out=logits), out=logits)
        return (weights / drawn).argmax(-1), sum(largest.ravel().tolist())

    def evaluate(self, leaves: tuple[th.Tensor, ...], actions: th.Tensor) -> Evaluated:
        log_probs = _normalised(leaves[0])
        chosen = actions.long()[:, None]
        log_prob = log_probs.gather(-1, chosen).squeeze(-1)
        # In this order: where several gradients meet, autograd adds them in the order of the operations.
        clamped = th.clamp(log_probs, min=LOWEST)
        probs = th.softmax(log_probs, -1)
        entropy = -(clamped * probs).sum(-1)
        return Evaluated(log_prob, entropy, (log_probs, chosen, clamped, probs))

    def entropy(self, leaves: tuple[th.Tensor, ...]) -> th.Tensor:
        log_probs = _normalised(leaves[0])
        return -(th.clamp(log_probs, min=LOWEST) * th.softmax(log_probs, -1)).sum(-1)

    def law(self, evaluated: Evaluated) -> Law:
        return Finite((evaluated.parts[0],))

    def gradients(
        self, evaluated: Evaluated, log_prob_gradient: th.Tensor, entropy_gradient: th.Tensor | None
    ) -> tuple[th.Tensor, ...]:
        """∂ log π(a)/∂x_i = 1[i = a] − π_i, ∂H/∂x_i = −π_i (log π_i + H)."""
        log_probs, chosen, clamped, probs = evaluated.parts
        gradient = log_prob_gradient[:, None]
        if entropy_gradient is None:
            return (log_probs.exp().mul_(-gradient).scatter_add_(1, chosen, gradient),)
        # Of −Σ π log π: through π first, then through log π, then the log-probability's, as they meet at log π.
        minus = -entropy_gradient
        of_log_probs = _softmax_backward(minus * clamped, probs, -1, th.float32)
        of_log_probs = (of_log_probs + minus * probs).scatter_add_(1, chosen, gradient)
        return (of_log_probs + (-of_log_probs).sum(-1, keepdim=True) * log_probs.exp(),)


class StockHead(Head):
    """Independent choices, by Stable-Baselines3's own distributions. Its leaf is what the network gives, (B, K)."""

    def act(self, latent: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        distribution = self._distribution(self.affine.forward(latent))
        actions = distribution.get_actions()
        return actions, distribution.log_prob(actions)

    def evaluate(self, leaves: tuple[th.Tensor, ...], actions: th.Tensor) -> Evaluated:
        distribution = self._distribution(leaves[0])
        return Evaluated(distribution.log_prob(actions), distribution.entropy(), (distribution,))

    def entropy(self, leaves: tuple[th.Tensor, ...]) -> th.Tensor:
        entropy: th.Tensor = self._distribution(leaves[0]).entropy()
        return entropy

    def law(self, evaluated: Evaluated) -> Law:
        return law_of(evaluated.parts[0], self.policy.action_space)

    def _distribution(self, output: th.Tensor) -> Any:
        return self.policy.action_dist.proba_distribution(output)


def _normalised(logits: th.Tensor) -> th.Tensor:
    return logits - logits.logsumexp(-1, keepdim=True)


#: by the exact class of the policy's distribution
HEADS: dict[type[Distribution], type[Head]] = {
    DiagGaussianDistribution: GaussianHead,
    GaussianDistribution: GaussianHead,
    CategoricalDistribution: CategoricalHead,
    ShiftedCategorical: StockHead,
    MultiCategoricalDistribution: StockHead,
    ShiftedMultiCategorical: StockHead,
    BernoulliDistribution: StockHead,
}
