"""Transitions that critics are fitted on: of a replay buffer, or of episodes that were played for it."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

from sb3_entropy.landscape.candidates.normalizing import Normalizer
from sb3_entropy.policies.observations import joined, n_rows, of_each, rows_of

#: fewer than these say nothing
FEWEST = 64


@dataclass(frozen=True)
class Transitions:
    """
    n steps (s, a, r, s') in the order of time within each episode.

    :param observations: s, as the policy sees them: an array (n, …), or a dict of such
    :param actions: a in [−1, 1]ᴬ, shape (n, A)
    :param rewards: r in the environment's own units, shape (n,)
    :param next_observations: s', likewise
    :param terminated: whether nothing follows s'; not where a time limit has cut the episode, shape (n,)
    :param episodes: of which episode each is, shape (n,)
    """

    observations: Any
    actions: np.ndarray
    rewards: np.ndarray
    next_observations: Any
    terminated: np.ndarray
    episodes: np.ndarray

    def __len__(self) -> int:
        return len(self.rewards)

    def rows(self, rows: Any) -> "Transitions":
        """
        :param rows: an index of NumPy's
        :return: those alone
        """
        return Transitions(
            rows_of(self.observations, rows),
            self.actions[rows],
            self.rewards[rows],
            rows_of(self.next_observations, rows),
            self.terminated[rows],
            self.episodes[rows],
        )

    def starts(self) -> np.ndarray:
        """:return: where each episode begins, ascending, and n at the end"""
        new = np.flatnonzero(np.diff(self.episodes)) + 1
        return np.concatenate([[0], new, [len(self)]]).astype(int)

    def discounted(self, rewards: np.ndarray, gamma: float) -> np.ndarray:
        """
        :param rewards: one a step, shape (n,)
        :param gamma: γ
        :return: ``Σ_{k ≥ 0} γᵏ r_{t+k}`` up to the episode's last step that there is, shape (n,)
        """
        returns = np.array(rewards, dtype=np.float64)
        for begin, end in pairwise(self.starts().tolist()):
            total = 0.0
            for t in range(end - 1, begin - 1, -1):
                total = returns[t] + gamma * total
                returns[t] = total
        return returns


def together(parts: list[Transitions]) -> Transitions:
    """
    :param parts: from several places
    :return: all, their episodes numbered on
    """
    numbered, n = [], 0
    for part in parts:
        numbered.append(replace(part, episodes=part.episodes - part.episodes.min() + n))
        n = int(numbered[-1].episodes.max()) + 1
    return Transitions(
        joined([part.observations for part in numbered]),
        np.concatenate([part.actions for part in numbered]),
        np.concatenate([part.rewards for part in numbered]),
        joined([part.next_observations for part in numbered]),
        np.concatenate([part.terminated for part in numbered]),
        np.concatenate([part.episodes for part in numbered]),
    )


def thinned(transitions: Transitions, most: int) -> Transitions:
    """
    :param transitions: any number
    :param most: n at most
    :return: whole episodes evenly spaced among them, the last one among them cut if it must be
    """
    if len(transitions) <= most:
        return transitions
    starts = transitions.starts()
    lengths = np.diff(starts)
    order = np.argsort((np.arange(len(lengths)) * 0.6180339887498949) % 1.0)  # evenly spaced, however many are taken
    taken = order[: int(np.searchsorted(np.cumsum(lengths[order]), most)) + 1]
    rows = np.concatenate([np.arange(starts[e], starts[e + 1]) for e in taken])[:most]
    return transitions.rows(np.sort(rows))


def check_buffer(buffer: Any, observation_space: Any, action_space: Any) -> None:
    """
    :param buffer: what is to be a replay buffer
    :param observation_space: the agent's
    :param action_space: the agent's
    :raises TypeError: if it is none
    :raises ValueError: if it is of another environment, or as good as empty
    """
    if not isinstance(buffer, ReplayBuffer):
        raise TypeError(f"replay_buffer must be a ReplayBuffer of Stable-Baselines3's, but {buffer!r} was given.")
    for what, of_buffer, of_agent in (
        ("observations", buffer.observation_space, observation_space),
        ("actions", buffer.action_space, action_space),
    ):
        if of_buffer != of_agent:
            raise ValueError(
                f"The replay buffer is of another environment: its {what} are {of_buffer}, and the agent's {of_agent}. "
                "Give the buffer of the agent's own training, or none and an environment, in which it plays."
            )
    n = buffer.size() * buffer.n_envs
    if n < FEWEST:
        raise ValueError(
            f"The replay buffer holds {n} transitions, too few to fit critics on: at least {FEWEST}, better 10,000. "
            "Give an environment instead, in which the agent plays."
        )


def of_buffer(buffer: ReplayBuffer, normalizer: Normalizer) -> Transitions:
    """
    What Stable-Baselines3 has stored, the oldest first, one environment after the other: raw rewards and observations,
    also under ``VecNormalize``; single steps, also of a buffer that samples n of them. An episode that was cut by a
    time limit goes on in expectation, where the buffer knows of it: with ``optimize_memory_usage`` it does not, and
    each end is taken for a terminal one.

    :param buffer: one that :func:`check_buffer` has passed
    :param normalizer: what the policy sees observations through
    :return: them
    """
    order = (np.arange(buffer.buffer_size) + buffer.pos) % buffer.buffer_size if buffer.full else np.arange(buffer.pos)
    if buffer.optimize_memory_usage and buffer.full:
        order = order[1:]  # of the oldest the observation is written over by the newest's next one
    n_envs = buffer.n_envs
    steps, envs = np.tile(order, n_envs), np.repeat(np.arange(n_envs), len(order))
    if buffer.optimize_memory_usage:
        following: Any = rows_of(buffer.observations, ((steps + 1) % buffer.buffer_size, envs))
    else:
        following = rows_of(buffer.next_observations, (steps, envs))
    dones, timeouts = buffer.dones[steps, envs] > 0, buffer.timeouts[steps, envs] > 0
    begins = np.concatenate([[False], dones[:-1]])
    begins[np.arange(1, n_envs) * len(order)] = True
    return Transitions(
        _seen(rows_of(buffer.observations, (steps, envs)), buffer, normalizer),
        np.clip(buffer.actions[steps, envs].astype(np.float64), -1, 1),
        buffer.rewards[steps, envs].astype(np.float64),
        _seen(following, buffer, normalizer),
        dones & ~timeouts,
        np.cumsum(begins),
    )


def _seen(observations: Any, buffer: ReplayBuffer, normalizer: Normalizer) -> Any:
    space = buffer.observation_space
    if isinstance(space, spaces.Dict):
        observations = {key: _rowwise(array, space.spaces[key]) for key, array in observations.items()}
    else:
        observations = _rowwise(observations, space)
    assert n_rows(observations)
    return of_each(np.asarray, normalizer(observations))


def _rowwise(stored: np.ndarray, space: spaces.Space[Any]) -> np.ndarray:
    """:return: as environments give them: one number of a ``Discrete``, of which buffers make a row"""
    return stored.reshape(-1, *(space.shape or ()))
