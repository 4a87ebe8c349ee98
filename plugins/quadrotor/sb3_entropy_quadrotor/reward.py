"""What a step pays."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: a step; a metre from the target; a m/s beside its velocity; a rad/s; a unit of |a − a_hover|²; a crash
ALIVE, POSITION, VELOCITY, RATES, EFFORT, CRASH = 1.0, -1.0, -0.1, -0.02, -0.02, -10.0


class Reward(NamedTuple):
    """
    Its terms, numbers or arrays of shape (N,); they add up to the reward. Over all tasks with the defaults it is at
    most 1 a step.

    :param alive: 1
    :param position: −1 · ‖position error‖ / m
    :param velocity: −0.1 · ‖velocity error‖ / (m/s)
    :param rates: −0.02 · ‖angular velocity‖ / (rad/s)
    :param effort: −0.02 · ‖a − a_hover‖²
    :param crash: −10 where the episode ends in a crash or because the simulation diverged, else 0
    """

    alive: Any
    position: Any
    velocity: Any
    rates: Any
    effort: Any
    crash: Any

    @property
    def total(self) -> Any:
        """:return: their sum, from left to right"""
        return self.alive + self.position + self.velocity + self.rates + self.effort + self.crash


def reward_of(
    distance: float,
    velocity_error: Sequence[float],
    rates: Sequence[float],
    action: Sequence[float],
    trim: Sequence[float],
    crashed: bool,
) -> Reward:
    """
    :param distance: from the target, in m
    :param velocity_error: in m/s, three numbers
    :param rates: in rad/s, three numbers
    :param action: in [−1, 1]⁴
    :param trim: the action of hovering
    :param crashed: whether the episode ends in a crash
    :return: the terms
    """
    (vx, vy, vz), (p, q, r) = velocity_error, rates
    a, b, c, d = (asked - hovering for asked, hovering in zip(action, trim, strict=True))
    return Reward(
        ALIVE,
        POSITION * distance,
        VELOCITY * math.sqrt(vx * vx + vy * vy + vz * vz),
        RATES * math.sqrt(p * p + q * q + r * r),
        EFFORT * (a * a + b * b + c * c + d * d),
        CRASH if crashed else 0.0,
    )


def rewards_of(
    distances: NDArray[np.float64],
    velocity_errors: NDArray[np.float64],
    rates: NDArray[np.float64],
    efforts: NDArray[np.float64],
    crashed: NDArray[np.bool_],
) -> Reward:
    """
    The same of many, to the bit.

    :param distances: from the target, in m, shape (N,)
    :param velocity_errors: in m/s, shape (3, N)
    :param rates: in rad/s, shape (3, N)
    :param efforts: actions less that of hovering, shape (4, N)
    :param crashed: whether the episode ends in a crash, shape (N,)
    :return: the terms
    """
    (vx, vy, vz), (p, q, r), (a, b, c, d) = velocity_errors, rates, efforts
    return Reward(
        np.full(len(distances), ALIVE),
        POSITION * distances,
        VELOCITY * np.sqrt(vx * vx + vy * vy + vz * vz),
        RATES * np.sqrt(p * p + q * q + r * r),
        EFFORT * (a * a + b * b + c * c + d * d),
        np.where(crashed, CRASH, 0.0),
    )
