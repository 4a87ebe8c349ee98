"""
Rewards that change while contexts are served.

The change is a permutation of the actions: after it, action ``permutation[a]`` pays in every context what action a paid
before. Time t counts contexts: the first that is served has t = 0.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_bandits.options import REQUIRED, read_options

Rewards = NDArray[np.float64]
Indices = NDArray[np.int64]

KINDS: dict[str, dict[str, Any]] = {
    "abrupt": {"at": REQUIRED, "permutation": None},
    "gradual": {"start": REQUIRED, "end": REQUIRED, "permutation": None},
}


class Drift(ABC):
    """How rewards depend on time."""

    @abstractmethod
    def rewards_at(self, times: Indices, rewards: Rewards) -> Rewards:
        """
        :param times: t of each context, shape (n,)
        :param rewards: what the task holds for each context and action, shape (n, A)
        :return: the rewards at these times, shape (n, A)
        """


@dataclass(frozen=True)
class NoDrift(Drift):
    """Rewards stay as they are."""

    def rewards_at(self, times: Indices, rewards: Rewards) -> Rewards:
        return rewards


@dataclass(frozen=True)
class AbruptDrift(Drift):
    """
    The permutation is applied at each of some times, and once more at the next.

    :param at: the times, ascending; a context with t ≥ at[j] has seen j + 1 changes
    :param sources: which of the task's actions an action pays like after j changes, shape (len(at) + 1, A)
    """

    at: Indices
    sources: Indices

    def rewards_at(self, times: Indices, rewards: Rewards) -> Rewards:
        n_changes = np.searchsorted(self.at, times, side="right")
        return np.take_along_axis(rewards, self.sources[n_changes], axis=1)


@dataclass(frozen=True)
class GradualDrift(Drift):
    """
    r̄ₜ = (1 − w)·r̄_old + w·r̄_new with w = clip((t − start)/(end − start), 0, 1): the mean reward itself is interpolated.

    :param start: the last time at which all is old
    :param end: the first time at which all is new
    :param source: which of the task's actions an action pays like in the end, shape (A,)
    """

    start: int
    end: int
    source: Indices

    def rewards_at(self, times: Indices, rewards: Rewards) -> Rewards:
        w = np.clip((times - self.start) / (self.end - self.start), 0.0, 1.0)[:, None]
        return (1 - w) * rewards + w * rewards[:, self.source]


def make_drift(drift: Any, n_actions: int) -> Drift:
    """
    :param drift: ``None``; ``{"kind": "abrupt", "at": t}`` with a time or an ascending list of them; or
        ``{"kind": "gradual", "start": t0, "end": t1}``; either with ``"permutation"``: a list that says for each action
        which one pays in its place afterwards, the seed of one that leaves no action in its place, or ``None``:
        each action's rewards move to the next action, and the last one's to action 0
    :param n_actions: A
    :return: the drift
    :raises TypeError: if ``drift`` is no dictionary, or a time or seed is not a whole number
    :raises ValueError: if an option is not known, times do not ascend, or the permutation is none
    """
    if drift is None:
        return NoDrift()
    kind, values = read_options("drift", drift, KINDS)
    source = np.argsort(_permutation(values["permutation"], n_actions))
    if kind == "abrupt":
        at = _times(values["at"])
        sources = [np.arange(n_actions)]
        for _ in at:
            sources.append(sources[-1][source])
        return AbruptDrift(at, np.array(sources))
    start, end = values["start"], values["end"]
    check_number("drift['start']", start, low=0, integer=True)
    check_number("drift['end']", end, low=int(start) + 1, integer=True)
    return GradualDrift(int(start), int(end), source)


def _times(at: Any) -> Indices:
    given = list(at) if isinstance(at, Sequence | np.ndarray) and not isinstance(at, str) else [at]
    for time in given:
        check_number("drift['at']", time, low=0, integer=True)
    times = np.array(given, dtype=np.int64)
    if not len(times) or (np.diff(times) <= 0).any():
        raise ValueError(f"drift['at'] must be a time or an ascending list of distinct times, but {at!r} was given.")
    return times


def _permutation(given: Any, n_actions: int) -> Indices:
    actions = np.arange(n_actions)
    if given is None:
        return np.roll(actions, -1)
    if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
        whole = all(isinstance(action, Integral) and not isinstance(action, bool) for action in given)
        if not whole or sorted(given) != actions.tolist():
            raise ValueError(
                f"drift['permutation'] must name each action from 0 to {n_actions - 1} once, but {given!r} was given."
            )
        return np.array(given, dtype=np.int64)
    check_number("drift['permutation'] (a seed, or a list of actions)", given, low=0, integer=True)
    generator = np.random.default_rng(int(given))
    while ((permutation := generator.permutation(n_actions)) == actions).any():  # e⁻¹ of all move every action
        pass
    return permutation
