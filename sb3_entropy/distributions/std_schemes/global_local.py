"""Scheme 3: a global σ times a local factor."""

import torch as th

from sb3_entropy.distributions.std_schemes.base import StdScheme
from sb3_entropy.registry import STD_SCHEMES


@STD_SCHEMES.register("global_local")
class GlobalLocalStd(StdScheme):
    """log σ(s) = log σ₀ + Δ·tanh(W h(s)), the factor in [e^−Δ, e^Δ] (Liu et al. 2020, Table 1, scheme 3)."""

    is_local = True

    @property
    def tanh_factor(self) -> float:
        return self.delta

    def of_head(self, output: th.Tensor | None, log_std: th.Tensor | None) -> th.Tensor:
        assert output is not None
        assert log_std is not None
        return log_std + self.delta * th.tanh(output)
