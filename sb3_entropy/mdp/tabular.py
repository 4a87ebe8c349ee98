"""A finite Markov decision process as a value: its arrays, checked."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: how far a sum of probabilities may be from 1
SUM_TOLERANCE = 1e-8
#: of the largest number that there is, and of the smallest of full precision
LARGEST_LOG, SMALLEST_LOG = float(np.log(np.finfo(np.float64).max)), float(np.log(np.finfo(np.float64).tiny))


@dataclass(frozen=True, eq=False, repr=False)
class TabularMDP:
    """
    A Markov decision process with S states and A actions.

    A policy is a density with respect to a measure m of the actions, ``π(a|s) ∝ m(s, a) exp(logits(s, a))``, and its
    entropy is ``H(π(·|s)) = −Σₐ π log(π/m)``; without ``log_measure`` m = 1 and both are the usual ones.

    An absorbing state returns to itself under every action and pays nothing. An agent does not act there any more, so
    the entropy there is not counted. The code of Ahmed et al. 2019, whose absorbing state goes on for ever, does count
    it: ``terminal_entropy=True``.

    The arrays are copies that cannot be written to. ``dataclasses.replace`` makes a process that differs in a field.

    :param P: transition probabilities, P[s, a, s'] = Pr(s' | s, a), shape (S, A, S)
    :param R: expected rewards r(s, a), shape (S, A)
    :param rho: distribution of the first state, shape (S,)
    :param gamma: discount factor in [0, 1], or one of each state and action, shape (S, A). 1 is allowed where every
        episode ends; whether it does depends on the policy, and is checked when its values are computed
    :param log_measure: log m(s, a), shape (S, A); −∞: the action is absent in that state, where at least one must be
        present. ``None``: 0
    :param terminal_entropy: whether entropy is counted in absorbing states
    :raises TypeError: if a field holds no numbers
    :raises ValueError: if a shape or a number is not as said here; the message names the first state
    """

    P: Array
    R: Array
    rho: Array
    gamma: float | Array
    log_measure: Array | None = None
    terminal_entropy: bool = False

    def __post_init__(self) -> None:
        P = numbers("P", self.P)
        if P.ndim != 3 or P.shape[0] != P.shape[2] or 0 in P.shape:
            raise ValueError(f"P must have the shape (S, A, S), but {P.shape} was given. P[s, a] is a row over s'.")
        shape = (len(P), P.shape[1])
        checked: dict[str, Any] = {
            "P": P,
            "R": numbers("R", self.R, shape, "(S, A)"),
            "rho": numbers("rho", self.rho, shape[:1], "(S,)"),
            "gamma": numbers("gamma", self.gamma, *(((), "") if np.ndim(self.gamma) == 0 else (shape, "(S, A)"))),
        }
        refuse("P", P, P < 0, "be ≥ 0", "Give probabilities.")
        sums = P.sum(axis=2)
        refuse("The sum of P over s'", sums, abs(sums - 1) > SUM_TOLERANCE, "be 1", "Normalise each row P[s, a].")
        refuse("rho", checked["rho"], checked["rho"] < 0, "be ≥ 0", "Give probabilities.")
        if abs(checked["rho"].sum() - 1) > SUM_TOLERANCE:
            raise ValueError(f"rho must add up to 1, but its sum is {checked['rho'].sum():.10g}. Normalise it.")
        outside = (checked["gamma"] < 0) | (checked["gamma"] > 1)
        refuse("gamma", checked["gamma"], outside, "be between 0 and 1", "It is a discount factor.")
        if self.log_measure is not None:
            m = numbers("log_measure", self.log_measure, shape, "(S, A)", minus_infinity=True)
            empty: Flags = np.asarray(np.isneginf(m).all(axis=1))
            refuse("log_measure", m, empty, "have an action that is present in each state", "−∞ means: absent.")
            checked["log_measure"] = m
        if not isinstance(self.terminal_entropy, bool):
            raise TypeError(f"terminal_entropy must be True or False, but {self.terminal_entropy!r} was given.")
        for name, array in checked.items():
            array.setflags(write=False)
            object.__setattr__(self, name, float(array) if array.ndim == 0 else array)
        endless = self.terminal_entropy & self.absorbing[:, None] & self.present & (self.discount == 1)
        if endless.any():
            raise ValueError(
                f"terminal_entropy=True pays for entropy in absorbing states for ever, but gamma is 1 in state "
                f"{int(np.argwhere(endless)[0, 0])}: the sum is infinite. Give gamma < 1 there, or "
                "terminal_entropy=False."
            )

    @classmethod
    def from_env(
        cls,
        env: Any,
        *,
        gamma: float | ArrayLike | None = None,
        rho: ArrayLike | None = None,
        terminal_entropy: bool | None = None,
    ) -> Self:
        """
        The process behind a Gymnasium environment.

        Either ``env.unwrapped`` has a method ``to_mdp()``, as our plugins have, or a table ``P``, as FrozenLake,
        CliffWalking and Taxi have: ``P[s][a]`` is a list of (probability, next state, reward, terminated). A transition
        that terminates leads into an absorbing state, which is added as the last one. A wrapper's limit of time is no
        part of the process.

        :param env: the environment, or its id
        :param gamma: as the field; needed with a table; ``None``: that of ``to_mdp()``
        :param rho: as the field, of the environment's own states or of all; ``None``: that of ``to_mdp()``, or
            ``initial_state_distrib`` beside the table
        :param terminal_entropy: as the field; ``None``: that of ``to_mdp()``, or ``False``
        :return: the process
        :raises ValueError: if the environment has neither, or a field that is needed is not known
        """
        from sb3_entropy.mdp.tables import fields_of

        return cls(**fields_of(env, gamma, rho, terminal_entropy))

    def __repr__(self) -> str:
        gamma = self.gamma if isinstance(self.gamma, float) else f"{self.gamma.min():g}…{self.gamma.max():g}"
        others = "" if self.log_measure is None else ", with a measure of the actions"
        counted = ", terminal_entropy" if self.terminal_entropy else ""
        return f"<TabularMDP: S = {self.n_states}, A = {self.n_actions}, γ = {gamma}{others}{counted}>"

    @property
    def n_states(self) -> int:
        """:return: S"""
        return len(self.R)

    @property
    def n_actions(self) -> int:
        """:return: A"""
        return int(self.R.shape[1])

    @cached_property
    def discount(self) -> Array:
        """:return: γ(s, a), shape (S, A)"""
        return np.broadcast_to(np.asarray(self.gamma), self.R.shape)

    @cached_property
    def measure(self) -> Array:
        """
        :return: m(s, a), shape (S, A); 0 where the action is absent
        :raises ValueError: if one is beyond the largest number that there is, or below the smallest
        """
        if self.log_measure is None:
            return np.ones_like(self.R)
        advice = (
            "exp of it is beyond the largest number. value_iteration and policy_iteration need the logarithm alone; "
            "for policies and gradients give a smaller measure, of a bifurcated process by a greater alpha."
        )
        refuse("log_measure", self.log_measure, self.log_measure > LARGEST_LOG, f"be ≤ {LARGEST_LOG:.2f}", advice)
        advice = (
            "exp of it is below the smallest number. value_iteration and policy_iteration need the logarithm alone; "
            "for policies and gradients give a greater measure, or −∞, which means: absent."
        )
        vanishing = self.present & (self.log_measure < SMALLEST_LOG)
        refuse("log_measure", self.log_measure, vanishing, f"be ≥ {SMALLEST_LOG:.2f} or −∞", advice)
        return np.exp(self.log_measure)

    @cached_property
    def present(self) -> Flags:
        """:return: which actions there are, shape (S, A)"""
        return np.ones(self.R.shape, dtype=bool) if self.log_measure is None else ~np.isneginf(self.log_measure)

    @cached_property
    def absorbing(self) -> Flags:
        """:return: which states return to themselves under every action and pay nothing, shape (S,)"""
        leaving = self.P.copy()
        np.einsum("sas->sa", leaving)[...] = 0.0
        stays = (leaving == 0).all(axis=2) & (self.R == 0)
        return np.asarray((stays | ~self.present).all(axis=1))

    @cached_property
    def counts_entropy(self) -> Flags:
        """:return: in which states entropy is counted, shape (S,): all but the absorbing, or all"""
        return ~self.absorbing | self.terminal_entropy


def numbers(
    name: str, given: Any, shape: tuple[int, ...] | None = None, axes: str = "", *, minus_infinity: bool = False
) -> Array:
    """
    :param name: what a message calls the array
    :param given: what was given for it
    :param shape: the shape that it must have; ``None``: any
    :param axes: that shape in letters
    :param minus_infinity: whether −∞ is allowed
    :return: a copy as float64
    :raises TypeError: if it holds no numbers
    :raises ValueError: if its shape is another, or a number is not finite
    """
    try:
        array = np.asarray(given)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be an array of numbers, but it cannot be made one: {error}.") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of numbers, but an array of {array.dtype} was given.")
    array = np.array(array, dtype=np.float64)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} must have the shape {axes} = {shape}, but {array.shape} was given.")
    bad = ~(np.isfinite(array) | (minus_infinity & np.isneginf(array)))
    refuse(name, array, bad, "be finite or −∞" if minus_infinity else "be finite", "Mend the array.")
    return array


def refuse(name: str, values: Array, bad: Flags, allowed: str, advice: str) -> None:
    """
    :param name: what a message calls the array
    :param values: the numbers
    :param bad: which are wrong, of the same shape or of that of its first axes
    :param allowed: what all must do, after "must"
    :param advice: what to do about it, a sentence
    :raises ValueError: if one is wrong
    """
    if not np.any(bad):
        return
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    place = f"[{', '.join(map(str, first))}]" if first else ""
    found = np.array2string(values[first], threshold=8, precision=10, separator=", ")
    raise ValueError(f"{name} must {allowed}, but {found} stands at {place or 'its only place'}. {advice}")
