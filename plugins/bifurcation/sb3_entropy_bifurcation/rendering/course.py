"""How the wall, the goal and the way around look."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_bifurcation.course import Course
from sb3_entropy_bifurcation.rendering.canvas import AGENT, GOOD, INK, PALE, Canvas, Spot
from sb3_entropy_bifurcation.task import Array

#: the longer side of the picture in pixels, and what is shown around start, wall and goal, in units of length
_LONGEST, _MARGIN = 420, 1.5


def course_image(course: Course, path: Sequence[Array]) -> NDArray[np.uint8]:
    """
    The wall dark, the goal green, the start a pale disc, and the way in blue, with a disc where the agent is. The
    picture shows start, wall and goal with 1.5 around them; a way that leaves it is not followed.

    :param course: where wall and goal are
    :param path: the positions of the episode so far
    :return: shape (height, width, 3), 420 the greater of both; (420, 360, 3) by default
    """
    corners = np.array([(0.0, 0.0), course.wall.low, course.wall.high, course.goal])
    low, high = corners.min(axis=0) - _MARGIN, corners.max(axis=0) + _MARGIN
    pixels = _LONGEST / (high - low).max()
    width, height = (round(side) for side in (high - low) * pixels)
    canvas = Canvas(height, width)

    def spot(position: Sequence[float] | Array) -> Spot:
        x, y = float(position[0] - low[0]), float(high[1] - position[1])
        return pixels * x, pixels * y

    canvas.disc(spot((0.0, 0.0)), 7.0, PALE)
    canvas.disc(spot(course.goal), max(pixels * course.radius, 2.0), GOOD)
    left, right = course.wall.low[0], course.wall.high[0]
    canvas.rectangle(spot((left, course.wall.high[1])), spot((right, course.wall.low[1])), INK)
    for start, end in pairwise(path):
        canvas.line(spot(start), spot(end), 2.0, AGENT)
    for position in path[1:-1]:
        canvas.disc(spot(position), 3.0, AGENT)
    for position in path[-1:]:
        canvas.disc(spot(position), 4.0, AGENT)
    return canvas.image()
