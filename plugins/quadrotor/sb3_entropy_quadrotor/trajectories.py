"""
Where the quadrotor should be at a time.

A trajectory is a function of the time t in s: position in m, velocity in m/s and, where there is one, acceleration in
m/s², three numbers each, z upward from the ground.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice
from sb3_entropy_quadrotor.parameters import Vector

#: position, velocity, acceleration
Target = tuple[Vector, Vector, Vector]
Trajectory = Callable[[float], Target]

#: how high the tasks are flown, in m
ALTITUDE = 1.0
#: of the circle, and the half width of the lemniscate, in m; seconds a turn
RADIUS, PERIOD = 0.75, 5.0
#: of the line, in m/s, as in the source
LINE_SPEED = 1.5

_STILL: Vector = (0.0, 0.0, 0.0)
_W = 2 * math.pi / PERIOD


def hover(t: float) -> Target:
    """:return: (0, 0, 1) m, always"""
    return (0.0, 0.0, ALTITUDE), _STILL, _STILL


def line(t: float) -> Target:
    """:return: (1.5 t, 0, 1) m"""
    return (LINE_SPEED * t, 0.0, ALTITUDE), (LINE_SPEED, 0.0, 0.0), _STILL


def circle(t: float) -> Target:
    """:return: R (cos ωt, sin ωt) at 1 m, with R = 0.75 m and ω = 2π/5 s: 0.94 m/s and 1.18 m/s²"""
    c, s = RADIUS * math.cos(_W * t), RADIUS * math.sin(_W * t)
    return (c, s, ALTITUDE), (-_W * s, _W * c, 0.0), (-_W * _W * c, -_W * _W * s, 0.0)


def lemniscate(t: float) -> Target:
    """:return: A (sin ωt, sin ωt cos ωt) at 1 m, with A = 0.75 m and ω = 2π/5 s: up to 1.33 m/s and 2.6 m/s²"""
    s, c = math.sin(_W * t), math.cos(_W * t)
    s2, c2 = 2 * s * c, 2 * c * c - 1  # sin 2ωt, cos 2ωt
    a, v, w = RADIUS, RADIUS * _W, RADIUS * _W * _W
    return (a * s, a / 2 * s2, ALTITUDE), (v * c, v * c2, 0.0), (-w * s, -2 * w * s2, 0.0)


TASKS: dict[str, Trajectory] = {"hover": hover, "line": line, "circle": circle, "lemniscate": lemniscate}


class UserTrajectory:
    """
    A function of somebody's, checked at every call.

    :param function: t → (position, velocity) or (position, velocity, acceleration); without one, 0 is observed
    :raises ValueError: from a call, if it returns anything else, or what is not finite
    """

    def __init__(self, function: Callable[[float], Any]):
        self.function = function

    def __call__(self, t: float) -> Target:
        given = self.function(t)
        parts = list(given) if isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, str) else []
        try:
            vectors = [np.asarray(part, dtype=np.float64) for part in parts]
        except (TypeError, ValueError):
            vectors = []
        if len(vectors) not in {2, 3} or any(v.shape != (3,) or not np.isfinite(v).all() for v in vectors):
            raise ValueError(
                "A trajectory must return (position, velocity) or (position, velocity, acceleration), three finite "
                f"numbers each, but at t = {t:g} s it returned {given!r}."
            )
        numbers = [tuple(vector.tolist()) for vector in vectors]
        return (*numbers, _STILL) if len(numbers) == 2 else tuple(numbers)  # type: ignore[return-value]


class Timetable:
    """
    A trajectory at times that many ask for: each is worked out once, while there are not too many.

    :param trajectory: a function of the time alone
    """

    #: how many times are remembered
    MOST = 4096

    def __init__(self, trajectory: Trajectory):
        self.trajectory = trajectory
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[float, int] = {}
        self._targets: list[Target] = []
        self._numbers = np.zeros((9, 0))

    def at(self, times: Sequence[float]) -> tuple[list[Vector], NDArray[np.float64]]:
        """
        :param times: in s, n of them
        :return: the position at each, and position, velocity and acceleration, shape (9, n)
        :raises ValueError: if the trajectory does not return what it must at one of them
        """
        if len(self._targets) > self.MOST:
            self._forget()
        new = [t for t in dict.fromkeys(times) if t not in self._rows]
        if new:
            found = [self.trajectory(t) for t in new]
            self._rows |= zip(new, range(len(self._targets), len(self._targets) + len(new)), strict=True)
            self._targets += found
            self._numbers = np.hstack([self._numbers, np.array(found).reshape(len(new), 9).T])
        rows = [self._rows[t] for t in times]
        return [self._targets[row][0] for row in rows], self._numbers[:, rows]


def trajectory_of(task: str | Callable[[float], Any]) -> Trajectory:
    """
    :param task: the name of a task, or a function of the time
    :return: the trajectory
    :raises ValueError: if there is no such task, or the function does not return what it must at t = 0
    """
    if callable(task):
        checked = UserTrajectory(task)
        checked(0.0)
        return checked
    check_choice("task", task, TASKS)
    return TASKS[task]
