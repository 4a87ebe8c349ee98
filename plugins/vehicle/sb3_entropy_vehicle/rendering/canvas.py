"""Thick lines on an image, and where a place of the plane is on it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Spot = tuple[float, float]

GRASS: Colour = (222, 232, 214)
ROAD: Colour = (190, 190, 192)
PAINT: Colour = (250, 250, 250)
INK: Colour = (60, 60, 60)
AGENT: Colour = (45, 95, 170)
GOOD: Colour = (80, 160, 90)
BAD: Colour = (225, 110, 100)


class Canvas:
    """
    An image of a rectangle of the plane, y upward, that shapes with soft edges of one pixel are laid on.

    :param low: the rectangle's lower left corner, in m
    :param high: its upper right one
    :param longest: its longer side in pixels
    :param paper: what it is filled with
    """

    def __init__(self, low: Spot, high: Spot, longest: int, paper: Colour):
        self.scale = longest / max(high[0] - low[0], high[1] - low[1])
        self._left, self._top = low[0], high[1]
        shape = (round((high[1] - low[1]) * self.scale), round((high[0] - low[0]) * self.scale), 3)
        self.pixels: NDArray[np.float64] = np.full(shape, paper, dtype=np.float64)

    def image(self) -> NDArray[np.uint8]:
        """:return: what has been drawn, shape (height, width, 3)"""
        return np.rint(self.pixels).astype(np.uint8)

    def disc(self, middle: Spot, radius: float, colour: Colour) -> None:
        """
        :param middle: its middle, in m
        :param radius: in pixels
        :param colour: what it is filled with
        """
        self.line(middle, middle, 2.0 * radius, colour)

    def path(self, spots: Sequence[Spot], width: float, colour: Colour) -> None:
        """
        :param spots: the corners of a line, in m
        :param width: in pixels
        :param colour: its colour
        """
        for start, end in pairwise(spots):
            self.line(start, end, width, colour)

    def line(self, start: Spot, end: Spot, width: float, colour: Colour, square: bool = False) -> None:
        """
        :param start: one end, in m
        :param end: the other
        :param width: in pixels
        :param colour: its colour
        :param square: whether its ends are cut square; or are round
        """
        x0, y0 = (start[0] - self._left) * self.scale, (self._top - start[1]) * self.scale
        x1, y1 = (end[0] - self._left) * self.scale, (self._top - end[1]) * self.scale
        height, breadth = self.pixels.shape[:2]
        reach = width / 2 + 1
        left, right = _whole(min(x0, x1) - reach, breadth), _whole(max(x0, x1) + reach, breadth)
        top, bottom = _whole(min(y0, y1) - reach, height), _whole(max(y0, y1) + reach, height)
        if left >= right or top >= bottom:
            return
        y, x = np.mgrid[top:bottom, left:right] + 0.5
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        t = ((x - x0) * dx + (y - y0) * dy) / length if length else np.zeros_like(x)
        held = np.clip(t, 0.0, 1.0)
        distance = np.hypot(x - x0 - held * dx, y - y0 - held * dy)
        cover = np.clip(width / 2 - distance + 0.5, 0.0, 1.0)
        if square:
            cover = np.where(t == held, cover, 0.0)
        patch = self.pixels[top:bottom, left:right]
        patch[...] = cover[..., None] * np.array(colour) + (1.0 - cover[..., None]) * patch

    def ring(self, middle: Spot, radius: float, width: float, colour: Colour) -> None:
        """
        :param middle: its middle, in m
        :param radius: in m
        :param width: in pixels
        :param colour: its colour
        """
        y, x = np.mgrid[: self.pixels.shape[0], : self.pixels.shape[1]] + 0.5
        away = np.hypot(x / self.scale + self._left - middle[0], self._top - y / self.scale - middle[1])
        cover = np.clip(width / 2 - abs(away - radius) * self.scale + 0.5, 0.0, 1.0)[..., None]
        self.pixels[...] = cover * np.array(colour) + (1.0 - cover) * self.pixels


def _whole(bound: float, most: int) -> int:
    """:return: the bound in whole pixels, on the image"""
    return round(min(max(bound, 0.0), float(most)))
