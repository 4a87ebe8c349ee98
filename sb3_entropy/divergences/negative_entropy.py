"""The entropy as a penalty."""

import torch as th

from sb3_entropy.distributions.laws import Generic, Law, TanhGaussian
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
        # A quadrature, and what another package calls an entropy, are no closed forms.
        entropy = None if isinstance(p, (TanhGaussian, Generic)) else p.entropy()
        return None if entropy is None else -entropy

    def estimate(self, p: Law, q: Law) -> th.Tensor:
        """E_p[w log p − w + 1] with w = p/p_fixed = 1: its gradient is that of Σ p log p without the noise of Σ p."""
        draws = draw(p, p, self.n_samples)
        return (draws.log_w_p.exp() * (p.log_prob(draws.actions) - 1) + 1).mean(0)

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = log p."""
        return log_p
