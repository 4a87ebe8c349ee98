"""Whether entropy misleads an agent: what is lost where the soft critics are greatest, by the plain ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.landscape.q.actions import candidate_actions
from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.conclusion import conclusion, says_who
from sb3_entropy.landscape.q.critics import Critics
from sb3_entropy.landscape.q.subject import Subject
from sb3_entropy.statistics import Interval, crossed_ratio

#: visited states that are looked at, unless another number is named
MOST_STATES = 1000
#: Q values that are held at once
_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Misleading:
    """
    What the actions at which critics are greatest are worth to other critics, made independently of them.

    In a state s, with a maximum looked for among many actions of the box,
    ``m(s) = [max_a Q_j(s, a) − Q_j(s, argmax_a Q̃_i(s, a))] / [max_a Q_j(s, a) − min_a Q_j(s, a)]``, Q plain, Q̃ soft,
    i ≠ j; 0/0 is 0. The agent's *score* is Σ numerators / Σ denominators over states and all ordered pairs (i, j).

    The maximum is critic j's own. So the numerator is never negative, and it is too great by what noise adds to a
    maximum. The *null* has the same fault: it is the score with plain critic i in the place of soft critic i. In the
    *excess*, score − null in the same states and pairs, the maximum cancels, and
    ``Q_j(s, argmax Q_i) − Q_j(s, argmax Q̃_i)`` is left, of which critic j has chosen neither action.

    :param name: whose it is
    :param soft_regret: max Q_j − Q_j(argmax Q̃_i) at [i, j, s], in units of return, shape (K, K, S)
    :param plain_regret: max Q_j − Q_j(argmax Q_i), 0 where i = j, the same shape
    :param ranges: max Q_j − min Q_j, shape (K, S)
    :param episodes: of which episode each state is, shape (S,)
    :param ent_coef: α of the soft critics
    :param are_own: whether the critics are the agent's own
    :param calibration: how far the critics are from returns; None if that was not asked
    :param level: the nominal confidence of intervals
    """

    name: str
    soft_regret: np.ndarray
    plain_regret: np.ndarray
    ranges: np.ndarray
    episodes: np.ndarray
    ent_coef: float
    are_own: bool = False
    calibration: Calibration | None = None
    level: float = 0.95

    @property
    def n_critics(self) -> int:
        """:return: K"""
        return len(self.ranges)

    @cached_property
    def _pairs(self) -> np.ndarray:
        """:return: whether i ≠ j, shape (K, K, 1)"""
        return ~np.eye(self.n_critics, dtype=bool)[:, :, None]

    @cached_property
    def of_states(self) -> np.ndarray:
        """:return: m(s), Σ numerators / Σ denominators over the pairs (i, j) alone, in [0, 1], shape (S,)"""
        return _over(self.soft_regret, self.ranges, self._pairs)

    @cached_property
    def null_of_states(self) -> np.ndarray:
        """:return: the same of the null"""
        return _over(self.plain_regret, self.ranges, self._pairs)

    @cached_property
    def score(self) -> Interval:
        """:return: Σ numerators / Σ denominators, in [0, 1], with its interval over episodes and refits"""
        return _clipped(self._ratio(self.soft_regret), 0.0)

    @cached_property
    def null(self) -> Interval:
        """:return: the same between plain critics"""
        return _clipped(self._ratio(self.plain_regret), 0.0)

    @cached_property
    def excess(self) -> Interval:
        """:return: score − null, in the same states and pairs, in [−1, 1]"""
        return _clipped(self._ratio(self.soft_regret - self.plain_regret), -1.0)

    @cached_property
    def regret(self) -> Interval:
        """:return: the mean numerator, in units of return"""
        return self._ratio(self.soft_regret, per_state=True)

    @cached_property
    def excess_regret(self) -> Interval:
        """:return: that of the excess, Q_j(argmax Q_i) − Q_j(argmax Q̃_i)"""
        return self._ratio(self.soft_regret - self.plain_regret, per_state=True)

    @cached_property
    def range(self) -> float:
        """:return: the mean of max Q − min Q"""
        return float(self.ranges.mean())

    def at_critical(self, states: int) -> tuple[float, float]:
        """
        Score and null in the states that look worst to one fit, judged by the others: those where
        ``max Q_i − Q_i(argmax Q̃_i)`` is greatest, with all pairs (j, k) that i is not in, and each i in its turn.

        :param states: how many
        :return: score and null in them
        :raises ValueError: if there are fewer, or fewer than three fits
        """
        check_number("states", states, low=1, high=len(self.episodes), integer=True)
        if self.n_critics < 3:
            raise ValueError(
                f"States chosen by one fit are judged by a pair of others, but there are {self.n_critics} fits. Make "
                "three or more: refits=3."
            )
        top, null, bottom = 0.0, 0.0, 0.0
        for i in range(self.n_critics):
            worst = np.argsort(-self.soft_regret[i, i], kind="stable")[:states]
            others = self._pairs.copy()
            others[i], others[:, i] = False, False
            top += float((self.soft_regret[:, :, worst] * others).sum())
            null += float((self.plain_regret[:, :, worst] * others).sum())
            bottom += float((self.ranges[None, :, worst] * others).sum())
        return (top / bottom, null / bottom) if bottom > 0 else (0.0, 0.0)

    def numbers(self) -> dict[str, float]:
        """:return: the main figures by name"""
        found: dict[str, float] = {}
        for name in ("score", "null", "excess", "regret", "excess_regret"):
            each: Interval = getattr(self, name)
            found |= {name: each.value, f"{name}_low": each.low, f"{name}_high": each.high}
        return {
            **found,
            "range": self.range,
            "ent_coef": self.ent_coef,
            "states": float(len(self.episodes)),
            "episodes": float(len(np.unique(self.episodes))),
            "critics": float(self.n_critics),
        }

    def sentences(self) -> list[str]:
        """:return: what was found, what the interval covers, and at last in plain words whether entropy misleads"""
        return [*says_who(self), conclusion(self)]

    def _ratio(self, regret: np.ndarray, per_state: bool = False) -> Interval:
        """Of sums over each episode."""
        _, groups = np.unique(self.episodes, return_inverse=True)
        below = np.ones_like(regret) if per_state else np.broadcast_to(self.ranges, regret.shape)
        sums = []
        for each in (regret, below):
            of_episodes = np.zeros((groups.max() + 1, *regret.shape[:2]))
            np.add.at(of_episodes, groups, np.moveaxis(each, -1, 0))
            sums.append(of_episodes)
        return crossed_ratio(*sums, level=self.level)


def misleading(
    subject: Subject, *, states: int = MOST_STATES, actions: np.ndarray | None = None, level: float = 0.95
) -> Misleading:
    """
    Compare the maxima of an agent's soft critics with those of its plain ones.

    :param subject: the agent; K plain and K soft critics, K ≥ 2
    :param states: of those visited at most so many are looked at, evenly chosen
    :param actions: among which maxima are looked for, shape (N, A) in [−1, 1]; those of
        :func:`~sb3_entropy.landscape.q.actions.candidate_actions` if None
    :param level: the nominal confidence of intervals
    :return: what was found
    :raises TypeError: if a number is none
    :raises ValueError: if there are no soft critics, or too few of a kind to tell noise from entropy, or an argument is
        out of range
    """
    check_number("states", states, low=1, integer=True)
    check_number("level", level, low=0, high=1, open_low=True)
    check_askable(subject.name, subject.behaviour.is_stochastic)
    if subject.soft is None:
        raise ValueError(
            f"Whether entropy misleads is asked of soft critics, and {subject.name} has none: it has no α. Name one, "
            "ent_coef=0.1 (--ent-coef 0.1)."
        )
    counts = (subject.plain.n_critics, subject.soft.n_critics)
    if min(counts) < 2 or counts[0] != counts[1]:
        raise ValueError(
            "Where one critic is greatest is judged by another that was made independently of it. That takes two plain "
            f"and two soft critics or more, as many of both, but {counts[0]} and {counts[1]} were given. Fit three of "
            "each: --refits 3."
        )
    if actions is None:
        actions = candidate_actions(subject.behaviour.n_actions)
    visited = len(subject.visited.episodes)
    if not visited:
        raise ValueError(f"{subject.name} has visited no state. Play at least one episode: --episodes.")
    chosen = np.unique(np.linspace(0, visited - 1, min(states, visited)).round().astype(int))
    step = max(1, _AT_ONCE // (len(actions) * counts[0]))
    found = [
        _compared(subject.plain, subject.soft, _rows(subject.visited.observations, part), actions)
        for part in np.split(chosen, range(step, len(chosen), step))
    ]
    soft, plain, ranges = (np.concatenate(each, axis=-1) for each in zip(*found, strict=True))
    if not all(np.isfinite(each).all() for each in (soft, plain, ranges)):
        raise ValueError(
            f"The critics of {subject.name} give values that are not finite. Fit them anew, or for longer."
        )
    return Misleading(
        name=subject.name,
        soft_regret=soft,
        plain_regret=plain,
        ranges=ranges,
        episodes=np.asarray(subject.visited.episodes)[chosen],
        ent_coef=subject.soft.ent_coef,
        are_own=subject.are_own,
        calibration=subject.calibration,
        level=level,
    )


def check_askable(name: str, is_stochastic: bool, refits: int | None = None) -> None:
    """
    What can be told before critics are fitted.

    :param name: the agent's
    :param is_stochastic: whether its policy has a density
    :param refits: critics of each kind that are to be fitted; None if they are not
    :raises ValueError: if it cannot be asked of this agent
    """
    if not is_stochastic:
        raise ValueError(
            f"Whether entropy misleads is asked of soft critics, and {name} has none: its policy has no density on the "
            "box of actions, being deterministic, as TD3's, or a Gaussian that is clipped, as PPO's. For TD3 and DDPG "
            "name a Gaussian σ under which it is to be looked at, and α (--std 0.1 --ent-coef 0.1); of others ask an "
            "agent with a squashed policy, such as SAC."
        )
    if refits is not None and refits < 2:
        raise ValueError(
            f"Where one critic is greatest is judged by another that was made independently of it, but {refits} of "
            "each kind is to be fitted. Fit three of each: --refits 3."
        )


def _compared(
    plain: Critics, soft: Critics, observations: Any, actions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """:return: ``soft_regret``, ``plain_regret`` and ``ranges`` in S states"""
    first = next(iter(observations.values())) if isinstance(observations, dict) else observations
    given = np.broadcast_to(actions, (len(first), *actions.shape))
    q = plain.values(observations, given)
    best = q.max(axis=-1)

    def regret(of: np.ndarray) -> np.ndarray:
        """What each plain critic j loses at the maximum of each i."""
        at = of.argmax(axis=-1)[:, None, :, None]
        return np.asarray(best - np.take_along_axis(q[None], at, axis=-1)[..., 0])

    return regret(soft.values(observations, given)), regret(q), best - q.min(axis=-1)


def _rows(observations: Any, rows: np.ndarray) -> Any:
    if isinstance(observations, dict):
        return {key: values[rows] for key, values in observations.items()}
    return observations[rows]


def _over(regret: np.ndarray, ranges: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    top, bottom = (regret * pairs).sum(axis=(0, 1)), (ranges[None] * pairs).sum(axis=(0, 1))
    return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0))


def _clipped(found: Interval, low: float) -> Interval:
    """The interval without what the number cannot be."""
    ends = np.clip([found.low, found.high], low, 1.0)
    return Interval(found.value, float(ends[0]), float(ends[1]), found.level, found.method)
