"""KL(p‖q), the Kullback–Leibler divergence of the current policy from the reference."""

import math
from typing import ClassVar

import torch as th

from sb3_entropy.distributions.beta import log_beta
from sb3_entropy.distributions.laws import Beta, Gaussian
from sb3_entropy.divergences.f_divergence import ClosedForms, FDivergence
from sb3_entropy.registry import DIVERGENCES


def kl_integrand(log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
    """
    p log(p/q) − p + q ≥ 0, whose last two terms sum to 0 over the actions. With r = log(p/q), q − p is p (e^−r − 1)
    near r = 0, so that what is left there is not rounding.
    """
    p, q, r = log_p.exp(), log_q.exp(), log_p - log_q
    near = r.abs() < 1
    return p * r + th.where(near, p * th.expm1(-r.masked_fill(~near, 0.0)), q - p)


def additive(kls: th.Tensor) -> th.Tensor:
    """:return: KL of independent choices: the sum of theirs, shape (d, B) to (B,)"""
    return kls.sum(0)


def gaussian_kl(p: Gaussian, q: Gaussian) -> th.Tensor:
    """Σ [(e^2s − 1)/2 − s + (μ_p − μ_q)²/(2σ_q²)] with s = log(σ_p/σ_q)."""
    s = p.std.log() - q.std.log()
    return (th.expm1(2 * s) / 2 - s + ((p.mean - q.mean) / q.std) ** 2 / 2).sum(-1)


def beta_kl(p: Beta, q: Beta) -> th.Tensor:
    """Σ [log B(q) − log B(p) + (a_p − a_q) ψ(a_p) + (b_p − b_q) ψ(b_p) − (a_p + b_p − a_q − b_q) ψ(a_p + b_p)]."""
    # In double precision: the terms are large where the Betas are narrow, and cancel.
    a, b, c, d = (parameter.double() for parameter in (p.a, p.b, q.a, q.b))
    kl = log_beta(c, d) - log_beta(a, b)
    kl = kl + (a - c) * th.digamma(a) + (b - d) * th.digamma(b) - (a + b - c - d) * th.digamma(a + b)
    return kl.sum(-1).to(p.a.dtype)


@DIVERGENCES.register("kl")
class KL(FDivergence):
    """
    KL(p‖q) = Σ_a p log(p/q), in nats. Against the uniform law of n actions it is log n − H(p).

    It is infinite where p takes an action that q never takes. Closed forms: choices (additive over independent ones),
    Gaussians, both also squashed by tanh, and Betas, the uniform law on the box among them.
    """

    description = "KL(p‖q) = Σ p log(p/q), in nats: infinite where p leaves the support of q"
    at_p_zero = 1.0
    at_q_zero = math.inf
    closed_forms: ClassVar[ClosedForms] = {Gaussian: gaussian_kl, Beta: beta_kl}
    of_independent = staticmethod(additive)

    def integrand(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        return kl_integrand(log_p, log_q)

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = log(p/q)."""
        return log_p - log_q
