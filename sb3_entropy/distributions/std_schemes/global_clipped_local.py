"""Scheme 4: a global σ times a local factor that only narrows it."""

import torch as th

from sb3_entropy.distributions.std_schemes.base import StdScheme
from sb3_entropy.registry import STD_SCHEMES


@STD_SCHEMES.register("global_clipped_local")
class GlobalClippedLocalStd(StdScheme):
    """
    log σ(s) = log σ₀ − (Δ/2)·(1 − tanh(W h(s))), the factor in [e^−Δ, 1] (Liu et al. 2020, Table 1, scheme 4).

    At W = 0 the increment is −Δ/2, so log σ₀ starts Δ/2 above ``log_std_init``; with ``source_offsets`` it does not.
    """

    is_local = True

    @property
    def global_log_std_init(self) -> float:
        return self.log_std_init + (0.0 if self.source_offsets else self.delta / 2)

    @property
    def tanh_factor(self) -> float:
        return self.delta / 2

    def of_head(self, output: th.Tensor | None, log_std: th.Tensor | None) -> th.Tensor:
        assert output is not None
        assert log_std is not None
        return log_std - self.delta / 2 * (1 - th.tanh(output))
