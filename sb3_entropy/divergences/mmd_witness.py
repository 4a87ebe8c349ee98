"""The MMD penalty of Starnes et al. 2023."""

import math
from collections.abc import Mapping
from typing import Any

import torch as th

from sb3_entropy.distributions.laws import Law
from sb3_entropy.divergences.base import Divergence
from sb3_entropy.divergences.kernels import Kernel, make_kernel
from sb3_entropy.divergences.mmd import MMD
from sb3_entropy.registry import DIVERGENCES

#: k(a, a′) between different actions in the authors' code, .3678
OFF_DIAGONAL = math.exp(-2 / 1.414**2)


@DIVERGENCES.register("mmd_witness")
class MMDWitness(Divergence):
    """
    Σ_a (p − q)(a) w(a) with the witness w = K(p − q) held constant: the value of MMD², and *half* of its gradient. What
    the code of Starnes, Dereventsov, Webster 2023 computes as ``mmd``, with the uniform law as q.

    :param estimator: as for MMD²
    :param n_samples: as for MMD²
    :param kernel: as for MMD²; by default the authors', 1 between equal actions and exp(−2/1.414²) between others
    """

    description = "MMD² with half of its gradient, the penalty 'mmd' of Starnes et al. 2023"

    def __init__(
        self,
        estimator: str | None = None,
        n_samples: int = 64,
        kernel: str | Mapping[str, Any] | Kernel | None = None,
    ):
        super().__init__(estimator, n_samples)
        given = {"kernel": "delta", "off_diagonal": OFF_DIAGONAL} if kernel is None else kernel
        self._mmd = MMD(estimator, n_samples, make_kernel(given))

    @property
    def kernel(self) -> Kernel:
        """:return: k"""
        return self._mmd.kernel

    @property
    def bounded(self) -> bool:
        return self._mmd.bounded

    def closed_form(self, p: Law, q: Law) -> th.Tensor | None:
        value = self._mmd.closed_form(p, q)
        return None if value is None else _half_gradient(value)

    def estimate(self, p: Law, q: Law) -> th.Tensor:
        return _half_gradient(self._mmd.estimate(p, q))

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = K(p − q), the witness function."""
        return self._mmd.weights(log_p, log_q) / 2


def _half_gradient(value: th.Tensor) -> th.Tensor:
    return (value + value.detach()) / 2
