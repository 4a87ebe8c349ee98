"""Transitions of a replay buffer without needless copies."""

import numpy as np
import torch as th
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from sb3_entropy.algorithms.common.standing import replaced


def can_gather(buffer: ReplayBuffer) -> bool:
    """:return: whether :func:`gather` gives what the buffer's own ``sample`` gives"""
    plain = type(buffer) is ReplayBuffer and buffer.device.type == "cpu" and not replaced(buffer)
    return plain and not buffer.optimize_memory_usage


def gather(buffer: ReplayBuffer, batch_size: int) -> ReplayBufferSamples:
    """
    ``ReplayBuffer.sample``, with the same draws from NumPy's global generator.

    :param buffer: one that :func:`can_gather` says yes to
    :param batch_size: B
    :return: B transitions, each array gathered once
    """
    rows = np.random.randint(0, buffer.buffer_size if buffer.full else buffer.pos, size=batch_size)
    if buffer.n_envs > 1:  # of one environment nothing is drawn
        rows *= buffer.n_envs
        rows += np.random.randint(0, high=buffer.n_envs, size=batch_size)

    def of(array: np.ndarray) -> th.Tensor:
        return th.from_numpy(array.reshape(-1, *array.shape[2:]).take(rows, 0))

    # Episodes that a time limit has ended go on in the values.
    dones, timeouts, rewards = (of(array) for array in (buffer.dones, buffer.timeouts, buffer.rewards))
    ends = dones.addcmul_(dones, timeouts, value=-1).unsqueeze(1)
    states = (of(buffer.observations), of(buffer.actions), of(buffer.next_observations))
    return ReplayBufferSamples(*states, ends, rewards.unsqueeze(1))
