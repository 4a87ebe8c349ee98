"""What a step pays."""

import math
from collections.abc import Sequence
from typing import NamedTuple

#: a step; a metre from the target; a m/s beside its velocity; a rad/s; a unit of |a − a_hover|²; a crash
ALIVE, POSITION, VELOCITY, RATES, EFFORT, CRASH = 1.0, -1.0, -0.1, -0.02, -0.02, -10.0


class Reward(NamedTuple):
    """
    Its terms; they add up to the reward. Over all tasks with the defaults it is at most 1 a step.

    :param alive: 1
    :param position: −1 · ‖position error‖ / m
    :param velocity: −0.1 · ‖velocity error‖ / (m/s)
    :param rates: −0.02 · ‖angular velocity‖ / (rad/s)
    :param effort: −0.02 · ‖a − a_hover‖²
    :param crash: −10 where the episode ends in a crash or because the simulation diverged, else 0
    """

    alive: float
    position: float
    velocity: float
    rates: float
    effort: float
    crash: float


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
    (vx, vy, vz), (p, q, r), (a, b, c, d), (ta, tb, tc, td) = velocity_error, rates, action, trim
    return Reward(
        ALIVE,
        POSITION * distance,
        VELOCITY * math.sqrt(vx * vx + vy * vy + vz * vz),
        RATES * math.sqrt(p * p + q * q + r * r),
        EFFORT * ((a - ta) ** 2 + (b - tb) ** 2 + (c - tc) ** 2 + (d - td) ** 2),
        CRASH if crashed else 0.0,
    )
