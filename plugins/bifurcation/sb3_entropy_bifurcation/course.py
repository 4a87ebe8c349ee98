"""Where the wall and the goal are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy_bifurcation.geometry import Rectangle
from sb3_entropy_bifurcation.task import Array

Point = tuple[float, float]


def checked_point(name: str, given: Any) -> Point:
    """
    :param name: the argument's name
    :param given: what was given for it
    :return: the two numbers
    :raises TypeError: if it is not a pair, or a number is none
    :raises ValueError: if a number is not finite
    """
    if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray)) or len(given) != 2:
        raise TypeError(f"{name} must be two numbers, but {given!r} was given.")
    for i, number in enumerate(given):
        check_number(f"{name}[{i}]", number)
    return float(given[0]), float(given[1])


@dataclass(frozen=True)
class Course:
    """
    A goal, and a wall before it. The start is (0, 0).

    :param goal: its middle
    :param radius: how near is near enough
    :param wall: what must not be touched
    """

    goal: Point
    radius: float
    wall: Rectangle

    @classmethod
    def checked(cls, goal: Any, radius: Any, wall_x: Any, half_height: Any) -> Self:
        """
        :param goal: the goal's middle (x, y)
        :param radius: its radius
        :param wall_x: the wall's least and greatest x
        :param half_height: it is as far up and as far down
        :return: the course
        :raises TypeError: if one has the wrong type
        :raises ValueError: if one is out of its range, or the goal touches the wall or the start
        """
        middle = checked_point("goal", goal)
        low, high = checked_point("wall_x", wall_x)
        check_number("goal_radius", radius, 0.0, open_low=True)
        check_number("wall_half_height", half_height, 0.0, open_low=True)
        if not 0.0 < low < high:
            raise ValueError(
                f"wall_x must be two numbers with 0 < wall_x[0] < wall_x[1], but {wall_x!r} was given: the start, at "
                "x = 0, is left of the wall."
            )
        course = cls(middle, float(radius), Rectangle((low, -float(half_height)), (high, float(half_height))))
        for what, apart in (
            ("the wall", course.wall.distance(np.array(middle))),
            ("the start", float(np.hypot(*middle))),
        ):
            if apart <= course.radius:
                raise ValueError(
                    f"goal and goal_radius must leave {what} free, but goal={goal!r} is {apart:g} from it, and "
                    f"goal_radius={radius!r}."
                )
        return course

    def distances(self, positions: Array) -> Array:
        """
        :param positions: shape (N, 2)
        :return: how far each is from the goal's middle, shape (N,)
        """
        apart = positions - np.array(self.goal)
        # The root of a sum rounds alike for one and for many, which hypot does not promise.
        squares: Array = apart * apart
        return np.sqrt(squares[:, 0] + squares[:, 1])
