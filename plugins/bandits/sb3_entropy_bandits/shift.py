"""
Differences between the contexts of the training and those of the test: which classes are drawn while training, and what
is done to the test contexts.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.options import REQUIRED, read_options

Contexts = NDArray[Any]

KINDS: dict[str, dict[str, Any]] = {
    "labels": {"weights": REQUIRED},
    "noise": {"std": REQUIRED, "seed": 0},
    "brightness": {"factor": REQUIRED},
    "rotation": {"quarters": 1},
    "occlusion": {"size": REQUIRED, "seed": 0},
}


class Change(Protocol):
    """What is done to the test contexts."""

    def __call__(self, x: Contexts, /) -> Contexts:
        """:return: the changed contexts, of the same shape and dtype"""


@dataclass(frozen=True)
class Shift:
    """
    :param class_weights: how often each class is drawn while training, shape (n_classes,); ``None``: as in the data
    :param change_test: what is done to the test contexts
    """

    class_weights: NDArray[np.float64] | None
    change_test: Change


def make_shift(shift: Any, data: ClassificationData) -> Shift:
    """
    :param shift: ``None``, or one of the kinds of :data:`KINDS` with its options
    :param data: the contexts
    :return: the shift
    :raises TypeError: if ``shift`` is no dictionary, or a number in it is none
    :raises ValueError: if an option is not known or out of range, or the contexts are no images where such are needed
    """
    if shift is None:
        return Shift(None, unchanged)
    kind, values = read_options("shift", shift, KINDS)
    if kind == "labels":
        return Shift(_class_weights(values["weights"], data), unchanged)
    if kind == "noise":
        check_number("shift['std']", values["std"], low=0)
        check_number("shift['seed']", values["seed"], low=0, integer=True)
        scale = None if data.image_shape is None else data.scale
        return Shift(None, partial(noisy, std=float(values["std"]), scale=scale, seed=int(values["seed"])))
    if data.image_shape is None:
        raise ValueError(
            f"shift of kind {kind!r} changes images, but the contexts of {data.name!r} are rows of a table. Choose "
            "'noise' or 'labels'."
        )
    height, width, _ = data.image_shape
    if kind == "brightness":
        check_number("shift['factor']", values["factor"], low=0)
        return Shift(None, partial(brightened, factor=float(values["factor"]), scale=data.scale))
    if kind == "rotation":
        check_number("shift['quarters']", values["quarters"], low=1, high=3, integer=True)
        if height != width and values["quarters"] != 2:
            raise ValueError(
                f"shift of kind 'rotation' by {values['quarters']} quarters needs square images, but those of "
                f"{data.name!r} are {height} × {width}. Only 2 quarters keep their shape."
            )
        return Shift(None, partial(rotated, quarters=int(values["quarters"])))
    check_number("shift['size']", values["size"], low=1, high=min(height, width), integer=True)
    check_number("shift['seed']", values["seed"], low=0, integer=True)
    return Shift(None, partial(occluded, size=int(values["size"]), seed=int(values["seed"])))


def unchanged(x: Contexts) -> Contexts:
    """:return: the contexts as they are"""
    return x


def noisy(x: Contexts, *, std: float, scale: float | None, seed: int) -> Contexts:
    """
    Contexts with Gaussian noise.

    :param x: shape (n, H, W, C) uint8, or (n, d)
    :param std: σ, as a share of the scale, so in units of the flat context in [0, 1]; of tables, in their own units
    :param scale: the pixels' largest value, to which they are rounded and clipped; ``None`` for tables
    :param seed: seed of the noise
    :return: x + σε, of the same shape and dtype
    """
    noise = np.random.default_rng(seed).standard_normal(x.shape, dtype=np.float32)
    moved = x + std * noise if scale is None else np.clip(np.rint(x + std * scale * noise), 0, scale)
    result: Contexts = moved.astype(x.dtype)
    return result


def brightened(x: Contexts, *, factor: float, scale: float) -> Contexts:
    """:return: images with every pixel times ``factor``, rounded and clipped at ``scale``"""
    bright: Contexts = np.clip(np.rint(x * np.float32(factor)), 0, scale).astype(x.dtype)
    return bright


def rotated(x: Contexts, *, quarters: int) -> Contexts:
    """:return: images (n, H, W, C) turned anticlockwise by ``quarters`` · 90°"""
    return np.ascontiguousarray(np.rot90(x, quarters, axes=(1, 2)))


def occluded(x: Contexts, *, size: int, seed: int) -> Contexts:
    """
    Images with a black square that hides a part of them.

    :param x: shape (n, H, W, C)
    :param size: the square's side in pixels
    :param seed: seed of where it lies, which is drawn for each image, uniformly among the places inside it
    :return: the images, of the same shape and dtype
    """
    n, height, width, _ = x.shape
    generator = np.random.default_rng(seed)
    top = generator.integers(height - size + 1, size=(n, 1))
    left = generator.integers(width - size + 1, size=(n, 1))
    rows, columns = np.arange(height), np.arange(width)
    in_rows = (rows >= top) & (rows < top + size)  # (n, H)
    in_columns = (columns >= left) & (columns < left + size)  # (n, W)
    hidden = in_rows[:, :, None] & in_columns[:, None, :]  # (n, H, W)
    return np.where(hidden[..., None], x.dtype.type(0), x)


def _class_weights(given: Any, data: ClassificationData) -> NDArray[np.float64]:
    try:
        weights = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.array(np.nan)
    if weights.shape != (data.n_classes,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError(
            f"shift['weights'] must be {data.n_classes} numbers ≥ 0, one a class of {data.name!r} and not all 0, but "
            f"{given!r} was given."
        )
    return weights
