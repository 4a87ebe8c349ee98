"""The total variation distance."""

import math
from typing import ClassVar

import torch as th

from sb3_entropy.distributions.laws import Gaussian
from sb3_entropy.divergences.f_divergence import ClosedForms, FDivergence
from sb3_entropy.registry import DIVERGENCES


def gaussian_total_variation(p: Gaussian, q: Gaussian) -> th.Tensor | None:
    """Exact in one dimension, and in any number where both have the same σ; None elsewhere."""
    if p.mean.shape[1] == 1:
        return _in_one_dimension(p.mean[:, 0], p.std[:, 0], q.mean[:, 0], q.std[:, 0])
    if not th.equal(p.std, q.std):
        return None
    # erf(Δ/√8) with Mahalanobis's Δ² = Σ (μ_p − μ_q)²/(σ_p σ_q): so written, the gradients in both σ are right too.
    squared = ((p.mean - q.mean) ** 2 / (p.std * q.std)).sum(-1)
    apart = squared > 0
    distance = squared.masked_fill(~apart, 1.0).sqrt()
    return th.where(apart, th.erf(distance / math.sqrt(8)), 0.0)


def _in_one_dimension(mean_p: th.Tensor, std_p: th.Tensor, mean_q: th.Tensor, std_q: th.Tensor) -> th.Tensor:
    """
    The densities cross at x₁ and x₂, and TV = |P(x₁, x₂) − Q(x₁, x₂)|. Moving the crossings changes nothing to first
    order, since p = q there; so they are constants.
    """
    with th.no_grad():
        scale = std_p.double()
        shift, ratio = (mean_q - mean_p).double() / scale, std_q.double() / scale
        # (1/ratio² − 1) y²/2 − y shift/ratio² + shift²/(2 ratio²) + log ratio = 0 for y = (x − μ_p)/σ_p
        a, half_b = (ratio**-2 - 1) / 2, -shift / (2 * ratio**2)
        c = shift**2 / (2 * ratio**2) + ratio.log()
        t = -(half_b + th.where(half_b < 0, -1, 1) * (half_b**2 - a * c).clamp(min=0).sqrt())
        # One crossing is infinite where both σ are equal, and all are the same where both laws are.
        far = 1e4 * (1 + ratio + shift.abs())
        crossings = [
            (mean_p + scale * th.minimum(th.maximum(y.nan_to_num(0.0), -far), far)).to(mean_p.dtype)
            for y in (t / a, c / t)
        ]
    p_1, p_2 = (th.erf((x - mean_p) / (std_p * math.sqrt(2))) for x in crossings)
    q_1, q_2 = (th.erf((x - mean_q) / (std_q * math.sqrt(2))) for x in crossings)
    return ((p_2 - p_1) - (q_2 - q_1)).abs() / 2


@DIVERGENCES.register("total_variation")
class TotalVariation(FDivergence):
    """
    TV(p, q) = ½ ‖p − q‖₁ = max over sets S of |p(S) − q(S)|: symmetric, at most 1. Its gradient does not fade as p
    approaches q; at p = q it is taken as 0.

    Closed forms: choices, in the joint table of independent ones; Gaussians in one dimension or of the same σ, also
    squashed by tanh. Elsewhere an estimator.
    """

    description = "TV = ½ Σ |p − q|, the total variation distance: at most 1"
    at_p_zero = 0.5
    at_q_zero = 0.5
    closed_forms: ClassVar[ClosedForms] = {Gaussian: gaussian_total_variation}

    def integrand(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """½ |p − q|."""
        return (log_p.exp() - log_q.exp()).abs() / 2

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = ½ sign(p − q)."""
        return th.sign(log_p - log_q) / 2
