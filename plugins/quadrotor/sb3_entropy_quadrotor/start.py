"""Where an episode begins."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sb3_entropy.errors import check_number, unknown
from sb3_entropy_quadrotor.parameters import Vector
from sb3_entropy_quadrotor.trajectories import Trajectory

#: how far from the target, in m, m/s, rad and rad/s, each component uniform within ±
POSITION, VELOCITY, ANGLES, RATES = 0.1, 0.1, 0.1, 0.1
#: the most that an option may ask for, in m, m/s, rad and rad/s
_MOST = {"position": 100.0, "velocity": 30.0, "angles": 3.2, "rates": 50.0}


class Start(NamedTuple):
    """
    :param time: in s
    :param position: in m
    :param velocity: in m/s
    :param angles: roll, pitch, yaw in rad
    :param rates: about the body's axes, in rad/s
    """

    time: float
    position: Vector
    velocity: Vector
    angles: Vector
    rates: Vector


def start_of(trajectory: Trajectory, generator: np.random.Generator, options: Mapping[str, Any]) -> Start:
    """
    Twelve numbers are drawn, whatever the options.

    :param trajectory: what is followed
    :param generator: of the start
    :param options: ``time``, ``position``, ``velocity``, ``angles``, ``rates``, each in place of what would be drawn
    :return: the start
    :raises TypeError: if an option is not of numbers
    :raises ValueError: if there is no such option, or a number is out of its range
    """
    for name in options:
        if name not in Start._fields:
            raise ValueError(unknown("option of reset()", name, Start._fields))
    time = options.get("time", 0.0)
    check_number('options["time"]', time, 0.0)
    position, velocity, _ = trajectory(float(time))
    drawn = generator.uniform(-1.0, 1.0, 12).tolist()
    found: dict[str, Any] = {
        "position": [p + POSITION * u for p, u in zip(position, drawn[:3], strict=True)],
        "velocity": [v + VELOCITY * u for v, u in zip(velocity, drawn[3:6], strict=True)],
        "angles": [ANGLES * u for u in drawn[6:9]],
        "rates": [RATES * u for u in drawn[9:]],
    }
    for name, most in _MOST.items():
        if name in options:
            found[name] = _vector(name, options[name], most)
    return Start(float(time), **{name: tuple(numbers) for name, numbers in found.items()})


def _vector(name: str, given: Any, most: float) -> list[float]:
    if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray)) or len(given) != 3:
        raise TypeError(f'options["{name}"] must be three numbers, but {given!r} was given.')
    for i, number in enumerate(given):
        check_number(f'options["{name}"][{i}]', number, -most, most)
    return [float(number) for number in given]
