"""A classification data set whose images or rows are contexts and whose classes are actions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sb3_entropy.errors import check_number

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClassificationData:
    """
    Contexts x and labels y in {0, …, K−1}, for training and for testing.

    The arrays are kept as read-only copies: one data set may serve many environments of a process.

    :param name: what it is called in messages and figures; a subset or unverified files say so here
    :param x_train: contexts: images of shape (N, H, W, C) in uint8, or rows of shape (N, d) in float32
    :param y_train: labels, shape (N,), int64
    :param x_test: contexts never trained on, shape (M, H, W, C) or (M, d)
    :param y_test: their labels, shape (M,), int64
    :param n_classes: K ≥ 2
    :param scale: what x is divided by to lie in [0, 1]: 255 for images of bytes, 16 for digits, 1 for rows
    :param image_shape: (H, W, C), or None for rows
    :raises TypeError: if a field is of another type
    :raises ValueError: if a shape, a length, a label or a value is not as above
    """

    name: str
    x_train: Array
    y_train: Labels
    x_test: Array
    y_test: Labels
    n_classes: int
    scale: float
    image_shape: tuple[int, int, int] | None

    def __post_init__(self) -> None:
        check_number("n_classes", self.n_classes, low=2, integer=True)
        check_number("scale", self.scale, low=0, open_low=True)
        for part in ("train", "test"):
            x = self._read_only(f"x_{part}")
            y = self._read_only(f"y_{part}")
            self._check_contexts(f"x_{part}", x)
            if y.dtype != np.int64 or y.shape != (len(x),):
                raise ValueError(
                    f"y_{part} of {self.name!r} must be int64 of shape ({len(x)},), one label for each of x_{part}, "
                    f"but is {y.dtype} of shape {y.shape}."
                )
            check_labels(y, self.n_classes, f"y_{part} of {self.name!r}")
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise ValueError(
                f"x_train and x_test of {self.name!r} must have the same shape but for the first dimension, but they "
                f"are {self.x_train.shape} and {self.x_test.shape}."
            )

    def _read_only(self, field: str) -> Array:
        given = getattr(self, field)
        if not isinstance(given, np.ndarray):
            raise TypeError(
                f"{field} of {self.name!r} must be a NumPy array, but a {type(given).__name__} was given. "
                f"np.asarray makes one."
            )
        if np.ma.is_masked(given):
            raise ValueError(f"{field} of {self.name!r} has masked entries. Fill or drop them first.")
        kept = np.array(given)  # a view would change with the array that was given
        kept.flags.writeable = False
        object.__setattr__(self, field, kept)
        return kept

    def _check_contexts(self, field: str, x: Array) -> None:
        if self.image_shape is None:
            wanted, fits = "float32 of shape (N, d), d ≥ 1", x.dtype == np.float32 and x.ndim == 2 and x.size > 0
        else:
            wanted = f"uint8 of shape (N, {', '.join(map(str, self.image_shape))})"
            fits = x.dtype == np.uint8 and x.shape[1:] == self.image_shape and len(self.image_shape) == 3 and x.size > 0
        if not fits:
            raise ValueError(
                f"{field} of {self.name!r} must be {wanted}, N ≥ 1, but is {x.dtype} of shape {x.shape}. "
                "Images need image_shape=(H, W, C), rows image_shape=None."
            )
        bad = np.argwhere(~np.isfinite(x)) if x.ndim == 2 else np.empty((0, 2), dtype=np.int64)
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"{field} of {self.name!r} must be finite, but {x[row, column]} stands in row {row}, column {column} "
                f"(and {len(bad) - 1} more). Fill or drop them first."
            )


def check_labels(y: Array, n_classes: int, where: object) -> None:
    """
    :param y: whole numbers, shape (N,)
    :param n_classes: K
    :param where: the file or field that they come from
    :raises ValueError: if one of them is not among 0, …, K−1
    """
    outside = np.flatnonzero((y < 0) | (y >= n_classes))
    if len(outside):
        first = int(outside[0])
        raise ValueError(
            f"The labels in {where} must be whole numbers between 0 and {n_classes - 1}, but label {int(y[first])} "
            f"stands at index {first} (and {len(outside) - 1} more are outside). Number the classes from 0, or give "
            "the right n_classes."
        )
