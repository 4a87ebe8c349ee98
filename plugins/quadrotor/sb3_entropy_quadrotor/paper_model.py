"""The quadrotor of Zhang, Chang and Gao 2025: the equations of their public code, for one and for many."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

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

#: a number, or one for each environment, shape (N,)
Number = TypeVar("Number", float, NDArray[np.float64])
Function = Callable[[Any], Any]


def advance(state: Sequence[Number], speeds: Sequence[Number], sin: Function, cos: Function) -> list[Number]:
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
    s1, s2, s3, s4 = (w * w for w in speeds)
    lift = KT * (s1 + s2 + s3 + s4) / MASS
    sr, cr, sp, cp, sy, cy = sin(roll), cos(roll), sin(pitch), cos(pitch), sin(yaw), cos(yaw)
    vx = vx + DT * (cr * sp * cy + sr * sy) * lift
    vy = vy + DT * (cr * sp * sy - sr * cy) * lift
    vz = vz + DT * (cr * cp * lift - GRAVITY)
    roll_rate = p + DT * (r * q * (JY - JZ) + ARM * KT * (s1 - s3)) / JX
    pitch_rate = q + DT * (r * p * (JZ - JX) + ARM * KT * (s2 - s4)) / JY
    yaw_rate = r + DT * (q * p * (JX - JY) + ARM * KD * (s1 + s3 - s2 - s4)) / JZ
    return [
        x + DT * vx,
        y + DT * vy,
        z + DT * vz,
        vx,
        vy,
        vz,
        roll + DT * roll_rate,
        pitch + DT * pitch_rate,
        yaw + DT * yaw_rate,
        roll_rate,
        pitch_rate,
        yaw_rate,
    ]


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
    return [*(STARTS * generator.uniform(-1.0, 1.0, 6)).tolist(), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
