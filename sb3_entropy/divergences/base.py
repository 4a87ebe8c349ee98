"""What every divergence is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

import torch as th

from sb3_entropy.distributions.laws import Finite, Law
from sb3_entropy.distributions.laws.base import check_same_space
from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.handed_over import Remembering
from sb3_entropy.registry import DIVERGENCES


class Divergence(Remembering, ABC):
    """
    A divergence D(p, q) of the current policy's law p from a reference's law q, in every state.

    It is a closed form where there is one. Elsewhere it is what the named estimator says, and without a name it is an
    error: nothing is estimated silently.

    :param estimator: how it is estimated where it has no closed form; one of ``estimators``
    :param n_samples: actions a state that an estimator draws, ≥ 2
    :raises ValueError: if the estimator is unknown, or ``n_samples`` too small
    """

    #: one line, for lists
    description: ClassVar[str]
    #: the estimators that it offers
    estimators: ClassVar[tuple[str, ...]] = ("mixture_sampling",)

    def __init__(self, estimator: str | None = None, n_samples: int = 64):
        if estimator is not None:
            check_choice(f"estimator of divergence={DIVERGENCES.key_of(self)!r}", estimator, self.estimators)
        check_number("n_samples", n_samples, low=2, integer=True)
        self.estimator = estimator
        self.n_samples = n_samples

    def begin(self, action_features: Callable[[], Any]) -> None:
        """
        Called before training.

        :param action_features: gives what the environment knows of its actions, shape (n, d), or None
        :raises ValueError: if they are needed and there are none
        """

    def __call__(self, p: Law, q: Law) -> th.Tensor:
        """
        :param p: the current policy's law
        :param q: the reference's law, in the same states
        :return: D(p, q), shape (B,), differentiable in both
        :raises ValueError: if they choose from different actions, or if there is no closed form and no estimator is
            named
        """
        check_same_space(p, q)
        value = self.closed_form(p, q)
        if value is not None:
            return value
        if self.estimator is not None:
            return self.estimate(p, q)
        remedy = (
            f"Name an estimator: estimator={' or '.join(map(repr, self.estimators))}, which draws n_samples actions a "
            "state."
            if self.estimators
            else "It has no estimator either: it is for finitely many actions, in joint tables of at most 2¹⁶ entries."
        )
        key = DIVERGENCES.key_of(self)
        raise ValueError(f"The divergence {key!r} has no closed form between p, {p}, and q, {q}. {remedy}")

    def gradient_weights(self, p: Law, q: Law) -> th.Tensor:
        """
        The weights w with ∇D = Σ_a w(a) ∇p(a), for one choice of n actions: how each action is pulled. A constant
        added to w changes nothing, since Σ_a ∇p(a) = 0; an action whose probability under p is 0,
        also by underflow, has the weight 0.

        :param p: the current policy's law
        :param q: the reference's law
        :return: w, shape (B, n), without gradient
        :raises ValueError: if a law is not a single choice
        """
        check_same_space(p, q)
        log_p, log_q = _single_choice(p), _single_choice(q)
        with th.no_grad():
            return th.where(log_p.exp() == 0, 0.0, self.weights(log_p, log_q))

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """:return: whether there is a constant that D(p, q) never exceeds"""

    @abstractmethod
    def closed_form(self, p: Law, q: Law) -> th.Tensor | None:
        """:return: D(p, q), shape (B,), or None where no closed form is known"""

    @abstractmethod
    def estimate(self, p: Law, q: Law) -> th.Tensor:
        """:return: an estimate of D(p, q), shape (B,), unbiased in value and gradient, from ``n_samples`` actions"""

    @abstractmethod
    def weights(self, log_p: th.Tensor, log_q: th.Tensor) -> th.Tensor:
        """
        :param log_p: log-probabilities of n actions, shape (B, n)
        :param log_q: likewise
        :return: ∂D/∂p(a), shape (B, n), up to a constant; anything where p(a) = 0
        """


def _single_choice(law: Law) -> th.Tensor:
    if not isinstance(law, Finite) or len(law.log_probs) > 1:
        raise ValueError(f"gradient_weights are those of a single choice of n actions, but {law} was given.")
    return law.log_probs[0]


def bounded_divergences(kind: type[Any] = Divergence) -> str:
    """
    :param kind: a class of divergences
    :return: the keys of those that are of it and, as they are without options, have a bound, for a message
    """
    made = {}
    for key, _ in DIVERGENCES.items():
        with suppress(ValueError):  # it needs an option
            made[key] = DIVERGENCES.make(key)
    return ", ".join(key for key, divergence in made.items() if isinstance(divergence, kind) and divergence.bounded)


def make_divergence(spec: str | Mapping[str, Any] | Divergence, **options: Any) -> Divergence:
    """
    :param spec: a key, a mapping ``{"divergence": key, **options}``, or a divergence, which is returned as it is
    :param options: ``estimator``, ``n_samples``, ``kernel`` for MMD, and what else its constructor takes
    :return: the divergence
    :raises TypeError: if ``spec`` is none of these
    :raises ValueError: if the key or an option is unknown, or an option is out of range
    """
    made: Divergence = DIVERGENCES.make(spec, **options)
    return made
