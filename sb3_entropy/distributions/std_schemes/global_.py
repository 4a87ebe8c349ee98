"""Scheme 1: one σ for all states."""

import torch as th

from sb3_entropy.distributions.std_schemes.base import StdScheme
from sb3_entropy.registry import STD_SCHEMES


@STD_SCHEMES.register("global")
class GlobalStd(StdScheme):
    """log σ = log σ₀: one learned σ for all states (Liu et al. 2020, Table 1, scheme 1; Stable-Baselines3's own)."""

    def of_head(self, output: th.Tensor | None, log_std: th.Tensor | None) -> th.Tensor:
        assert log_std is not None
        return log_std
