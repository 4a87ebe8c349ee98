"""The entropy as a penalty."""

import math

import torch as th

from sb3_entropy.distributions.beta import beta_entropy
from sb3_entropy.distributions.laws import Beta, Finite, Gaussian, Law, UniformBox, tabulate
from sb3_entropy.distributions.laws.bounded import log_width
from sb3_entropy.divergences.base import Divergence
from sb3_entropy.divergences.mixture_sampling import draw
from sb3_entropy.registry import DIVERGENCES


@DIVERGENCES.register("negative_entropy")
class NegativeEntropy(Divergence):
    """
    −H(p) = Σ_a p log p, in nats, whatever the reference is: what the code of Starnes, Dereventsov, Webster 2023
    computes as ``ent``. Not a divergence: it can be negative. Over n actions it is KL(p‖U) − log n, with the same
    gradient as KL towards the uniform law U.

    Closed forms: choices, Gaussian, Beta, uniform. A squashed Gaussian needs an estimator.
    """

    description = "−H(p) in nats, whatever q is: KL(p‖U) − log n, the penalty 'ent' of Starnes et al. 2023"

    @property
    def bounded(self) -> bool:
        """−H grows without bound as a density gets narrow."""
        return False

    def closed_form(self, p: Law, q: Law) -> th.Tensor | None:
        if isinstance(p, Finite):
            return th.stack([_of_choice(log_p) for log_p in p.log_probs]).sum(0)
        if isinstance(p, Gaussian):
            return -(p.std.log() + (1 + math.log(2 * math.pi)) / 2).sum(-1)
        if isinstance(p, UniformBox):
            return -log_width(p.low, p.high).sum().expand(p.batch)
        if isinstance(p, Beta):
            return -(beta_entropy(p.a, p.b) + log_width(p.low, p.high)).sum(-1)
        table = tabulate(p)
        return None if table is None else _of_choice(table.log_probs[0])

    def estimate(self, p: Law, q: Law) -> th.Tensor:
        """E_p[w log p − w + 1] with w = p/p_fixed = 1: its gradient is that of Σ p log p without the noise of Σ p."""
        draws = draw(p, p, self.n_samples)
        return (draws.log_w_p.exp() * (p.log_prob(draws.actions) - 1) + 1).mean(0)

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = log p."""
        return log_p


def _of_choice(log_p: th.Tensor) -> th.Tensor:
    return (log_p.exp() * log_p.masked_fill(log_p.isneginf(), 0.0)).sum(-1)
