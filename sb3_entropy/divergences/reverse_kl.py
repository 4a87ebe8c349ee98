"""KL(q‖p), the Kullback–Leibler divergence of the reference from the current policy."""

import math
from typing import ClassVar

import torch as th

from sb3_entropy.distributions.laws import Beta, Gaussian
from sb3_entropy.divergences.f_divergence import ClosedForms, FDivergence
from sb3_entropy.divergences.kl import additive, beta_kl, gaussian_kl, kl_integrand
from sb3_entropy.registry import DIVERGENCES


@DIVERGENCES.register("reverse_kl")
class ReverseKL(FDivergence):
    """
    KL(q‖p) = Σ_a q log(q/p), in nats: it keeps p from giving up any action that the reference takes.

    Infinite where p = 0 < q. Closed forms as for KL.
    """

    description = "KL(q‖p) = Σ q log(q/p), in nats: infinite where p gives up an action of q"
    at_p_zero = math.inf
    at_q_zero = 1.0
    closed_forms: ClassVar[ClosedForms] = {
        Gaussian: lambda p, q: gaussian_kl(q, p),
        Beta: lambda p, q: beta_kl(q, p),
    }
    of_independent = staticmethod(additive)

    def integrand(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        return kl_integrand(log_q, log_p)

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = 1 − q/p."""
        return -th.expm1(log_q - log_p)
