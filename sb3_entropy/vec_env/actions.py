"""What was given as actions, checked: for one environment and for many."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def box_actions(actions: Any, n: int, size: int, low: Any = -1.0, high: Any = 1.0) -> NDArray[np.float64]:
    """
    :param actions: what was given for n actions: shape (n, A), or whatever says the same where n or A is 1
    :param n: how many are due
    :param size: A, how many numbers each has
    :param low: of the box, a number or A of them
    :param high: of the box, likewise
    :return: them, clipped to the box, shape (n, A)
    :raises ValueError: if they are not n·A finite numbers of such a shape
    """
    given, told = _array(actions), f"{actions!r} was given"
    if given.dtype.kind in "iuf" and given.size == n * size and (given.shape == (n, size) or 1 in (n, size)):
        numbers: NDArray[np.float64] = given.astype(np.float64).reshape(n, size)
        finite = np.isfinite(numbers)
        if np.count_nonzero(finite) == finite.size:
            return np.asarray(np.minimum(np.maximum(numbers, low), high))
        if n > 1:
            wrong = int(np.flatnonzero(~finite.all(axis=1))[0])
            told = f"that of environment {wrong} is {numbers[wrong].tolist()}"
    due = f"{n} actions of shape ({size},), together ({n}, {size})," if n > 1 else f"1 action of shape ({size},)"
    raise ValueError(f"{due} must be given, of finite numbers, but {told}.")


def _array(given: Any) -> NDArray[Any]:
    """:return: it as an array, which has no numbers where its rows are not equally long"""
    try:
        return np.asarray(given)
    except ValueError:
        return np.array(None)


def whole_actions(actions: Any, n: int, n_actions: int, message: str) -> NDArray[np.int64]:
    """
    :param actions: what was given for n actions
    :param n: how many are due
    :param n_actions: A
    :param message: of the error, before what was given
    :return: them, shape (n,)
    :raises ValueError: if they are not n whole numbers from 0 to A − 1
    """
    given = _array(actions)
    if given.dtype.kind not in "iu" or given.size != n or not ((given >= 0) & (given < n_actions)).all():
        raise ValueError(f"{message}, but {actions!r} was given.")
    return given.astype(np.int64).reshape(n)
