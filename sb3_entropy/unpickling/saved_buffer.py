"""A replay buffer that Stable-Baselines3 has saved: a pickle, read with nothing run that is in it."""

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.save_util import load_from_pkl

from sb3_entropy.unpickling.unpickler import UntrustedError, loads

#: what of a buffer's arrays has a number, or a row, for each step and environment
_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
#: what else there must be, by its type
_OTHERS: dict[str, Any] = {
    "pos": int,
    "full": bool,
    "optimize_memory_usage": bool,
    "handle_timeout_termination": bool,
    "observation_space": spaces.Space,
    "action_space": spaces.Space,
    "obs_shape": (tuple, dict),
}


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
    try:
        found: Any = load_from_pkl(str(file)) if trust else loads(file.read_bytes(), str(file), made=(ReplayBuffer,))
    except UntrustedError as refused:  # as every HerReplayBuffer, whose infos are Python objects
        refused.args = (f"{refused} --fresh leaves it alone, and lets the agent play.",)
        raise
    if not isinstance(found, ReplayBuffer):
        raise ValueError(f"{file} must hold a ReplayBuffer, but it holds a {type(found).__name__}.")
    held = vars(found)
    shape = (held.get("buffer_size"), held.get("n_envs"))
    is_dense = held.get("optimize_memory_usage") is True  # then the next observation is the next row's
    arrays = [held.get(name) for name in _ARRAYS if not (is_dense and name == "next_observations")]
    parts = [part for array in arrays for part in (array.values() if isinstance(array, dict) else [array])]
    is_whole = all(isinstance(held.get(name), kind) for name, kind in _OTHERS.items()) and all(
        isinstance(part, np.ndarray) and part.shape[:2] == shape for part in parts
    )
    if not (is_whole and held.get("pos") in range(held["buffer_size"])):
        raise ValueError(
            f"{file} is not a whole replay buffer of Stable-Baselines3's, with {', '.join(_ARRAYS)} of one length. It "
            "was cut short, or saved by an old version; name the environment, and let the agent play."
        )
    return found
