"""How a car on a track looks."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_vehicle.car import Car
from sb3_entropy_vehicle.numerics import FLOATS, State
from sb3_entropy_vehicle.rendering.canvas import AGENT, BAD, GRASS, INK, PAINT, ROAD, Canvas, Spot
from sb3_entropy_vehicle.track import Track

#: the longer side of the picture in pixels, how much beside the track is shown in m, and how far apart corners are in m
_LONGEST, _MARGIN, _STRIDE = 640, 6.0, 1.0


def road_image(track: Track, half_width: float, car: Car, path: Sequence[State]) -> NDArray[np.uint8]:
    """
    The road grey, its middle white, the car's way red, and the car blue with its front wheels as they are turned. The
    picture shows the whole track; an open one also where the car is beyond its end.

    :param track: where it is to drive
    :param half_width: of the road, in m
    :param car: how large it is
    :param path: the states of the episode so far
    :return: shape (height, width, 3), 640 the greater of both
    """
    end = track.length
    if not track.closed and path:
        end = max(end, float(path[-1][8]))
    corners = [track.at(s, FLOATS)[:2] for s in np.linspace(0.0, end, max(round(end / _STRIDE), 2) + 1).tolist()]
    points, margin = np.array(corners), half_width + _MARGIN
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    canvas = Canvas((low[0], low[1]), (high[0], high[1]), _LONGEST, GRASS)
    canvas.path(corners, 2.0 * half_width * canvas.scale, ROAD)
    canvas.path(corners, 1.5, PAINT)
    canvas.path([(float(state[0]), float(state[1])) for state in path], 1.5, BAD)
    if path:
        x, y, psi, _, _, _, delta, _ = (float(number) for number in path[-1][:8])
        _car(canvas, (x, y), psi, delta, car)
    return canvas.image()


def _car(canvas: Canvas, middle: Spot, psi: float, delta: float, car: Car) -> None:
    ahead = (math.cos(psi), math.sin(psi))

    def spot(along: float, left: float) -> Spot:
        return middle[0] + along * ahead[0] - left * ahead[1], middle[1] + along * ahead[1] + left * ahead[0]

    thick = max(0.3 * canvas.scale, 2.0)
    for along, turn in ((car.front, delta), (-car.rear, 0.0)):
        for side in (-0.5, 0.5):
            x, y = spot(along, side * car.width)
            dx, dy = 0.5 * math.cos(psi + turn), 0.5 * math.sin(psi + turn)
            canvas.line((x - dx, y - dy), (x + dx, y + dy), thick, INK)
    nose = (car.length + car.front - car.rear) / 2.0
    canvas.line(spot(nose - car.length, 0.0), spot(nose, 0.0), car.width * canvas.scale, AGENT, square=True)
