"""A replay buffer that Stable-Baselines3 has saved: a pickle, read with nothing run that is in it."""

from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.save_util import load_from_pkl

from sb3_entropy.unpickling.unpickler import loads

#: what of a buffer's arrays has a number, or a row, for each step and environment
_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def load_buffer(file: Path, trust: bool = False) -> ReplayBuffer:
    """
    :param file: what ``save_replay_buffer`` has written, as rl-zoo does for ``--save-replay-buffer``
    :param trust: whether what is pickled may be executed
    :return: the buffer
    :raises FileNotFoundError: if there is no such file
    :raises UntrustedError: if it holds what could be executed, without trust
    :raises ValueError: if it holds something else, or a part of a buffer
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no replay buffer at {file}. rl-zoo saves one as replay_buffer.pkl, with --save-replay-buffer."
        )
    found: Any = load_from_pkl(str(file)) if trust else loads(file.read_bytes(), str(file), made=(ReplayBuffer,))
    if not isinstance(found, ReplayBuffer):
        raise ValueError(f"{file} must hold a ReplayBuffer, but it holds a {type(found).__name__}.")
    held = vars(found)
    shape = (held.get("buffer_size"), held.get("n_envs"))
    arrays = [held.get(name) for name in _ARRAYS if name != "next_observations" or name in held]
    parts = [part for array in arrays for part in (array.values() if isinstance(array, dict) else [array])]
    is_whole = all(isinstance(part, np.ndarray) and part.shape[:2] == shape for part in parts)
    if not (is_whole and held.get("pos") in range(held["buffer_size"])):
        raise ValueError(
            f"{file} is not a whole replay buffer of Stable-Baselines3's, with {', '.join(_ARRAYS)} of one length. It "
            "was cut short, or saved by an old version; name the environment, and let the agent play."
        )
    return found
