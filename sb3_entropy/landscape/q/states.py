"""In which states a landscape is looked at: given ones, visited ones, critical ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.errors import check_number, unknown
from sb3_entropy.landscape.q.actions import candidate_actions
from sb3_entropy.landscape.q.subject import Subject, Visited
from sb3_entropy.policies.observations import n_rows, rows_of

KINDS = ("critical", "visited")
#: among so many visited states critical ones are looked for
AMONG = 64
#: critics are asked for at most so many actions at once
AT_ONCE = 20_000


@dataclass(frozen=True)
class States:
    """
    :param kind: ``"critical"``, ``"visited"`` or ``"given"``
    :param observations: S of them, as the policy sees them
    :param names: what each is called, such as "episode 2, step 17"
    :param gaps: of critical ones Q_plain(s, argmax Q_plain) − Q_plain(s, argmax Q_soft), the argmax by the critics that
        chose and Q by the critics that judge, in units of return; below 0 where the two do not agree. Shape (S,)
    :param chosen_by: the critic, of 0 … K − 1, that they were chosen with
    :param judged_by: the critics that the gaps were measured with; the same one where there is no other
    :param among: in how many different states they were looked for
    """

    kind: str
    observations: Any
    names: tuple[str, ...]
    gaps: np.ndarray | None = None
    chosen_by: tuple[int, ...] = ()
    judged_by: tuple[int, ...] = ()
    among: int = 0

    def __len__(self) -> int:
        return len(self.names)


def given_states(observations: Any) -> States:
    """
    :param observations: S states as the policy sees them, an array (S, …) or a dict of such
    :return: these
    :raises ValueError: if there are none
    """
    observations = observations if isinstance(observations, dict) else np.asarray(observations)
    if not (count := n_rows(observations)):
        raise ValueError("A landscape needs one state at least, but none was given.")
    return States("given", observations, tuple(f"state {index}" for index in range(count)))


def visited_states(visited: Visited, n_states: int = 4) -> States:
    """
    :param visited: states in order
    :param n_states: how many are wanted
    :return: as many, evenly over all steps of all episodes, each at most once; fewer if fewer are different
    :raises TypeError: if the number is none
    :raises ValueError: if it is below 1, or no states were visited
    """
    chosen = _evenly(_different(visited), n_states)
    return States(
        "visited", rows_of(visited.observations, chosen), _names(visited, chosen), among=n_rows(visited.observations)
    )


def critical_states(subject: Subject, n_states: int = 4, among: int = AMONG) -> States:
    """
    Where the soft-greedy action is worst in plain value. Greedy is who takes the best of
    :func:`~sb3_entropy.landscape.q.actions.candidate_actions`. With K ≥ 2 critics the first one chooses states and
    actions and the others judge, so that a gap of noise alone has the expectation 0.

    :param subject: the agent
    :param n_states: how many are wanted
    :param among: in how many visited states, evenly over all, they are looked for
    :return: those with the greatest gaps of the choosing critic, the greatest first, of an episode at most one more
        than of another as long as there are enough; fewer if fewer are different
    :raises TypeError: if a number is none
    :raises ValueError: if it is below 1, no states were visited, or there are no soft critics
    """
    check_number("n_states", n_states, low=1, integer=True)
    check_states("critical", subject.soft is not None)
    assert subject.soft is not None
    looked = _evenly(_different(subject.visited), among)
    observations = rows_of(subject.visited.observations, looked)
    candidates = candidate_actions(subject.behaviour.n_actions)
    gaps, judged = [], []
    count = max(1, AT_ONCE // len(candidates))
    for start in range(0, len(looked), count):
        here = rows_of(observations, np.arange(start, min(start + count, len(looked))))
        offered = np.broadcast_to(candidates, (n_rows(here), *candidates.shape))
        plain, soft = subject.plain.values(here, offered), subject.soft.values(here, offered)
        a, b = plain[0].argmax(axis=1), soft[0].argmax(axis=1)
        each = np.arange(len(a))
        difference = plain[:, each, a] - plain[:, each, b]
        gaps.append(difference[0])
        judged.append(difference[1:].mean(axis=0) if len(plain) > 1 else difference[0])
    order = np.argsort(-np.concatenate(gaps), kind="stable")
    best = _spread(order, subject.visited.episodes[looked], n_states)
    chosen = looked[best]
    n_critics = subject.plain.n_critics
    return States(
        "critical",
        rows_of(subject.visited.observations, chosen),
        _names(subject.visited, chosen),
        gaps=np.concatenate(judged)[best],
        chosen_by=(0,),
        judged_by=tuple(range(1, n_critics)) or (0,),
        among=len(looked),
    )


def check_states(states: Any, has_soft: bool = True) -> None:
    """
    :param states: one of :data:`KINDS`, or observations
    :param has_soft: whether there are soft critics
    :raises ValueError: if it is another name, or there are no soft critics for critical states
    """
    if not isinstance(states, str):
        return
    if states not in KINDS:
        raise ValueError(f"{unknown('states', states, KINDS)} Or give observations, as the policy sees them.")
    if states == "critical" and not has_soft:
        raise ValueError(
            "Critical states are those where plain- and soft-greedy actions differ, but there are no soft critics of "
            "this policy. Look at visited states, or name an α, and for a deterministic policy the σ of a Gaussian "
            "around its actions too."
        )


def find_states(subject: Subject, states: Any, n_states: int = 4) -> States:
    """
    :param subject: the agent
    :param states: ``"critical"``, ``"visited"``, or observations
    :param n_states: how many are wanted of the first two
    :return: them
    :raises ValueError: if it is none of these
    """
    if isinstance(states, States):
        return states
    check_states(states)
    if not isinstance(states, str):
        return given_states(states)
    return visited_states(subject.visited, n_states) if states == "visited" else critical_states(subject, n_states)


def _different(visited: Visited) -> np.ndarray:
    """:return: of each different state the first index, ascending"""
    observations = visited.observations
    parts = list(observations.values()) if isinstance(observations, dict) else [observations]
    if not (count := n_rows(visited.observations)):
        raise ValueError("No states were visited. Give a replay buffer or episodes that are not empty, or states.")
    flat = np.concatenate([np.asarray(part).reshape(count, -1) for part in parts], axis=1)
    return np.sort(np.unique(flat, axis=0, return_index=True)[1])


def _evenly(indices: np.ndarray, wanted: int) -> np.ndarray:
    check_number("n_states", wanted, low=1, integer=True)
    if wanted >= len(indices):
        return indices
    return np.asarray(indices[((np.arange(wanted) + 0.5) * len(indices) / wanted).astype(int)])


def _spread(order: np.ndarray, episodes: np.ndarray, wanted: int) -> np.ndarray:
    """:return: the first of an order of states, of no episode too many as long as others are left"""
    most = -(-wanted // len(np.unique(episodes)))
    counts: dict[int, int] = {}
    chosen: list[int] = []
    passed: list[int] = []
    for index in order.tolist():
        episode = int(episodes[index])
        counts[episode] = counts.get(episode, 0) + 1
        (chosen if counts[episode] <= most else passed).append(index)
    kept = set([*chosen, *passed][:wanted])
    return np.array([index for index in order.tolist() if index in kept], dtype=int)


def _names(visited: Visited, indices: np.ndarray) -> tuple[str, ...]:
    firsts = dict(zip(*(each.tolist() for each in np.unique(visited.episodes, return_index=True)), strict=True))
    episodes = visited.episodes[indices].astype(int).tolist()
    return tuple(
        f"episode {episode}, step {int(index) - firsts[episode]}"
        for episode, index in zip(episodes, indices, strict=True)
    )
