"""The squared maximum mean discrepancy."""

from collections.abc import Callable, Mapping
from typing import Any

import torch as th

from sb3_entropy.distributions.laws import Finite, Law
from sb3_entropy.distributions.laws.base import Choices
from sb3_entropy.divergences.base import Divergence
from sb3_entropy.divergences.kernels import Kernel, make_kernel
from sb3_entropy.divergences.kernels.embedding import squared_distance
from sb3_entropy.divergences.mixture_sampling import draw
from sb3_entropy.handed_over import owned
from sb3_entropy.registry import DIVERGENCES


@DIVERGENCES.register("mmd")
class MMD(Divergence):
    """
    MMD²(p, q) = E k(x, x′) − 2 E k(x, y) + E k(y, y′) with x, x′ ~ p and y, y′ ~ q: the *square* of the maximum mean
    discrepancy (Gretton et al. 2012, Lemma 6). Over n actions it is (p − q)ᵀK(p − q).

    Unlike the others it knows which actions are alike, from the kernel. Between independent choices the kernel is the
    product k(a, a′) = ∏ᵢ k(aᵢ, a′ᵢ). Closed forms: choices with every kernel; Gaussians with ``rbf``; with ``linear``
    all laws whose mean is known; mixtures of these.

    :param estimator: how it is estimated where it has no closed form
    :param n_samples: actions a state that an estimator draws
    :param kernel: a kernel, its key, or ``{"kernel": key, **options}``
    :raises ValueError: if an argument is out of range, or the kernel unknown
    """

    description = "MMD² = (p − q)ᵀK(p − q), the squared maximum mean discrepancy, with a kernel between actions"

    def __init__(
        self,
        estimator: str | None = None,
        n_samples: int = 64,
        kernel: str | Mapping[str, Any] | Kernel = "delta",
    ):
        super().__init__(estimator, n_samples)
        self.kernel = make_kernel(owned(kernel))

    def begin(self, action_features: Callable[[], Any]) -> None:
        """
        :param action_features: gives the environment's, for a kernel with ``features="env"``
        """
        self.kernel.begin(action_features)

    @property
    def bounded(self) -> bool:
        return self.kernel.bounded

    def closed_form(self, p: Law, q: Law) -> th.Tensor | None:
        if not isinstance(p.support, Choices):
            return self.kernel.squared_mmd(p, q)
        if isinstance(p, Finite) and isinstance(q, Finite) and len(p.log_probs) == 1:
            difference = p.log_probs[0].exp() - q.log_probs[0].exp()
            return (difference * self.kernel.apply(difference)).sum(-1)
        return squared_distance(self._similarity, p, q)

    def estimate(self, p: Law, q: Law) -> th.Tensor:
        """The mean of (w_p − w_q)(x) (w_p − w_q)(x′) k(x, x′) over all pairs of different draws: a U-statistic."""
        draws = draw(p, q, self.n_samples)
        difference = draws.log_w_p.exp() - draws.log_w_q.exp()
        gram = self._gram(p, draws.actions)
        pairs = gram * difference[:, None] * difference[None, :]
        n = self.n_samples
        return (pairs.sum((0, 1)) - pairs.diagonal().sum(-1)) / (n * (n - 1))

    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """w = 2 K(p − q), twice the witness function."""
        return 2 * self.kernel.apply(log_p.exp() - log_q.exp())

    def _similarity(self, p: Law, q: Law) -> th.Tensor | None:
        """E k(x, y) between independent choices: ∏ᵢ pᵢᵀKqᵢ."""
        if not (isinstance(p, Finite) and isinstance(q, Finite)):
            return None
        factors = zip(p.log_probs, q.log_probs, strict=True)
        return th.stack([(f.exp() * self.kernel.apply(g.exp())).sum(-1) for f, g in factors]).prod(0)

    def _gram(self, p: Law, actions: th.Tensor) -> th.Tensor:
        """k between all pairs of actions, shape (n, n, B)."""
        if not isinstance(p.support, Choices):
            return self.kernel.gram(actions)
        factors = actions.long().unbind(-1) if actions.dim() == 3 else (actions.long(),)
        return th.stack([self.kernel.gram(factor) for factor in factors]).prod(0)
