"""Regularisers: divergences towards, or away from, a reference policy, in the policy's loss."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch as th
from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.distributions.laws import Law
from sb3_entropy.divergences import Divergence, make_divergence
from sb3_entropy.divergences.base import bounded_divergences
from sb3_entropy.errors import MisfitError, check_choice, check_number
from sb3_entropy.handed_over import Remembering, described, owned
from sb3_entropy.references import Reference, make_reference
from sb3_entropy.references.base import WeightedLaws
from sb3_entropy.registry import DIVERGENCES, REFERENCES, Registry
from sb3_entropy.regularizers.coefficients import Coefficient, GradientShare, make_coefficient
from sb3_entropy.temperature import Temperature, continued

MODES = ("attract", "repel")
#: what a regulariser is made of, by attribute, and of which arguments; each keeps its state as long as these stay
PARTS = {
    "divergence": frozenset({"divergence", "divergence_kwargs"}),
    "reference": frozenset({"reference", "reference_kwargs"}),
    "coefficient": frozenset({"coef", "mode", "target_divergence", "coef_lr"}),
}


class Regularizer(Remembering):
    """
    +λ·E_s D(π(·|s), q(·|s)), which draws the policy towards a reference q, or −λ·E_s min(D, cap), which drives it away.

    What is given is taken as a copy: two regularisers, or models, never share what they remember.

    λ is in the units of the loss that it is added to, whose policy part is −Â log π or −ρÂ: where advantages are
    normalised, λ is measured against advantages with a standard deviation of 1. In the off-policy family it is
    α log π − Q, in units of the return.

    :param divergence: D: its key, ``{"divergence": key, **options}``, or an object
    :param divergence_kwargs: its options: ``estimator``, ``n_samples``, and ``kernel`` for ``"mmd"``
    :param reference: q: its key, ``{"reference": key, **options}``, or an object
    :param reference_kwargs: its options: ``policy`` for ``"frozen"``; ``n_snapshots``, ``every``, ``decay`` and
        ``combine`` for ``"previous"``; ``decay`` for ``"ema"``
    :param mode: ``"attract"`` or ``"repel"``
    :param coef: λ: a number ≥ 0, ``"lin_0.1"``, ``"decay_<initial>_<factor>_<floor>"``, a function of the remaining
        progress; ``"auto"`` or ``"auto_0.1"``, tuned so that D approaches ``target_divergence``; or ``"share_0.1"``,
        set on every minibatch so that the regulariser's gradient has that share of the norm of the policy loss's
    :param cap: D is not driven, in any state, above this value; needed to repel by a divergence without a bound
    :param target_divergence: the divergence in every state, on average, that ``"auto"`` tunes λ to
    :param coef_lr: how fast: nats of log λ a transition and relative error
    :raises TypeError: if an argument is of the wrong type
    :raises ValueError: if one is out of its range, unknown, or does not fit the others
    """

    def __init__(
        self,
        divergence: str | Mapping[str, Any] | Divergence,
        divergence_kwargs: Mapping[str, Any] | None = None,
        reference: str | Mapping[str, Any] | Reference = "uniform",
        reference_kwargs: Mapping[str, Any] | None = None,
        mode: str = "attract",
        coef: Coefficient = 0.1,
        cap: float | None = None,
        target_divergence: float | None = None,
        coef_lr: float = 2e-4,
    ):
        #: what it was made from, as far as it can be saved
        self.arguments = described({name: value for name, value in locals().items() if name != "self"})
        with options_named("divergence_kwargs", divergence_kwargs) as options:
            self.divergence = make_divergence(owned(divergence), **options)
        with options_named("reference_kwargs", reference_kwargs) as options:
            self.reference = make_reference(owned(reference), **options)
        check_choice("mode", mode, MODES)
        self.sign = 1.0 if mode == "attract" else -1.0
        self.coefficient = make_coefficient(coef, self.sign, target_divergence, coef_lr)
        if cap is not None:
            check_number("cap", cap, low=0, open_low=True)
            if mode == "attract":
                raise MisfitError(
                    f"cap={cap!r} limits how far mode='repel' drives the policy; with mode='attract' leave it out.",
                    "mode",
                    "cap",
                )
        elif mode == "repel" and not self.divergence.bounded:
            raise MisfitError(
                f"mode='repel' with divergence={divergence!r}, which has no bound, would drive the policy away for "
                "ever. Give cap, the divergence above which a state is left alone, or choose a divergence with a "
                f"bound: {bounded_divergences()}.",
                "divergence",
                "mode",
                "cap",
            )
        self.cap = cap
        self.name = f"{DIVERGENCES.key_of(self.divergence)}_{REFERENCES.key_of(self.reference)}"
        self._divergences: list[th.Tensor] = []
        self._coefs: list[float] = []

    def __repr__(self) -> str:
        return f"{'+' if self.sign > 0 else '−'}λ·{self.name}, λ: {self.coefficient}"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_divergences": [], "_coefs": []}

    def differing(self, given: Mapping[str, Any]) -> set[str]:
        """
        :param given: arguments by name
        :return: the names of those that it was not made from
        """
        held = self.arguments
        return {name for name, value in given.items() if name not in held or held[name] != described(value)}

    def changed(self, given: Mapping[str, Any], names: Iterable[str]) -> "Regularizer":
        """
        The regulariser with other arguments. A part whose arguments stay keeps its state, and is not read again from
        its file: a frozen policy, say. Where λ is tuned to another target, or at another rate, it goes on from where
        it is.

        :param given: all arguments, by name
        :param names: those that may be others than before
        :return: another regulariser; itself if nothing differs
        :raises TypeError: if an argument is of the wrong type
        :raises ValueError: if one is out of its range, unknown, or does not fit the others
        """
        differ = self.differing({name: given[name] for name in names})
        if not differ:
            return self
        arguments = dict(given)
        for part in ("divergence", "reference"):
            if not differ & PARTS[part]:
                arguments |= {part: getattr(self, part), f"{part}_kwargs": None}
        made = Regularizer(**arguments)
        made.arguments = {**self.arguments, **{name: described(given[name]) for name in differ}}
        if differ & PARTS["coefficient"] <= {"target_divergence", "coef_lr"}:
            made.coefficient = continued(self.coefficient, made.coefficient)
        return made

    def begin(self, policy: BasePolicy, action_features: Callable[[], Any]) -> None:
        """
        Called before training.

        :param policy: the algorithm's policy
        :param action_features: gives what the environment knows of its actions, shape (n, d), or None
        :raises ValueError: if the reference does not fit the policy, or the divergence the environment
        """
        try:
            self.divergence.begin(action_features)
            self.reference.begin(policy)
        except ValueError as error:
            raise ValueError(f"The regulariser {self.name} cannot be used here: {error}") from error

    def try_in(self, policy: BasePolicy, observations: Any, laws: Iterable[Law]) -> None:
        """
        Find before training what would fail in its first update.

        :param policy: the algorithm's policy
        :param observations: some states, as tensors
        :param laws: the policy's law in them, and that of one near it: at first the reference may have the policy's σ
            exactly, and what has a closed form there may have none after a step
        :raises ValueError: if the divergence does not fit the two laws
        """
        try:
            for p in laws:
                references = self.reference.laws(policy, observations, p)
                self.between(p, references or self.reference.example(policy, observations, p))
        except ValueError as error:
            raise ValueError(f"The regulariser {self.name} cannot be used here: {error}") from error

    def before_update(self, policy: BasePolicy) -> None:
        """
        :param policy: the policy that has collected the rollout
        """
        self._divergences, self._coefs = [], []
        self.reference.before_update(policy)

    def after_update(self, n_transitions: int) -> None:
        """
        :param n_transitions: how many transitions were collected for it
        """
        if self.seen is not None and isinstance(self.coefficient, Temperature):
            self.coefficient.update(-self.sign * self.seen[0], n_transitions)

    def see(self, divergence: th.Tensor, coef: float) -> None:
        """
        :param divergence: E_s D on a minibatch, of min(D, cap) if there is a cap, a scalar without gradient
        :param coef: λ there
        """
        self._divergences.append(divergence)
        self._coefs.append(coef)

    @property
    def seen(self) -> tuple[float, float] | None:
        """E_s D and λ, means over the minibatches of the last update; None if there was no reference in it."""
        if not self._divergences:
            return None
        return float(th.stack(self._divergences).mean()), sum(self._coefs) / len(self._coefs)

    def penalty(self, policy: BasePolicy, observations: Any, law: Law) -> "Penalty | None":
        """
        :param policy: the algorithm's policy
        :param observations: the states of a minibatch, as tensors
        :param law: the policy's law in them
        :return: what this adds to the loss there; None if there is no reference yet
        """
        laws = self.reference.laws(policy, observations, law)
        return Penalty(self, laws) if laws else None

    def between(self, law: Law, laws: WeightedLaws) -> th.Tensor:
        """
        :param law: p
        :param laws: weights wᵢ and laws qᵢ
        :return: Σ wᵢ D(p, qᵢ), shape (B,)
        """
        terms = [weight * self.divergence(law, q) for weight, q in laws]
        return th.stack(terms).sum(dim=0) if len(terms) > 1 else terms[0]


def fitting(registry: Registry[Any], thing: Any, options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """
    :param registry: where things of this kind have names
    :param thing: another one than before: its key, a mapping, or an object, which has its options already
    :param options: those of the one before
    :return: of these the ones that it has too
    :raises ValueError: if there is no such key
    """
    if not isinstance(thing, str):
        return options if isinstance(thing, Mapping) else None
    known = registry.options_of(thing)
    return {name: value for name, value in (options or {}).items() if name in known} or None


@contextmanager
def options_named(name: str, options: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """
    :param name: the argument's name, which is put before what is said of its options
    :param options: options by name, or None
    :return: a copy of them
    :raises TypeError: if they are no mapping
    """
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"{name} must be a dict or None, but {options!r} was given.")
    try:
        yield owned(options or {})
    except (TypeError, ValueError) as error:
        if not options:
            raise
        raise type(error)(f"{name}={options!r}: {error}") from error


@dataclass
class Penalty:
    """
    ±λ·E_s D on one minibatch. λ and q stay the same however often it is called, so that a line search can.

    :param regularizer: whose D, sign and coefficient
    :param laws: the reference's
    """

    regularizer: Regularizer
    laws: WeightedLaws
    coef: float | None = None

    def __call__(
        self, law: Law, policy_loss: th.Tensor, progress_remaining: float, gradient_norm: Callable[[th.Tensor], float]
    ) -> th.Tensor:
        """
        :param law: the policy's law p in the states of the minibatch, with gradient
        :param policy_loss: the policy's loss on it
        :param progress_remaining: the share of the training that is still to come
        :param gradient_norm: gives the norm of a scalar's gradient with respect to the policy's parameters
        :return: a scalar to minimise
        :raises ValueError: if D is infinite
        """
        rule = self.regularizer
        divergence = rule.between(law, self.laws)
        mean = (divergence if rule.cap is None else divergence.clamp(max=rule.cap)).mean()
        if not mean.isfinite():
            raise ValueError(
                f"The divergence {rule.name} is {float(mean.detach())} in some state: one policy does what the other "
                f"never does. Choose a divergence with a bound ({bounded_divergences()}) or the other direction of the "
                "KL divergence."
            )
        if self.coef is None:
            if isinstance(rule.coefficient, GradientShare):
                self.coef = rule.coefficient.value(gradient_norm(policy_loss), gradient_norm(mean))
            else:
                self.coef = rule.coefficient.value(progress_remaining)
            rule.see(mean.detach(), self.coef)
        return rule.sign * self.coef * mean
