"""The quadrotor of Zhang, Chang and Gao 2025: the equations of their public code, for one and for many."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_quadrotor.actions import RANGES
from sb3_entropy_quadrotor.parameters import GRAVITY

#: kg, kg m², N s², N m s², m, s
MASS, JX, JY, JZ, KT, KD, ARM, DT = 0.65, 0.75, 0.75, 1.3, 0.313, 7.5e-4, 0.23, 0.1
#: rotor speeds are 0 to this
MOST_SPEED = 10.0
#: each rotor's when it hovers
HOVER_SPEED = math.sqrt(MASS * GRAVITY / (4 * KT))
#: of the target along x, in m/s
TARGET_SPEED = 1.5
#: position, velocity, and what else is drawn: ± in m and m/s
STARTS = np.array([0.1, 0.1, 1.0, 0.1, 0.1, 0.1])

Array = NDArray[np.float64]
#: a number, or one for each environment, shape (N,)
Number = TypeVar("Number", float, Array)
Function = Callable[[Any], Any]


class Coefficients(NamedTuple):
    """
    Of what a step of 0.1 s changes, numbers or arrays without axes, which NumPy takes faster than numbers.

    :param lift: Δt k_T/m, of Σ w²
    :param fall: Δt g
    :param gyro_x: Δt (Jy − Jz)/Jx, of r q
    :param gyro_y: Δt (Jz − Jx)/Jy, of r p
    :param gyro_z: Δt (Jx − Jy)/Jz, of q p
    :param tilt_x: Δt L k_T/Jx, of w₁² − w₃²
    :param tilt_y: Δt L k_T/Jy, of w₂² − w₄²
    :param twist: Δt L k_D/Jz, of w₁² + w₃² − w₂² − w₄²
    """

    lift: Any = DT * KT / MASS
    fall: Any = DT * GRAVITY
    gyro_x: Any = DT * (JY - JZ) / JX
    gyro_y: Any = DT * (JZ - JX) / JY
    gyro_z: Any = DT * (JX - JY) / JZ
    tilt_x: Any = DT * ARM * KT / JX
    tilt_y: Any = DT * ARM * KT / JY
    twist: Any = DT * ARM * KD / JZ


ONE = Coefficients()
MANY = Coefficients(*map(np.array, ONE))


def advance(state: Sequence[float], speeds: Sequence[float], sin: Function, cos: Function) -> list[float]:
    """
    A step of 0.1 s, semi-implicit Euler, as in the source:

    - u₁ = k_T Σ w², u₂ = k_T (w₁² − w₃²), u₃ = k_T (w₂² − w₄²), u₄ = k_D (w₁² + w₃² − w₂² − w₄²);
    - v' = v + Δt (u₁ R e₃/m − g e₃), x' = x + Δt v', R = Rz(yaw) Ry(pitch) Rx(roll);
    - roll rate: Δt (r q (Jy − Jz) + L u₂)/Jx; pitch rate: Δt (r p (Jz − Jx) + L u₃)/Jy; yaw rate: Δt (q p (Jx − Jy) +
      L u₄)/Jz; each angle: Δt times its new rate, as if Euler angles' rates were the body's.

    :param state: x, y, z in m; vx, vy, vz in m/s; roll, pitch, yaw in rad; p, q, r in rad/s
    :param speeds: w₁ to w₄, of the rotors, in [0, 10]
    :param sin: of numbers as they are given
    :param cos: of numbers as they are given
    :return: the next state
    """
    x, y, z, vx, vy, vz, roll, pitch, yaw, p, q, r = state
    a, b, c, d = speeds
    vx, vy, vz, p, q, r = _pushed(
        (vx, vy, vz, p, q, r),
        (sin(roll), sin(pitch), sin(yaw)),
        (cos(roll), cos(pitch), cos(yaw)),
        (a * a, b * b, c * c, d * d),
        ONE,
    )
    return [
        x + DT * vx, y + DT * vy, z + DT * vz, vx, vy, vz,
        roll + DT * p, pitch + DT * q, yaw + DT * r, p, q, r,
    ]  # fmt: skip


def advance_all(states: Array, speeds: Array) -> Array:
    """
    :func:`advance` of many.

    :param states: shape (12, N)
    :param speeds: shape (4, N)
    :return: the next states, shape (12, N)
    """
    positions, velocities, angles, rates = states[:3], states[3:6], states[6:9], states[9:]
    pushed = np.array(_pushed((*velocities, *rates), np.sin(angles), np.cos(angles), speeds * speeds, MANY))
    velocities, rates = pushed[:3], pushed[3:]
    return np.concatenate((positions + DT * velocities, velocities, angles + DT * rates, rates))


def _pushed(
    velocities: Iterable[Number],
    sines: Iterable[Number],
    cosines: Iterable[Number],
    squares: Iterable[Number],
    c: Coefficients,
) -> tuple[Number, Number, Number, Number, Number, Number]:
    """
    :param velocities: vx, vy, vz, p, q, r
    :param sines: of roll, pitch and yaw
    :param cosines: of roll, pitch and yaw
    :param squares: w², of the rotors
    :param c: of the step
    :return: the next velocities
    """
    vx, vy, vz, p, q, r = velocities
    (sr, sp, sy), (cr, cp, cy), (s1, s2, s3, s4) = sines, cosines, squares
    first, second, leaning = s1 + s3, s2 + s4, cr * sp
    lift = c.lift * (first + second)
    return (
        vx + (leaning * cy + sr * sy) * lift,
        vy + (leaning * sy - sr * cy) * lift,
        vz + (cr * cp * lift - c.fall),
        p + (r * q * c.gyro_x + c.tilt_x * (s1 - s3)),
        q + (r * p * c.gyro_y + c.tilt_y * (s2 - s4)),
        r + (q * p * c.gyro_z + c.twist * (first - second)),
    )


def speeds_range(reach: str, span: float) -> tuple[float, float]:
    """
    :param reach: ``"full"`` or ``"hover"``
    :param span: of ``"hover"``, in (0, 1]
    :return: (c, k) of w = c + k a: (5, 5), or (w_h, s w_h) with w_h = √(m g/4 k_T) = 2.257
    :raises ValueError: if there is no such range, or the span is out of its own
    """
    check_choice("action_range", reach, RANGES)
    check_number("span", span, 0.0, 1.0, open_low=True)
    return (MOST_SPEED / 2, MOST_SPEED / 2) if reach == "full" else (HOVER_SPEED, span * HOVER_SPEED)


def target_at(steps: Any) -> Any:
    """
    :param steps: how many have been made, at least 0
    :return: x of the target, in m. In the source it is moved on after it has been looked at, so that it is one step
        late, but for the first
    """
    return TARGET_SPEED * DT * np.maximum(steps - 1, 0)


def drawn_state(generator: np.random.Generator) -> list[float]:
    """
    :param generator: of the environment
    :return: a first state: position within ±(0.1, 0.1, 1) m, velocity within ±0.1 m/s, level and not turning
    """
    return [*scattered(generator.random(6)).tolist(), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def scattered(uniform: Array) -> Array:
    """
    :param uniform: six numbers in [0, 1), or rows of them
    :return: first positions and velocities, of the same shape
    """
    return np.asarray(STARTS * (2.0 * uniform - 1.0))
