"""Critics beside the returns of episodes that they were not made from."""

import numpy as np

from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.gathering import Played, Stage, once_at
from sb3_entropy.landscape.q.transitions import Transitions
from sb3_entropy.policies.observations import rows_of

#: γᵀ⁻ᵗ of a pair at most, where an episode was cut at T: what follows is the critics' own estimate
LARGEST_TAIL = 0.5
#: pairs of an episode at most, evenly spaced
N_PAIRS = 64
#: episodes with one uniform action, for each of the policy's own: they give one pair each
N_UNIFORM = 2
#: actions at the end of an episode that was cut
N_LAST = 16


def play_uniform_once(stage: Stage, own: Transitions, gamma: float, seed: int) -> Played:
    """
    Episodes of π with one uniformly drawn action each, at a moment that is drawn from those of its own episodes of
    which γᵀ⁻ᵗ is not too large; what comes after it is π's again.

    :param stage: where π plays
    :param own: its own episodes
    :param gamma: γ
    :param seed: of everything
    :return: twice as many; an episode that ends before its moment has no uniform action
    """
    rng = np.random.default_rng((seed, 1))
    starts = own.starts()
    n_episodes = len(starts) - 1
    lengths = np.diff(starts) - np.where(own.terminated[starts[1:] - 1], 0, _tail(gamma))
    lengths = np.maximum(lengths, 1)
    moments = np.concatenate([rng.integers(lengths) for _ in range(N_UNIFORM)])
    return stage.play(seed, mix=once_at(moments), episodes=N_UNIFORM * n_episodes)


def calibration(
    critics: Critics, behaviour: Behaviour, own: Transitions, once: Played, gamma: float, seed: int
) -> Calibration:
    """
    :param critics: plain ones
    :param behaviour: π
    :param own: whole episodes of π
    :param once: of :func:`play_uniform_once`
    :param gamma: γ
    :param seed: of the actions at the ends of episodes that were cut
    :return: Q beside what was returned
    """
    rng = np.random.default_rng(seed)
    parts = []
    for transitions, uniform, shift in (
        (own, None, 0),
        (once.transitions, once.uniform, int(own.episodes.max()) + 1),
    ):
        returned, borrowed = _returns(critics, behaviour, transitions, gamma, rng)
        usable = borrowed <= LARGEST_TAIL
        rows = np.flatnonzero(usable & uniform) if uniform is not None else _thinned(transitions, usable)
        if len(rows):
            values = critics.values(rows_of(transitions.observations, rows), transitions.actions[rows, None])[:, :, 0]
            kind = np.full(len(rows), uniform is not None)
            parts.append((values, returned[rows], kind, transitions.episodes[rows] + shift, borrowed[rows]))
    if not parts:
        nothing = np.zeros(0)
        return Calibration(np.zeros((critics.n_critics, 0)), nothing, nothing > 0, nothing.astype(int), nothing)
    predicted, returned, kinds, episodes, borrowed = zip(*parts, strict=True)
    return Calibration(
        np.concatenate(predicted, axis=1),
        np.concatenate(returned),
        np.concatenate(kinds),
        np.concatenate(episodes),
        np.concatenate(borrowed),
    )


def _returns(
    critics: Critics, behaviour: Behaviour, played: Transitions, gamma: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """:return: what followed each step, and which weight in it the critics' own estimate has, shape (n,) both"""
    lasts = played.starts()[1:] - 1
    cut = lasts[~played.terminated[lasts]]
    returned = played.discounted(played.rewards, gamma)
    weights = np.zeros(len(played))
    for last in cut.tolist():
        begin = int(np.searchsorted(played.episodes, played.episodes[last]))
        weights[begin : last + 1] = gamma ** np.arange(last + 1 - begin, 0, -1.0)
    if len(cut):
        ends = rows_of(played.next_observations, cut)
        actions, _ = behaviour.samples(ends, N_LAST, rng)
        values = critics.values(ends, np.moveaxis(actions, 0, 1)).mean(axis=(0, 2))
        of_episode = dict(zip(played.episodes[cut].tolist(), values.tolist(), strict=True))
        returned += weights * np.array([of_episode.get(episode, 0.0) for episode in played.episodes.tolist()])
    return returned, weights


def _thinned(played: Transitions, usable: np.ndarray) -> np.ndarray:
    """:return: rows, at most so many of an episode, evenly spaced among those that are usable"""
    rows = []
    for episode in np.unique(played.episodes):
        own = np.flatnonzero(usable & (played.episodes == episode))
        rows.append(own[np.linspace(0, len(own) - 1, min(N_PAIRS, len(own))).astype(int)])
    return np.concatenate(rows)


def _tail(gamma: float) -> int:
    """:return: after how many steps γᵏ is small enough, and a great number if it never is"""
    if gamma <= 0:
        return 1
    return int(np.ceil(np.log(LARGEST_TAIL) / np.log(gamma))) if gamma < 1 else np.iinfo(np.int32).max
