"""What the agent sees of the contexts that a task has stored."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

SMALLEST_SIDE = 36  # of an image that Stable-Baselines3's NatureCNN can take: its three convolutions leave 1 × 1 of it


class Observer(Protocol):
    """A view of stored contexts."""

    @property
    def space(self) -> spaces.Box:
        """What is seen of one context."""

    def observe(self, values: NDArray[Any]) -> NDArray[Any]:
        """
        :param values: stored contexts, shape (n, …), which nobody else holds
        :return: what is seen of them, shape (n, …), a fresh array or ``values`` itself
        """

    def picture(self, value: NDArray[Any]) -> NDArray[np.uint8]:
        """
        :param value: one stored context
        :return: it as an image in grey or colour, shape (height, width, 3)
        """


@dataclass(frozen=True)
class FlatObserver:
    """
    The pixels of an image in a row, x/scale ∈ [0, 1].

    :param image_shape: (H, W, C)
    :param scale: the pixels' largest value
    """

    image_shape: tuple[int, int, int]
    scale: float

    @property
    def space(self) -> spaces.Box:
        """[0, 1]^HWC, float32"""
        return spaces.Box(0.0, 1.0, (int(np.prod(self.image_shape)),), np.float32)

    def observe(self, values: NDArray[Any]) -> NDArray[Any]:
        """:return: shape (n, HWC)"""
        flat = values.reshape(len(values), -1)
        shares: NDArray[np.float32] = np.divide(flat, np.float32(self.scale), dtype=np.float32)
        return shares

    def picture(self, value: NDArray[Any]) -> NDArray[np.uint8]:
        """:return: the image, enlarged"""
        return _enlarged(_bytes(value, self.scale))


@dataclass(frozen=True)
class ImageObserver:
    """
    An image for convolutions: channels first, values 0–255, and both sides at least 36 pixels long, because smaller
    ones vanish in NatureCNN. Each pixel is repeated as often as it fits into 36, and the rest is filled with black
    around it: 8 × 8 becomes 32 × 32 in 36 × 36, while 28 × 28 and 32 × 32 are only framed. Nothing is interpolated.

    :param image_shape: (H, W, C)
    :param scale: the pixels' largest value, which becomes 255
    """

    image_shape: tuple[int, int, int]
    scale: float

    @property
    def space(self) -> spaces.Box:
        """0–255, shape (C, height, width), uint8"""
        return spaces.Box(0, 255, (self.image_shape[2], *self._sides), np.uint8)

    def observe(self, values: NDArray[Any]) -> NDArray[Any]:
        """:return: shape (n, C, height, width)"""
        pixels = _bytes(values, self.scale).transpose(0, 3, 1, 2)
        if self._factor > 1:
            pixels = pixels.repeat(self._factor, axis=2).repeat(self._factor, axis=3)
        framed = np.zeros((*pixels.shape[:2], *self._sides), dtype=np.uint8)
        top, left = ((framed.shape[axis] - pixels.shape[axis]) // 2 for axis in (2, 3))
        framed[:, :, top : top + pixels.shape[2], left : left + pixels.shape[3]] = pixels
        return framed

    def picture(self, value: NDArray[Any]) -> NDArray[np.uint8]:
        """:return: the image, enlarged"""
        return _enlarged(_bytes(value, self.scale))

    @property
    def _factor(self) -> int:
        return max(1, SMALLEST_SIDE // max(self.image_shape[:2]))

    @property
    def _sides(self) -> tuple[int, int]:
        height, width, _ = self.image_shape
        return max(SMALLEST_SIDE, self._factor * height), max(SMALLEST_SIDE, self._factor * width)


@dataclass(frozen=True)
class FeatureObserver:
    """
    The stored numbers themselves.

    :param n_features: d
    :param low: a bound below all of them
    :param high: a bound above all of them
    """

    n_features: int
    low: float
    high: float

    @property
    def space(self) -> spaces.Box:
        """[low, high]^d, float32"""
        return spaces.Box(self.low, self.high, (self.n_features,), np.float32)

    def observe(self, values: NDArray[Any]) -> NDArray[Any]:
        """:return: shape (n, d)"""
        return values

    def picture(self, value: NDArray[Any]) -> NDArray[np.uint8]:
        """:return: a row of grey cells, from black, the least of the numbers, to white, the greatest"""
        spread = value - value.min()
        return _enlarged(_bytes(spread.reshape(1, -1, 1), float(spread.max()) or 1.0))


def _bytes(values: NDArray[Any], scale: float) -> NDArray[np.uint8]:
    if values.dtype == np.uint8 and scale == 255:
        return values
    return np.rint(values * np.float32(255 / scale)).astype(np.uint8)


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, channels = image.shape
    factor = max(1, 256 // max(height, width))
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    return large.repeat(3, axis=2) if channels == 1 else large
