"""Boxes of actions of every dtype: their widths, and what the environment gets."""

import numpy as np
import torch as th
from gymnasium import spaces


def bounds_of(box: spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    """:return: low and high in double precision, in the box's shape"""
    return box.low.astype(np.float64), box.high.astype(np.float64)


def half_width(box: spaces.Box) -> np.ndarray:
    """:return: (high − low)/2, shape (A,), in double precision: not of high − low, which may be more than that holds"""
    low, high = bounds_of(box)
    return np.ravel(high / 2 - low / 2)


def bound_tensors(box: spaces.Box, like: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
    """:return: low and high, shape (A,), as tensors like ``like``; infinite where its precision does not hold them"""
    low, high = (th.as_tensor(np.ravel(bound)).to(like) for bound in bounds_of(box))
    return low, high


def is_stock(box: spaces.Box) -> bool:
    """
    :return: whether Stable-Baselines3 stores, scales and clips actions of this box rightly: it keeps them in the box's
        dtype, which cuts the samples of a box of integers off, and takes high − low in it, which may overflow
    """
    if box.dtype not in (np.float32, np.float64):
        return False
    with np.errstate(over="ignore"):
        return bool(np.isfinite(box.high - box.low).all())


def to_box(box: spaces.Box, samples: np.ndarray, scaled: bool) -> np.ndarray:
    """
    What the environment gets: low + (high − low)(x + 1)/2, or x, clipped, in the box's dtype; of integers the nearest.

    :param box: the actions
    :param samples: x, shape (…, *shape of the box)
    :param scaled: whether they are in [−1, 1]
    :return: actions inside the box
    """
    low, high = bounds_of(box)
    x = samples.astype(np.float64)
    if scaled:
        share = (x + 1) / 2
        x = low * (1 - share) + high * share
    if np.issubdtype(box.dtype, np.integer):
        x = np.rint(x)
    with np.errstate(invalid="ignore", over="ignore"):  # double precision rounds bounds of 64 bits, maybe beyond them
        inside = x.astype(box.dtype)
    return np.where(x >= high, box.high, np.where(x <= low, box.low, inside))


def from_box(box: spaces.Box, actions: np.ndarray) -> np.ndarray:
    """
    :param box: the actions
    :param actions: shape (…, *shape of the box)
    :return: 2 (a − low)/(high − low) − 1, in single precision
    """
    low, high = bounds_of(box)
    share = (actions / 2.0 - low / 2) / (high / 2 - low / 2)
    return np.asarray(2 * share - 1, dtype=np.float32)
