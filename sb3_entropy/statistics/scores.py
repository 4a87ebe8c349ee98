"""Scores as arrays: runs × tasks."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, np.dtype[np.float64]]


def as_scores(scores: ArrayLike, name: str = "scores") -> Array:
    """
    :param scores: shape (n, K): n runs of K tasks, or (n,) for one task
    :param name: what a message calls them
    :return: the same in shape (n, K)
    :raises ValueError: if the shape is another, there are none, or one is not finite
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{name} must have the shape (runs, tasks) or (runs,), but {array.shape} was given.")
    if not array.size:
        raise ValueError(f"{name} must hold at least one run of one task, but the shape {array.shape} was given.")
    return all_finite(array, name)


def as_points(values: ArrayLike, name: str, axes: str) -> Array:
    """
    :param values: an array
    :param name: what a message calls it
    :param axes: its axes in words, separated by commas, e.g. ``"runs, points"``
    :return: the same as floating point
    :raises ValueError: if it has another number of axes, is empty, or one value is not finite
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != len(axes.split(",")) or not array.size:
        raise ValueError(f"{name} must have the shape ({axes}), none of them zero, but {array.shape} was given.")
    return all_finite(array, name)


def all_finite(array: Array, name: str) -> Array:
    """
    :param array: numbers
    :param name: what a message calls them
    :return: the same
    :raises ValueError: if one of them is infinite or not a number
    """
    missing = int(np.count_nonzero(~np.isfinite(array)))
    if missing:
        raise ValueError(
            f"{name} must be finite, but {missing} of {array.size} are not. Leave out the runs that have no number."
        )
    return array
