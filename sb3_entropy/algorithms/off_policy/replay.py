"""Whether a replay buffer fits a model, and the machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

from sb3_entropy.algorithms.off_policy.soft_n_step import SoftNStepReplayBuffer

if TYPE_CHECKING:
    from sb3_entropy.algorithms.off_policy.hooks import OffPolicyHooks

#: where buffers come from whose kind is known
_KNOWN = ("stable_baselines3.common.buffers", "sb3_entropy.")
#: of reward, end and time limit, which Stable-Baselines3 keeps as float32, as it does the actions
_BYTES_BESIDE = 12
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def check_replay_buffer(algorithm: "OffPolicyHooks", buffer: ReplayBuffer | None) -> None:
    """
    :param algorithm: what is to learn from it
    :param buffer: its replay buffer, made, loaded or put in place by somebody
    :raises ValueError: if it was made for other observations, actions or environments, or cannot hold a batch
    """
    if buffer is None:
        raise ValueError(f"This {type(algorithm).__name__} has no replay buffer. Make a new model, or load one's file.")
    for name, of_buffer, of_model in (
        ("observations", buffer.observation_space, algorithm.observation_space),
        ("actions", buffer.action_space, algorithm.action_space),
    ):
        if not _same_values(of_buffer, of_model):
            raise ValueError(
                f"The replay buffer holds {name} in {of_buffer}, but the model's are in {of_model}: it was filled in "
                "another environment. Load the buffer that was saved with this model, or go on with an empty one."
            )
    if buffer.n_envs != algorithm.n_envs:
        raise ValueError(
            f"The replay buffer was filled by {buffer.n_envs} environments, but the model has {algorithm.n_envs}. Load "
            f"the model with as many environments, load(path, env=make_vec_env(…, n_envs={buffer.n_envs}))."
        )
    _check_steps(algorithm, buffer)
    n_transitions = buffer.buffer_size * buffer.n_envs
    if n_transitions < algorithm.batch_size:
        raise ValueError(
            f"batch_size={algorithm.batch_size}, but the replay buffer has room for {n_transitions} transitions: every "
            "batch would hold the same ones several times. Raise buffer_size, or lower batch_size."
        )


def _check_steps(algorithm: "OffPolicyHooks", buffer: ReplayBuffer) -> None:
    """Of buffers that the model makes by itself: how many steps a return has, and whether it has their entropy."""
    if algorithm.replay_buffer_class is not None or not type(buffer).__module__.startswith(_KNOWN):
        return
    n_steps, is_soft = getattr(buffer, "n_steps", 1), algorithm.soft_n_step
    if n_steps != algorithm.n_steps or (is_soft and not isinstance(buffer, SoftNStepReplayBuffer)):
        raise ValueError(
            f"The replay buffer, a {type(buffer).__name__}, gives returns of n_steps={n_steps}, but the model has "
            f"n_steps={algorithm.n_steps} and soft_n_step={is_soft}. Load the buffer into a model that has made one "
            "like it, or go on with an empty one."
        )


def _same_values(space: spaces.Space[Any], other: spaces.Space[Any]) -> bool:
    """:return: whether what one holds can stand in the other's place: a box's dtype is no matter, HER changes none"""
    if isinstance(space, spaces.Box) and isinstance(other, spaces.Box):
        return space.shape == other.shape and np.allclose(space.low, other.low) and np.allclose(space.high, other.high)
    return bool(space == other)


def check_memory(
    observation_space: spaces.Space[Any], action_space: spaces.Space[Any], n_transitions: int, twice: bool
) -> None:
    """
    :param observation_space: what is kept
    :param action_space: what is kept
    :param n_transitions: how many
    :param twice: whether each observation is kept as the next one of the step before too
    :raises MemoryError: if the machine could not hold them
    """
    one = sum(_n_bytes(part) for part in _parts(observation_space)) * (2 if twice else 1)
    beside = _BYTES_BESIDE + 4 * int(np.prod(action_space.shape or (1,)))
    needed = n_transitions * (one + beside)
    there = memory_of_machine()
    if there is not None and needed > there:
        raise MemoryError(
            f"buffer_size={n_transitions} transitions of {observation_space} take {needed / 1e9:,.1f} GB, but the "
            f"machine has {there / 1e9:,.1f} GB. Lower buffer_size to at most {int(n_transitions * there / needed):,}"
            + (", or keep each observation once, with optimize_memory_usage=True." if twice else ".")
        )


def memory_of_machine() -> int | None:
    """:return: bytes of memory that this process may have at most; None if the system does not say"""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.is_file() else "max"
    return min(found, int(limit)) if limit.isdigit() else found


def _parts(space: spaces.Space[Any]) -> list[spaces.Space[Any]]:
    return list(space.spaces.values()) if isinstance(space, spaces.Dict) else [space]


def _n_bytes(space: spaces.Space[Any]) -> int:
    return int(np.prod(space.shape or (1,))) * np.dtype(space.dtype or np.int64).itemsize


def pickle_path(path: str | Path) -> Path:
    """:return: where Stable-Baselines3 writes a replay buffer that is to be saved there"""
    path = Path(path)
    return path if path.suffix else path.with_suffix(".pkl")
