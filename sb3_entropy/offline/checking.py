"""Arrays of a log, checked row by row: a message names the field and the first row that is wrong."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]

#: how far the sum of probabilities may be from 1: what single precision leaves of thousands of actions
SUM_TOLERANCE = 1e-5


def refuse_rows(field: str, values: np.ndarray, bad: np.ndarray, allowed: str, advice: str) -> None:
    """
    :param field: what a message calls the array
    :param values: what it shows of a row, shape (n, …)
    :param bad: which rows are wrong, shape (n,)
    :param allowed: what every row must do, after "must"
    :param advice: what to do about it, a sentence
    :raises ValueError: if a row is wrong
    """
    if not bad.any():
        return
    row = int(bad.argmax())
    found = values[row]
    shown = f"{found:.6g}" if isinstance(found, np.floating) else np.array2string(found, threshold=8, separator=", ")
    raise ValueError(
        f"{field} must {allowed}, but row {row} has {shown} ({int(bad.sum())} of {len(bad)} rows are wrong). {advice}"
    )


def as_numbers(field: str, value: ArrayLike, shape: tuple[int, ...], axes: str) -> Array:
    """
    :param field: what a message calls the array
    :param value: the numbers
    :param shape: the shape that they must have
    :param axes: that shape in words, e.g. ``"(rows, actions)"``
    :return: the same as float64
    :raises TypeError: if they are no numbers
    :raises ValueError: if the shape is another, or a number is not finite
    """
    array = numeric(field, value).astype(np.float64, copy=False)
    if array.shape != shape:
        raise ValueError(f"{field} must have the shape {axes} = {shape}, but {array.shape} was given.")
    refuse_rows(field, array, ~finite_rows(array), "be finite", "Leave such rows out of the log.")
    return array


def as_probabilities(field: str, value: ArrayLike, shape: tuple[int, int]) -> Array:
    """
    :param field: what a message calls the array
    :param value: a distribution over the actions in each row
    :param shape: (n, A)
    :return: the same as float64
    :raises TypeError: if it holds no numbers
    :raises ValueError: if the shape is another, a probability is negative or not finite, or a row does not add up to 1
    """
    array = as_numbers(field, value, shape, "(rows, actions)")
    refuse_rows(field, array, np.asarray((array < 0).any(axis=1)), "be ≥ 0", "Give probabilities, not logits.")
    sums = array.sum(axis=1)
    wrong = np.abs(sums - 1) > SUM_TOLERANCE
    refuse_rows(f"The sum of {field} over actions", sums, wrong, "be 1", "Normalise each row.")
    return array


def as_actions(field: str, value: ArrayLike, n: int, n_actions: int) -> Integers:
    """
    :param field: what a message calls the array
    :param value: indices of actions
    :param n: how many there must be
    :param n_actions: A
    :return: the same as int64, shape (n,)
    :raises TypeError: if they are no whole numbers
    :raises ValueError: if the shape is another, or an index lies outside 0 … A − 1
    """
    array = numeric(field, value)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{field} must be whole numbers, but an array of {array.dtype} was given. Give action indices.")
    if array.shape != (n,):
        raise ValueError(f"{field} must have the shape (rows,) = ({n},), but {array.shape} was given.")
    outside = (array < 0) | (array >= n_actions)
    refuse_rows(field, array, outside, f"lie between 0 and {n_actions - 1}", "Check n_actions, which counts from 0.")
    return array.astype(np.int64, copy=False)


def check_generator(rng: np.random.Generator) -> None:
    """
    :param rng: where draws are to come from
    :raises TypeError: if it is no generator
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a NumPy generator, e.g. numpy.random.default_rng(0), but {rng!r} was given.")


def numeric(field: str, value: ArrayLike) -> np.ndarray:
    """
    :param field: what a message calls the array
    :param value: anything
    :return: an array of numbers or booleans, its type kept
    :raises TypeError: if it is something else
    :raises ValueError: if entries of it are masked
    """
    if np.ma.is_masked(value):
        masked = np.ma.count_masked(value)
        raise ValueError(
            f"{field} has {masked} masked entries, and what stands under a mask is no data. Fill them, or leave such "
            "rows out of the log."
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{field} must be an array of numbers, but an array of {array.dtype} was given.")
    return array


def apart(array: np.ndarray, given: ArrayLike) -> np.ndarray:
    """
    :param array: what became of ``given``
    :param given: what somebody else holds, and may write to
    :return: the array, copied if it shares its memory with what was given
    """
    return array.copy() if np.may_share_memory(array, given) else array


def finite_rows(array: np.ndarray) -> np.ndarray:
    """:return: in which rows all numbers are finite, shape (n,)"""
    return np.asarray(np.isfinite(array).reshape(len(array), -1).all(axis=1))
