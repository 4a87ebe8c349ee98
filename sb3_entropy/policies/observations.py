"""Rows of observations, which are arrays or dicts of arrays, and those that a training has seen last."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.vec_env import VecNormalize

#: in which a policy is looked at
N_STATES = 256
#: of a replay buffer's transitions, the newest among which they are: as many as PPO's rollout has
N_RECENT = 2048


def of_each(function: Callable[[Any], Any], observations: Any) -> Any:
    """:return: the function of the array, or of each array of the dict"""
    if isinstance(observations, dict):
        return {key: function(array) for key, array in observations.items()}
    return function(observations)


def rows_of(observations: Any, rows: Any) -> Any:
    """:return: those rows, an index of NumPy's, of an array, or of each array of a dict"""
    return of_each(lambda array: np.asarray(array[rows]), observations)


def joined(parts: Sequence[Any]) -> Any:
    """:return: arrays, or dicts of arrays, one after the other"""
    if isinstance(parts[0], dict):
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return np.concatenate(parts)


def n_rows(observations: Any) -> int:
    """:return: how many observations an array, or a dict of arrays, holds"""
    arrays = observations.values() if isinstance(observations, dict) else [observations]
    return min((len(array) for array in arrays), default=0)


def chunks(observations: Any, size: int) -> Iterator[Any]:
    """
    :param observations: n of them, shape (n, …), or a dict of such
    :param size: how many at a time
    :return: them, piece by piece
    :raises ValueError: if there are none
    """
    n = n_rows(observations)
    if not n:
        raise ValueError("observations must hold at least one observation, but none was given.")
    for start in range(0, n, size):
        yield rows_of(observations, slice(start, start + size))


def evenly_spaced(n: int, most: int = N_STATES) -> np.ndarray:
    """:return: at most so many of the rows 0, …, n − 1, the first and the last among them"""
    rows: np.ndarray = np.linspace(0, n - 1, min(most, n)).astype(int)
    return rows


def sample_states(buffer: RolloutBuffer | ReplayBuffer, normalize: VecNormalize | None = None) -> Any:
    """
    :param buffer: a rollout, complete or not, before or after its update has flattened it; or a replay buffer
    :param normalize: the training's, with whose statistics of this moment a replay buffer's observations are normalised
    :return: at most 256 of the observations, evenly spaced in the rollout, or in the newest 2048 transitions of the
        replay buffer, as tensors: what the policy is looked at with; those that a rollout says it has, where it has
        not all; None if there are none yet
    """
    if isinstance(buffer, ReplayBuffer):
        return _recent(buffer, normalize)
    n_states = buffer.size() * buffer.n_envs
    if n_states == 0:
        return None
    some = getattr(buffer, "states", None)
    if some is not None:
        return of_each(buffer.to_torch, some)
    rows: Any = evenly_spaced(n_states)
    if not buffer.generator_ready:
        rows = np.divmod(rows, buffer.n_envs)
    return of_each(buffer.to_torch, rows_of(buffer.observations, rows))


def _recent(buffer: ReplayBuffer, normalize: VecNormalize | None) -> Any:
    n_steps = min(buffer.size(), -(-N_RECENT // buffer.n_envs))
    if n_steps == 0:
        return None
    steps, envs = np.divmod(evenly_spaced(n_steps * buffer.n_envs), buffer.n_envs)
    steps = (buffer.pos - n_steps + steps) % buffer.buffer_size
    observations = rows_of(buffer.observations, (steps, envs))
    return of_each(buffer.to_torch, ReplayBuffer._normalize_obs(observations, normalize))
