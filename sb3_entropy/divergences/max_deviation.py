"""The largest deviation of a probability."""

import torch as th

from sb3_entropy.distributions.laws import Law, tabulate
from sb3_entropy.divergences.base import Divergence
from sb3_entropy.registry import DIVERGENCES


@DIVERGENCES.register("max_deviation")
class MaxDeviation(Divergence):
    """
    max_a |p(a) − q(a)|, at most 1: what the code of Starnes, Dereventsov, Webster 2023 computes as ``tv``. It is not
    the total variation ½ ‖p − q‖₁: its gradient goes through one action alone, the first of those that deviate most.

    Finitely many actions only, in the joint table of independent choices.
    """

    description = "max |p − q| over finite actions, the penalty 'tv' of Starnes et al. 2023: at most 1"
    estimators = ()

    @property
    def bounded(self) -> bool:
        return True

    def closed_form(self, p: Law, q: Law) -> th.Tensor | None:
        table_p, table_q = tabulate(p), tabulate(q)
        if table_p is None or table_q is None:
            return None
        return (table_p.log_probs[0].exp() - table_q.log_probs[0].exp()).abs().max(-1).values

    def estimate(self, p: Law, q: Law) -> th.Tensor:
        """
        :raises NotImplementedError: always; a maximum over actions cannot be had from a sample of them
        """
        raise NotImplementedError(
            "The divergence 'max_deviation' has no estimator: a sample of actions need not contain the largest."
        )

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = sign(p − q) at the action that deviates most, 0 at all others."""
        deviation = log_p.exp() - log_q.exp()
        largest = deviation.abs().argmax(-1, keepdim=True)
        return th.zeros_like(deviation).scatter(-1, largest, deviation.gather(-1, largest).sign())
