"""What is asked of an entropic bifurcation extension, checked."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.tabular import SUM_TOLERANCE, Array, TabularMDP, numbers

#: what a certificate holds to where nothing else is said
MEASURES_HOLD_TO, COUNTS_HOLD_TO = 1e-9, 1e-6


@dataclass(frozen=True, eq=False)
class Request:
    """
    What was asked for, checked.

    :param mdp: the process
    :param states: where, shape (K,)
    :param targets: distributions, shape (K, A), 0 where an action is absent
    :param alpha: α
    :param tolerance: what the certificate is to hold to
    :param share: how probable A1 is at most
    """

    mdp: TabularMDP
    states: NDArray[np.int64]
    targets: Array
    alpha: float
    tolerance: float
    share: float

    @classmethod
    def of(
        cls, mdp: Any, state: Any, target: ArrayLike, alpha: float, counts: bool, tolerance: float | None, share: float
    ) -> Self:
        """
        :return: the same, of the arguments as they were given
        :raises TypeError: if one is of another type
        :raises ValueError: if one is out of its range, or they do not fit one another
        """
        if not isinstance(mdp, TabularMDP):
            raise TypeError(f"mdp must be a TabularMDP, but {mdp!r} was given. TabularMDP.from_env makes one.")
        check_number("alpha", alpha, 0.0, open_low=True)
        if not isinstance(counts, bool):
            raise TypeError(f"counts must be True or False, but {counts!r} was given.")
        if tolerance is None:
            tolerance = COUNTS_HOLD_TO if counts else MEASURES_HOLD_TO
        check_number("tolerance", tolerance, 0.0, open_low=True)
        check_number("share", share, 0.0, 1.0, open_low=True)
        if share == 1:
            raise ValueError("share must be less than 1: at 1 there is no A2, and nothing is changed.")
        states = _states(mdp, state)
        return cls(mdp, states, _targets(mdp, states, target, state), float(alpha), float(tolerance), float(share))

    @property
    def raised(self) -> Array:
        """:return: ``α log(target/m)``, by which V̂(m_a) differs from V̂(s), 0 where absent, shape (K, A)"""
        with np.errstate(divide="ignore"):
            raised = self.alpha * np.log(self.targets)
        if self.mdp.log_measure is not None:
            raised = raised - self.alpha * np.where(self.targets > 0, self.mdp.log_measure[self.states], 0.0)
        return np.where(self.targets > 0, raised, 0.0)

    def refuse_rounding(self, exponent: float, what: str, gap: float = 0.0) -> None:
        """
        :param exponent: how large an exponent is that n₁, n₂ or the policy is made of
        :param what: what a message says of it, with a place for its size
        :param gap: that part of it, times α, which the caller chose
        :raises ValueError: if its rounding is more than a 16th of the tolerance
        """
        limit = self.tolerance / (16 * np.finfo(float).eps)
        if exponent <= limit:
            return
        said = f"{what.format(f'{exponent:.3g}')}, which double precision does not know to within the tolerance of"
        rest = exponent - gap / self.alpha
        if rest <= limit / 2:  # then it is the gap
            raise ValueError(
                f"gap={gap:g} is too large for alpha={self.alpha:g}: {said} {self.tolerance:g}. Give gap ≤ "
                f"{0.95 * self.alpha * (limit - max(rest, 0.0)):.2g}, or a greater tolerance."
            )
        raise ValueError(
            f"alpha={self.alpha:g} is too small for this process: {said} {self.tolerance:g}. Give alpha ≥ "
            f"{1.05 * self.alpha * exponent / limit:.2g}, or a greater tolerance."
        )


def _states(mdp: TabularMDP, state: Any) -> NDArray[np.int64]:
    """:return: the states that were named, shape (K,)"""
    given = [state] if np.ndim(state) == 0 else list(state)
    if not given:
        raise ValueError("state must name at least one state, but an empty list was given.")
    for one in given:
        if isinstance(one, bool) or not isinstance(one, Integral):
            raise TypeError(f"state must be a whole number, or a list of these, but {state!r} was given.")
        if not 0 <= int(one) < mdp.n_states:
            raise ValueError(f"state must be between 0 and {mdp.n_states - 1}, but {one} was given.")
        if given.count(one) > 1:
            raise ValueError(f"state must name a state once, but {one} is named {given.count(one)} times in {given}.")
        if mdp.absorbing[one]:
            raise ValueError(
                f"State {one} is absorbing: the episode is over there, and nothing is chosen. States in which an agent "
                f"acts are {', '.join(map(str, np.flatnonzero(~mdp.absorbing).tolist()))}."
            )
    return np.array(given, dtype=np.int64)


def _targets(mdp: TabularMDP, states: NDArray[np.int64], target: ArrayLike, state: Any) -> Array:
    """:return: the targets, whose sums are 1, shape (K, A)"""
    single = np.ndim(state) == 0
    shape, axes = ((mdp.n_actions,), "(A,)") if single else ((len(states), mdp.n_actions), "(K, A)")
    targets = np.atleast_2d(numbers("target", target, shape, axes))
    present = mdp.present[states]
    for k, s in enumerate(states.tolist()):
        of = f"The target of state {s}"
        absent = np.flatnonzero(targets[k] * ~present[k])
        if len(absent):
            raise ValueError(
                f"{of} must be 0 where an action is absent, but action {absent[0]} has {targets[k, absent[0]]:g} and "
                f"a log_measure of −∞. Present are {', '.join(map(str, np.flatnonzero(present[k]).tolist()))}."
            )
        without = np.flatnonzero(present[k] & ~(targets[k] > 0))
        if len(without):
            raise ValueError(
                f"{of} must be > 0 for every action that is present, but action {without[0]} has "
                f"{targets[k, without[0]]:g}: a soft-optimal policy has full support. Give it a small probability."
            )
        if abs(targets[k].sum() - 1) > SUM_TOLERANCE:
            raise ValueError(f"{of} must add up to 1, but its sum is {targets[k].sum():.10g}. Normalise it.")
    normalised: Array = targets / targets.sum(axis=1, keepdims=True)
    return normalised
