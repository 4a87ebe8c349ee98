"""The Jensen–Shannon divergence."""

import math

import torch as th
from torch.nn import functional as F

from sb3_entropy.divergences.f_divergence import FDivergence
from sb3_entropy.registry import DIVERGENCES


@DIVERGENCES.register("jensen_shannon")
class JensenShannon(FDivergence):
    """
    JSD(p, q) = ½ KL(p‖m) + ½ KL(q‖m) with m = ½(p + q), in nats: symmetric, at most log 2 (Lin 1991, Section III).

    Closed form: choices, in the joint table of independent ones. Elsewhere an estimator.
    """

    description = "JSD = ½ KL(p‖m) + ½ KL(q‖m), m = ½(p + q), in nats: at most log 2"
    at_p_zero = math.log(2) / 2
    at_q_zero = math.log(2) / 2

    def integrand(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """
        ½ [p log(p/m) + q log(q/m)]. With r = log(p/q) and t = tanh(r/2) = (p − q)/(p + q) it is
        ½ m [t r + log(1 − t²)], which does not cancel near r = 0.
        """
        p, q, r = log_p.exp(), log_q.exp(), log_p - log_q
        near = r.abs() < 1
        small = r.masked_fill(~near, 0.0)
        t = th.tanh(small / 2)
        close = (p + q) * (t * small + th.log1p(-(t**2)))
        apart = p * (math.log(2) - F.softplus(-r)) + q * (math.log(2) - F.softplus(r))
        return th.where(near, close / 4, apart / 2)

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = ½ log(p/m)."""
        return (math.log(2) - F.softplus(log_q - log_p)) / 2
