"""How the source's vehicle looks behind its target."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_vehicle.numerics import State
from sb3_entropy_vehicle.rendering.canvas import AGENT, BAD, GOOD, GRASS, PAINT, Canvas, Spot

_LONGEST, _HALF = 480, 20.0


def chase_image(radius: float, length: float, path: Sequence[State], target: Spot | None) -> NDArray[np.uint8]:
    """
    The circle white, the target green, the car blue and its way red; 20 m about the circle's middle are shown.

    :param radius: of the circle about (0, 0), in m
    :param length: of the car, in m
    :param path: the states of the episode so far
    :param target: where the target is, in m
    :return: shape (480, 480, 3)
    """
    canvas = Canvas((-_HALF, -_HALF), (_HALF, _HALF), _LONGEST, GRASS)
    canvas.ring((0.0, 0.0), radius, 3.0, PAINT)
    canvas.path([(float(state[0]), float(state[1])) for state in path], 1.5, BAD)
    if target is not None:
        canvas.disc(target, 6.0, GOOD)
    if path:
        x, y, psi = (float(number) for number in path[-1][:3])
        dx, dy = length / 2.0 * math.cos(psi), length / 2.0 * math.sin(psi)
        canvas.line((x - dx, y - dy), (x + dx, y + dy), canvas.scale, AGENT, square=True)
    return canvas.image()
