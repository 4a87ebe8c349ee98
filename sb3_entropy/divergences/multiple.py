"""Multiples of divergences, as other authors write them."""

from typing import ClassVar

import torch as th

from sb3_entropy.distributions.laws import Law
from sb3_entropy.divergences.base import Divergence


class Multiple(Divergence):
    """
    factor · D(p, q), for a divergence D that has a name of its own.

    :param estimator: as for D
    :param n_samples: as for D
    """

    factor: ClassVar[float]
    divergence: ClassVar[type[Divergence]]

    def __init__(self, estimator: str | None = None, n_samples: int = 64):
        super().__init__(estimator, n_samples)
        self._once = self.divergence(estimator, n_samples)

    @property
    def bounded(self) -> bool:
        return self._once.bounded

    def closed_form(self, p: Law, q: Law) -> th.Tensor | None:
        value = self._once.closed_form(p, q)
        return None if value is None else self.factor * value

    def estimate(self, p: Law, q: Law) -> th.Tensor:
        return self.factor * self._once.estimate(p, q)

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        return self.factor * self._once.weights(log_p, log_q)
