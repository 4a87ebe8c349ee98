"""The squared Hellinger distance."""

from functools import reduce
from typing import ClassVar

import torch as th

from sb3_entropy.distributions.beta import log_beta
from sb3_entropy.distributions.laws import Beta, Gaussian
from sb3_entropy.divergences.f_divergence import ClosedForms, FDivergence
from sb3_entropy.registry import DIVERGENCES


def of_independent(squared: th.Tensor) -> th.Tensor:
    """
    :param squared: H² of independent choices, shape (d, B)
    :return: 1 − ∏ (1 − H²), shape (B,), as H² ← H² + (1 − H²) H²ᵢ, which does not cancel
    """
    return reduce(lambda h, h_i: h + (1 - h) * h_i, squared.unbind(0))


def gaussian_hellinger(p: Gaussian, q: Gaussian) -> th.Tensor:
    """1 − exp Σ [−½ log(1 + (σ_p − σ_q)²/(2σ_pσ_q)) − (μ_p − μ_q)²/(4(σ_p² + σ_q²))]."""
    log_affinity = -th.log1p((p.std - q.std) ** 2 / (2 * p.std * q.std)) / 2
    log_affinity = log_affinity - (p.mean - q.mean) ** 2 / (4 * (p.std**2 + q.std**2))
    return -th.expm1(log_affinity.sum(-1))


def beta_hellinger(p: Beta, q: Beta) -> th.Tensor:
    """1 − exp Σ [log B((a_p + a_q)/2, (b_p + b_q)/2) − ½ log B(p) − ½ log B(q)]."""
    # In double precision: the terms are large where the Betas are narrow, and cancel.
    a, b, c, d = (parameter.double() for parameter in (p.a, p.b, q.a, q.b))
    log_affinity = log_beta((a + c) / 2, (b + d) / 2) - (log_beta(a, b) + log_beta(c, d)) / 2
    return -th.expm1(log_affinity.sum(-1)).to(p.a.dtype)


@DIVERGENCES.register("hellinger")
class Hellinger(FDivergence):
    """
    H²(p, q) = ½ Σ_a (√p − √q)² = 1 − Σ_a √(p q): the *squared* Hellinger distance, symmetric, at most 1.

    Closed forms: choices (independent ones multiply the affinities Σ √(pq)), Gaussians, both also squashed by tanh, and
    Betas, the uniform law on the box among them.
    """

    description = "H² = 1 − Σ √(pq), the squared Hellinger distance: at most 1"
    at_p_zero = 0.5
    at_q_zero = 0.5
    closed_forms: ClassVar[ClosedForms] = {Gaussian: gaussian_hellinger, Beta: beta_hellinger}
    of_independent = staticmethod(of_independent)

    def integrand(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """½ (√p − √q)²."""
        return ((log_p / 2).exp() - (log_q / 2).exp()) ** 2 / 2

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = ½ (1 − √(q/p))."""
        return -th.expm1((log_q - log_p) / 2) / 2
