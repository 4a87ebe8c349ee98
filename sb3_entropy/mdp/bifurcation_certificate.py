"""What an entropic bifurcation extension has changed and what not, found out by solving both processes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.improvement import policy_iteration
from sb3_entropy.mdp.optimum import Optimum
from sb3_entropy.mdp.tabular import Array, TabularMDP

#: what finds the optimum of a process at a temperature
Solve = Callable[[TabularMDP, float], Optimum]


@dataclass(frozen=True, eq=False)
class Solved:
    """
    Both optima of a process.

    :param plain: what is optimal without entropy
    :param soft: what is optimal at α
    """

    plain: Optimum
    soft: Optimum


@dataclass(frozen=True, eq=False)
class Certificate:
    """
    What :func:`~sb3_entropy.mdp.bifurcation.bifurcate` has changed and what not.

    Pairs are before and after, of the S original states and their A actions. The values are those that solving the two
    processes has found, from nothing, not those that the construction is made of.

    :param states: where the process was extended, shape (K,)
    :param targets: what the soft-optimal policy was to become there, shape (K, A)
    :param alpha: at which temperature α
    :param counts: whether n₁ and n₂ are whole numbers
    :param tolerance: what it is to hold to
    :param inserted: m_a of each state and action in the extended process, −1 where the action is absent, shape (K, A)
    :param plain_values: V*, each of shape (S,)
    :param plain_policies: optimal policies π*, each of shape (S, A)
    :param soft_values: soft values, each of shape (S,)
    :param soft_policies: soft-optimal policies, each of shape (S, A)
    :param plain_regret: by how much the best action after is worse before than the best before, at most; 0 if it is as
        good everywhere, also if it is another
    :param lead: by how much going on pays more than the end without entropy, at least
    """

    states: NDArray[np.int64]
    targets: Array
    alpha: float
    counts: bool
    tolerance: float
    inserted: NDArray[np.int64]
    plain_values: tuple[Array, Array]
    plain_policies: tuple[Array, Array]
    soft_values: tuple[Array, Array]
    soft_policies: tuple[Array, Array]
    plain_regret: float
    lead: float

    @property
    def policies(self) -> tuple[Array, Array]:
        """:return: soft-optimal policies at the states of the extension, before and after, each of shape (K, A)"""
        return self.soft_policies[0][self.states], self.soft_policies[1][self.states]

    @property
    def target_deviation(self) -> float:
        """:return: by how much the soft-optimal policy there differs from the target, at most"""
        return float(abs(self.policies[1] - self.targets).max())

    @property
    def plain_value_deviation(self) -> float:
        """:return: by how much a V* has changed, at most"""
        return _greatest(self.plain_values)

    @property
    def soft_value_deviation(self) -> float:
        """:return: by how much a soft value has changed in any original state, at most"""
        return _greatest(self.soft_values)

    @property
    def soft_policy_deviation(self) -> float:
        """:return: by how much a probability of the soft-optimal policy has changed in any *other* state, at most"""
        before, after = (np.delete(policy, self.states, axis=0) for policy in self.soft_policies)
        return _greatest((before, after))

    def holds(self, tolerance: float | None = None) -> bool:
        """
        :param tolerance: how much may deviate, of values as a share of the greatest where that exceeds 1; ``None``:
            what was asked for
        :return: whether V* and π* are unchanged and the soft-optimal policy is the target, and without ``counts`` soft
            values and policies elsewhere are unchanged too
        :raises TypeError: if ``tolerance`` is not a number
        :raises ValueError: if it is less than 0
        """
        limit = self.tolerance if tolerance is None else tolerance
        check_number("tolerance", limit, 0.0)
        plain, soft = (max(1.0, float(abs(values).max())) for values in (self.plain_values[0], self.soft_values[0]))
        deviations = [self.plain_value_deviation / plain, self.plain_regret / plain, self.target_deviation]
        if not self.counts:
            deviations += [self.soft_value_deviation / soft, self.soft_policy_deviation]
        return max(deviations) <= limit and self.lead > 0

    def sentences(self) -> tuple[str, ...]:
        """:return: what it says, in plain words"""
        said = [
            f"State {s}: at alpha = {self.alpha:g} the soft-optimal policy was {_row(before)} and is {_row(after)}; "
            f"asked for was {_row(target)}."
            for s, before, after, target in zip(self.states.tolist(), *self.policies, self.targets, strict=True)
        ]
        said.append(f"No probability there is off by more than {self.target_deviation:.1e}.")
        said.append(
            f"Without entropy no value has changed by more than {self.plain_value_deviation:.1e}, and what is best now "
            f"was best before, but for {self.plain_regret:.1e} at most: going on pays more than the end, by "
            f"{self.lead:.3g} or more."
        )
        moved = (
            f"soft values by up to {self.soft_value_deviation:.1e}, and the soft-optimal policy in other states by up "
            f"to {self.soft_policy_deviation:.1e}"
        )
        said.append(
            f"Whole numbers of actions have moved {moved}." if self.counts else f"Nothing else has moved: {moved}."
        )
        verdict = "The certificate holds" if self.holds() else "The certificate does not hold"
        said.append(f"{verdict} to {self.tolerance:g}.")
        return tuple(said)


def certify(
    mdp: TabularMDP,
    extended: TabularMDP,
    states: Any,
    targets: Array,
    alpha: float,
    tolerance: float,
    *,
    counts: bool = False,
    before: Solved | None = None,
    solve: Solve = policy_iteration,
) -> Certificate:
    """
    :param mdp: the process as it was
    :param extended: the extended one
    :param states: where it was extended, shape (K,)
    :param targets: what the soft-optimal policy was to become there, shape (K, A)
    :param alpha: at which temperature
    :param tolerance: what the certificate is to hold to
    :param counts: whether n₁ and n₂ are whole numbers
    :param before: both optima of the process as it was; ``None``: they are found
    :param solve: what finds an optimum of a process and a temperature
    :return: the certificate
    :raises ValueError: if the second process has not the states and actions that extending the first there gives it
    """
    S, A = mdp.R.shape
    states = np.asarray(states, dtype=np.int64)
    shape = (S + int(mdp.present[states].sum()) + 1, max(A, 2))
    if extended.R.shape != shape:
        raise ValueError(
            f"An extension of a process of {S} states and {A} actions at states {states.tolist()} has {shape[0]} "
            f"states and {shape[1]} actions, but a process of {' and '.join(map(str, extended.R.shape))} was given. "
            f"bifurcate makes one."
        )
    before = before or Solved(solve(mdp, 0.0), solve(mdp, alpha))
    after = Solved(solve(extended, 0.0), solve(extended, alpha))
    inserted = inserted_states(mdp, states)
    pays = after.plain.Q[inserted[inserted >= 0]]
    best = after.plain.pi[:S, :A].argmax(axis=1)
    regret = before.plain.V - before.plain.Q[np.arange(S), best]
    return Certificate(
        states=states,
        targets=targets,
        alpha=float(alpha),
        counts=counts,
        tolerance=float(tolerance),
        inserted=inserted,
        plain_values=(before.plain.V, after.plain.V[:S]),
        plain_policies=(before.plain.pi, after.plain.pi[:S, :A]),
        soft_values=(before.soft.V, after.soft.V[:S]),
        soft_policies=(before.soft.pi, after.soft.pi[:S, :A]),
        plain_regret=float(np.where(mdp.absorbing, 0.0, regret).max()),
        lead=float((pays[:, 0] - pays[:, 1]).min()),
    )


def inserted_states(mdp: TabularMDP, states: NDArray[np.int64]) -> NDArray[np.int64]:
    """
    :param mdp: a process
    :param states: where it is extended, shape (K,)
    :return: the number of each m_a in the extended process, −1 where the action is absent, shape (K, A)
    """
    present = mdp.present[states]
    numbered = np.cumsum(present).reshape(present.shape) + mdp.n_states - 1
    return np.where(present, numbered, -1)


def _greatest(pair: tuple[Array, Array]) -> float:
    return float(abs(pair[1] - pair[0]).max(initial=0.0))


def _row(policy: Array) -> str:
    return f"({', '.join(f'{p:.4g}' for p in policy.tolist())})"
