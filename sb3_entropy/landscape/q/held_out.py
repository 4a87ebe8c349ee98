"""Critics beside the returns of episodes that they were not made from."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.gathering import Played, Stage, once_at
from sb3_entropy.landscape.q.transitions import Transitions
from sb3_entropy.policies.observations import rows_of

#: of the weights of returns, what an episode is played on for beyond a time limit that can be set later, and for how
#: many steps at most
TAIL, LATEST = 0.05, 1000
#: γᵀ⁻ᵗ of a pair at most, where an episode was cut at T: what follows is the critics' own estimate
LARGEST_TAIL = 0.5
#: pairs of an episode at most, evenly spaced
N_PAIRS = 64
#: episodes with one uniform action, for each of the policy's own: they give one pair each
N_UNIFORM = 2
#: actions at the end of an episode that was cut
N_LAST = 16


@dataclass(frozen=True)
class HeldOut:
    """
    Episodes that nothing is fitted to, which go on for a while beyond their time limit, as critics that bootstrap there
    take them to.

    :param own: of π
    :param once: of π with one uniformly drawn action each
    :param limit: the time limit's; None if there is none
    """

    own: Played
    once: Played
    limit: int | None

    @property
    def visited(self) -> Transitions:
        """:return: π's own steps before the time limit"""
        return self.own.transitions.rows(self.within(self.own))

    def within(self, played: Played) -> np.ndarray:
        """:return: which steps are before the time limit, shape (n,)"""
        return np.full(len(played.steps), True) if self.limit is None else played.steps < self.limit


def play_held_out(stage: Stage, episodes: int, gamma: float, seed: int) -> HeldOut:
    """
    Of those with a uniformly drawn action it is drawn at a moment of one of π's own episodes; what comes after it is
    π's again.

    :param stage: where π plays
    :param episodes: of its own; there are twice as many others
    :param gamma: γ
    :param seed: of everything
    :return: them; an episode that ends before its moment has no uniform action
    """
    rng = np.random.default_rng((seed, 1))
    beyond = steps_until(gamma, TAIL)
    own = stage.play(seed, episodes=episodes, beyond=beyond)
    held = HeldOut(own, own, stage.limit)
    usable = held.within(own) & (_borrowed(own.transitions, gamma) <= LARGEST_TAIL)
    lengths = np.bincount(own.transitions.episodes, usable, episodes).astype(int)
    moments = np.concatenate([rng.integers(np.maximum(lengths, 1)) for _ in range(N_UNIFORM)])
    once = stage.play(seed + 1, mix=once_at(moments), episodes=len(moments), beyond=beyond)
    return replace(held, once=once)


def calibration(critics: Critics, behaviour: Behaviour, held: HeldOut, gamma: float, seed: int) -> Calibration:
    """
    :param critics: plain ones
    :param behaviour: π
    :param held: episodes that they were not fitted to
    :param gamma: γ
    :param seed: of the actions at the ends of episodes that were cut
    :return: Q beside what was returned
    """
    rng = np.random.default_rng(seed)
    shift = int(held.own.transitions.episodes.max()) + 1
    parts = [
        _pairs(critics, behaviour, held, held.own, False, 0, gamma, rng),
        _pairs(critics, behaviour, held, held.once, True, shift, gamma, rng),
    ]
    predicted, returned, kinds, episodes, borrowed = zip(*parts, strict=True)
    return Calibration(
        np.concatenate(predicted, axis=1),
        np.concatenate(returned),
        np.concatenate(kinds),
        np.concatenate(episodes),
        np.concatenate(borrowed),
    )


def steps_until(gamma: float, weight: float) -> int:
    """
    :param gamma: γ
    :param weight: in (0, 1)
    :return: the least k with γᵏ ≤ weight, at most 1,000; 0 where γ = 1, and none is
    """
    if gamma <= 0:
        return 1
    return min(math.ceil(math.log(weight) / math.log(gamma)), LATEST) if gamma < 1 else 0


def _pairs(
    critics: Critics,
    behaviour: Behaviour,
    held: HeldOut,
    played: Played,
    uniform: bool,
    shift: int,
    gamma: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    """:return: predicted, returned, whether the action was uniform, episodes and what was borrowed"""
    transitions = played.transitions
    borrowed = _borrowed(transitions, gamma)
    usable = held.within(played) & (borrowed <= LARGEST_TAIL)
    rows = np.flatnonzero(usable & played.uniform) if uniform else _thinned(transitions, usable)
    values = np.zeros((critics.n_critics, 0))
    if len(rows):
        values = critics.values(rows_of(transitions.observations, rows), transitions.actions[rows, None])[:, :, 0]
    returned = _returned(critics, behaviour, transitions, borrowed, gamma, rng)[rows]
    return values, returned, np.full(len(rows), uniform), transitions.episodes[rows] + shift, borrowed[rows]


def _borrowed(played: Transitions, gamma: float) -> np.ndarray:
    """:return: γᵀ⁻ᵗ of a step t of an episode that was cut at T; 0 of one that ended, shape (n,)"""
    weights = np.zeros(len(played))
    for begin, end in pairwise(played.starts().tolist()):
        if not played.terminated[end - 1]:
            weights[begin:end] = gamma ** np.arange(end - begin, 0, -1.0)
    return weights


def _returned(
    critics: Critics,
    behaviour: Behaviour,
    played: Transitions,
    borrowed: np.ndarray,
    gamma: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """:return: what followed each step, with the critics' mean at the end of episodes that were cut, shape (n,)"""
    starts = played.starts()
    cut = np.flatnonzero(~played.terminated[starts[1:] - 1])
    at_end = np.zeros(len(starts) - 1)
    if len(cut):
        ends = rows_of(played.next_observations, starts[1:][cut] - 1)
        actions, _ = behaviour.samples(ends, N_LAST, rng)
        at_end[cut] = critics.values(ends, np.moveaxis(actions, 0, 1)).mean(axis=(0, 2))
    return np.asarray(played.discounted(played.rewards, gamma) + borrowed * np.repeat(at_end, np.diff(starts)))


def _thinned(played: Transitions, usable: np.ndarray) -> np.ndarray:
    """:return: rows, at most so many of an episode, evenly spaced among those that are usable"""
    rows = []
    for episode in np.unique(played.episodes):
        own = np.flatnonzero(usable & (played.episodes == episode))
        rows.append(own[np.linspace(0, len(own) - 1, min(N_PAIRS, len(own))).astype(int)])
    return np.concatenate(rows).astype(int)
