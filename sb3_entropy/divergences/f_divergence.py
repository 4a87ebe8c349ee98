"""Divergences that are a sum over actions: Σ_a h(p(a), q(a))."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch as th

from sb3_entropy.distributions.laws import Finite, Law, Mixture, TanhGaussian, UniformBox, tabulate
from sb3_entropy.distributions.laws.base import is_inside
from sb3_entropy.divergences.base import Divergence, bounded_divergences
from sb3_entropy.divergences.mixture_sampling import draw
from sb3_entropy.registry import DIVERGENCES

#: closed forms by the kind of both laws, each to shape (B,), or None where it does not hold
ClosedForms = Mapping[type[Law], Callable[[Any, Any], th.Tensor | None]]


class FDivergence(Divergence):
    """
    D(p, q) = Σ_a h(p(a), q(a)), with h ≥ 0, h(p, p) = 0 and h(cp, cq) = c h(p, q): an f-divergence, h = q f(p/q).

    The one function h is the closed form over finitely many actions and, since it scales, the estimator
    E_m[h(p/m, q/m)] over any. It does not change under a bijection of the actions, so what is squashed by the same tanh
    is compared before squashing. D ≤ h(0, 1) + h(1, 0), which may be infinite.
    """

    #: h(0, 1): what an action costs that only the reference takes
    at_p_zero: ClassVar[float]
    #: h(1, 0): what an action costs that the reference never takes
    at_q_zero: ClassVar[float]
    #: closed forms between two laws of one kind, Gaussian or Beta
    closed_forms: ClassVar[ClosedForms] = {}
    #: what the divergences of independent choices, shape (d, B), make together; without it the joint table is summed
    of_independent: ClassVar["staticmethod[[th.Tensor], th.Tensor] | None"] = None

    @abstractmethod
    def integrand(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """
        :param log_p: finite log-probabilities, any shape
        :param log_q: likewise, of the same shape
        :return: h(p, q) ≥ 0 for each
        """

    @property
    def bounded(self) -> bool:
        return math.isfinite(self.at_p_zero + self.at_q_zero)

    def closed_form(self, p: Law, q: Law) -> th.Tensor | None:
        self._check_supports(p, q)
        p, q = _alike(p, q)
        form = self.closed_forms.get(type(p))
        if form is not None and type(p) is type(q):
            return form(p, q)
        together = type(self).of_independent
        if together is not None and isinstance(p, Finite) and isinstance(q, Finite):
            factors = zip(p.log_probs, q.log_probs, strict=True)
            return together(th.stack([self.pointwise(f, g).sum(-1) for f, g in factors]))
        table_p, table_q = tabulate(p), tabulate(q)
        if table_p is None or table_q is None:
            return None
        return self.pointwise(table_p.log_probs[0], table_q.log_probs[0]).sum(-1)

    def estimate(self, p: Law, q: Law) -> th.Tensor:
        self._check_supports(p, q)
        draws = draw(*_alike(p, q), self.n_samples)
        return self.pointwise(draws.log_w_p, draws.log_w_q).mean(0)

    def pointwise(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """
        :param log_p: log-probabilities, −∞ included
        :param log_q: likewise, of the same shape
        :return: h(p, q) for each, infinite where the definition says so, with finite gradients
        """
        no_p, no_q = log_p.isneginf(), log_q.isneginf()
        nowhere = no_p | no_q
        if not nowhere.any():
            return self.integrand(log_p, log_q)
        inner = self.integrand(log_p.masked_fill(nowhere, 0.0), log_q.masked_fill(nowhere, 0.0))
        edge = _linear(log_p, self.at_q_zero) + _linear(log_q, self.at_p_zero)
        return th.where(nowhere, edge.masked_fill(no_p & no_q, 0.0), inner)

    def _check_supports(self, p: Law, q: Law) -> None:
        for inner, outer, cost in ((p, q, self.at_q_zero), (q, p, self.at_p_zero)):
            if math.isinf(cost) and not is_inside(inner.support, outer.support):
                key, outside = DIVERGENCES.key_of(self), ("p", "q") if inner is p else ("q", "p")
                raise ValueError(
                    f"The divergence {key!r} is infinite between p, {p}, and q, {q}: the support of {outside[0]} is "
                    f"not inside that of {outside[1]}. Choose "
                    "action_distribution='beta' or 'tanh_gaussian', whose support is the box, or a bounded "
                    f"divergence ({bounded_divergences(FDivergence)}) with estimator='mixture_sampling'."
                )


def _linear(log_p: th.Tensor, slope: float) -> th.Tensor:
    """slope · p, where an infinite slope has no gradient."""
    if math.isinf(slope):
        return th.zeros_like(log_p).masked_fill(~log_p.isneginf(), slope)
    return slope * log_p.exp()


def _alike(p: Law, q: Law) -> tuple[Law, Law]:
    """Both laws as laws of one kind, if a bijection of the actions or another name makes them so."""
    u, v = _unsquashed(p), _unsquashed(q)
    if u is not None and v is not None:
        return u, v
    return (p.beta if isinstance(p, UniformBox) else p), (q.beta if isinstance(q, UniformBox) else q)


def _unsquashed(law: Law) -> Law | None:
    if isinstance(law, TanhGaussian):
        return law.unsquashed
    if isinstance(law, Mixture):
        parts = [part for inner in law.laws if (part := _unsquashed(inner)) is not None]
        return Mixture(tuple(parts), law.weights) if len(parts) == len(law.laws) else None
    return None
