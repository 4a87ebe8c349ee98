"""Discs, lines, rectangles and numbers on an image."""

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Spot = tuple[float, float]

PAPER: Colour = (250, 250, 250)
INK: Colour = (60, 60, 60)
PALE: Colour = (205, 205, 205)
AGENT: Colour = (45, 95, 170)
GOOD: Colour = (80, 160, 90)
BAD: Colour = (225, 110, 100)

#: rows of five pixels, as the bits of a number each
_GLYPHS = {
    "0": (14, 17, 17, 17, 17, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "+": (0, 4, 4, 31, 4, 4, 0),
    "-": (0, 0, 0, 31, 0, 0, 0),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "e": (0, 0, 14, 17, 31, 16, 14),
}


class Canvas:
    """
    An image that shapes are laid on, with soft edges of one pixel. A spot is (x, y) in pixels, y downward.

    :param height: in pixels
    :param width: in pixels
    """

    def __init__(self, height: int, width: int):
        self.pixels: NDArray[np.float64] = np.full((height, width, 3), PAPER, dtype=np.float64)

    def image(self) -> NDArray[np.uint8]:
        """:return: what has been drawn, shape (height, width, 3)"""
        return np.rint(self.pixels).astype(np.uint8)

    def disc(self, middle: Spot, radius: float, colour: Colour) -> None:
        """
        :param middle: its middle
        :param radius: in pixels
        :param colour: what it is filled with
        """
        self.line(middle, middle, 2 * radius, colour)

    def line(self, start: Spot, end: Spot, width: float, colour: Colour) -> None:
        """
        :param start: one end
        :param end: the other
        :param width: in pixels; the ends are round
        :param colour: its colour
        """
        height, breadth = self.pixels.shape[:2]
        reach = width / 2 + 1
        left, right = (_whole(bound, breadth) for bound in _spread(start[0], end[0], reach))
        top, bottom = (_whole(bound, height) for bound in _spread(start[1], end[1], reach))
        y, x = np.mgrid[top:bottom, left:right].astype(np.float64)
        along = (end[0] - start[0], end[1] - start[1])
        length = along[0] ** 2 + along[1] ** 2
        t = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length if length else np.zeros_like(x)
        t = np.clip(t, 0.0, 1.0)
        distance = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
        cover = np.clip(width / 2 - distance + 0.5, 0.0, 1.0)[..., None]
        patch = self.pixels[top:bottom, left:right]
        patch[...] = cover * np.array(colour) + (1.0 - cover) * patch

    def rectangle(self, start: Spot, end: Spot, colour: Colour) -> None:
        """
        :param start: the upper left corner
        :param end: the lower right one; at least one pixel is painted
        :param colour: what it is filled with
        """
        height, breadth = self.pixels.shape[:2]
        left, top = _whole(start[0], breadth), _whole(start[1], height)
        right, bottom = max(_whole(end[0], breadth), left + 1), max(_whole(end[1], height), top + 1)
        self.pixels[top:bottom, left:right] = colour

    def number(self, text: str, middle: Spot, scale: int, colour: Colour) -> None:
        """
        :param text: digits, signs, point and e
        :param middle: the middle of what is written
        :param scale: pixels a pixel of the letters, which are 5 wide and 7 high
        :param colour: its colour
        """
        bits = [[[row >> (4 - i) & 1 for i in range(5)] + [0] for row in _GLYPHS[letter]] for letter in text]
        stencil = np.kron(np.concatenate(bits, axis=1)[:, :-1], np.ones((scale, scale))) > 0
        top, left = round(middle[1] - stencil.shape[0] / 2), round(middle[0] - stencil.shape[1] / 2)
        rows, columns = np.nonzero(stencil)
        rows, columns = rows + top, columns + left
        seen = (rows >= 0) & (rows < len(self.pixels)) & (columns >= 0) & (columns < self.pixels.shape[1])
        self.pixels[rows[seen], columns[seen]] = colour


def _spread(one: float, other: float, reach: float) -> tuple[float, float]:
    return min(one, other) - reach, max(one, other) + reach


def _whole(bound: float, most: int) -> int:
    """:return: the bound in whole pixels, on the image"""
    return round(min(max(bound, 0.0), float(most)))
