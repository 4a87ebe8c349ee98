"""Scheme 2: σ is an output of the network."""

import math

import torch as th
from torch import nn

from sb3_entropy.distributions.std_schemes.base import StdScheme
from sb3_entropy.registry import STD_SCHEMES

LOWEST, HIGHEST = -20.0, 2.0


@STD_SCHEMES.register("local")
class LocalStd(StdScheme):
    """
    log σ(s) = −20 + 11·(tanh(W h(s) + b) + 1), in (−20, 2) (Liu et al. 2020, Table 1, scheme 2, as in their code).

    There is no global parameter. With W = 0, b = artanh((log σ₀ + 20)/11 − 1) gives the start; the authors' code starts
    around log σ = −9.
    """

    global_part = "absent"
    is_local = True

    def __init__(
        self,
        latent_dim: int,
        action_dim: int,
        log_std_init: float = 0.0,
        *,
        delta: float = 1.0,
        source_offsets: bool = False,
    ):
        super().__init__(latent_dim, action_dim, log_std_init, delta=delta, source_offsets=source_offsets)
        if not source_offsets:
            if not LOWEST < log_std_init < HIGHEST:
                raise ValueError(
                    f"log_std_init={log_std_init:g} cannot be reached by std_scheme='local', whose log σ lies strictly "
                    f"between {LOWEST:g} and {HIGHEST:g}. Choose a value between, or std_scheme='global'."
                )
            half = (HIGHEST - LOWEST) / 2
            nn.init.constant_(self.head.bias, math.atanh((log_std_init - LOWEST) / half - 1))

    @property
    def tanh_factor(self) -> float:
        return (HIGHEST - LOWEST) / 2

    def of_head(self, output: th.Tensor | None, log_std: th.Tensor | None) -> th.Tensor:
        assert output is not None
        return LOWEST + (HIGHEST - LOWEST) / 2 * (th.tanh(output) + 1)
