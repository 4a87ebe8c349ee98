"""What a user hands over: taken as a copy, and known again when it is handed over a second time."""

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv


class Remembering:
    """
    What a model writes into, a reference that remembers policies, say: a copy is all that a model may take of it, for
    two models that share one would learn otherwise than each alone.
    """


def owned(given: Any, memo: dict[int, Any] | None = None) -> Any:
    """
    A copy that shares nothing with what was given: neither side sees what the other writes.

    :param given: an argument; mappings, lists, tuples and sets are copied with all that is in them
    :param memo: what is copied already, so that what stands in two places is one thing in the copy too
    :return: the copy; models and environments, and what cannot be copied, an open file say, are the user's own
    :raises TypeError: if it is :class:`Remembering` and cannot be copied
    """
    memo = {} if memo is None else memo
    if isinstance(given, Mapping) and not isinstance(given, gym.Space):  # a Dict of spaces is a mapping too
        return {name: owned(value, memo) for name, value in given.items()}
    if type(given) in (list, tuple, set):
        return type(given)(owned(value, memo) for value in given)
    if isinstance(given, (BaseAlgorithm, gym.Env, VecEnv)):
        return given
    try:
        return copy.deepcopy(given, memo)
    except Exception as error:
        if not isinstance(given, Remembering):
            return given
        culprits = [name for name, value in vars(given).items() if not _can_be_copied(value)]
        parts = f" for its {', '.join(culprits)}" if culprits else ""
        raise TypeError(
            f"{given!r} cannot be copied{parts}: {error}. A model takes a copy of what it writes into, so that models "
            f"never share it. Leave out what cannot be copied, or give {type(given).__name__} a __deepcopy__, or a "
            "__getstate__ without it."
        ) from error


def _can_be_copied(given: Any) -> bool:
    try:
        copy.deepcopy(given)
    except Exception:
        return False
    return True


class Opaque:
    """The description of an object: equal to itself alone, so that an object is never taken for another one."""


def described(given: Any) -> Any:
    """
    What can be saved, and compared later with what is handed over then.

    :param given: an argument
    :return: plain values as they are, paths as text, lists for sequences, digests of arrays, and :class:`Opaque` for
        all other objects
    """
    if isinstance(given, Mapping):
        return {name: described(value) for name, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [described(value) for value in given]
    if isinstance(given, (np.ndarray, th.Tensor)):
        array = np.ascontiguousarray(given.detach().cpu().numpy() if isinstance(given, th.Tensor) else given)
        return ["array", array.dtype.str, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]
    if is_plain(given):
        return str(given) if isinstance(given, Path) else given
    return given.item() if isinstance(given, np.generic) else Opaque()


def is_plain(given: Any) -> bool:
    """
    :param given: an argument
    :return: whether it consists of plain values alone
    """
    if isinstance(given, Mapping):
        return all(map(is_plain, given.values()))
    if isinstance(given, (list, tuple)):
        return all(map(is_plain, given))
    return given is None or isinstance(given, (bool, int, float, str, Path))
