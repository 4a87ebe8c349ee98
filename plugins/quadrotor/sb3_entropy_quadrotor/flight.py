"""The rigid body in MuJoCo."""

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from sb3_entropy_quadrotor.mjcf import SUBSTEPS, flight_model
from sb3_entropy_quadrotor.parameters import Airframe

#: what no sound simulation reaches, in m/s or rad/s
MOST = 1e3

#: of a float, or of an array for many
Number = TypeVar("Number", float, NDArray[np.float64])


class Flight:
    """
    Semi-implicit Euler with steps of 4 ms; drag is implicit, the motors' lag exact.

    :param airframe: the quadrotor
    :param ideal: whether the controls are a wrench, not thrusts
    :param motor_time: of the thrusts, in s
    :param drag: in N s/m
    """

    def __init__(self, airframe: Airframe, ideal: bool, motor_time: float, drag: float):
        self.airframe, self.drag = airframe, drag
        self.lagging = motor_time > 0 and not ideal
        self.model: Any = mujoco.MjModel.from_xml_string(flight_model(airframe, ideal, motor_time))
        self.model.dof_damping[:3] = drag
        self.data: Any = mujoco.MjData(self.model)
        self._look()

    def _look(self) -> None:
        data = self.data
        self._qpos, self._qvel, self._ctrl, self._push = data.qpos, data.qvel, data.ctrl, data.qfrc_applied[:3]

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        for view in ("_qpos", "_qvel", "_ctrl", "_push"):
            del kept[view]
        return kept

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._look()

    def become(self, mass: float, inertia: Sequence[float]) -> None:
        """
        :param mass: in kg
        :param inertia: in kg m²
        """
        self.model.body_mass[1], self.model.body_inertia[1] = mass, inertia
        mujoco.mj_setConst(self.model, self.data)

    def place(
        self,
        position: Sequence[float],
        quaternion: Sequence[float],
        velocity: Sequence[float],
        rates: Sequence[float],
        thrusts: Sequence[float],
    ) -> None:
        """
        :param position: in m
        :param quaternion: (w, x, y, z), from the body to the world
        :param velocity: in the world, in m/s
        :param rates: about the body's axes, in rad/s
        :param thrusts: what the rotors have, in N; of no account without a lag
        """
        mujoco.mj_resetData(self.model, self.data)
        self._qpos[:3], self._qpos[3:] = position, quaternion
        self._qvel[:3], self._qvel[3:] = velocity, rates
        if self.lagging:
            self.data.act[:] = thrusts

    def advance(self, controls: Sequence[float], wind: Sequence[float] | None) -> bool:
        """
        A control step.

        :param controls: wrench or thrusts
        :param wind: in m/s
        :return: whether the state is sound: finite, and not beyond what any flight reaches
        """
        self._ctrl[:] = controls
        if wind is not None:
            x, y, z = wind
            self._push[:] = (self.drag * x, self.drag * y, self.drag * z)
        mujoco.mj_step(self.model, self.data, SUBSTEPS)
        # The greatest and the sum are no numbers if one is none. Positions may be as far away as the target is.
        return bool(np.abs(self._qvel).max() < MOST) and math.isfinite(self._qpos.sum())

    def state(self) -> tuple[list[float], list[float]]:
        """:return: position and quaternion (w, x, y, z); velocity, and rates about the body's axes"""
        return self._qpos.tolist(), self._qvel.tolist()

    def thrusts(self) -> NDArray[np.float64]:
        """:return: what the rotors have, in N, shape (4,); without a lag what they are commanded"""
        found: NDArray[np.float64] = np.array(self.data.act if self.lagging else self.data.ctrl)
        return found


def turned(
    w: Number, x: Number, y: Number, z: Number, a: Number, b: Number, c: Number
) -> tuple[Number, Number, Number, Number]:
    """
    :param w: of a quaternion q
    :param x: of it
    :param y: of it
    :param z: of it
    :param a: half a small angle about the body's x, in rad
    :param b: half of one about y
    :param c: half of one about z
    :return: q ⊗ (1, (a, b, c)), q turned by a small rotation about the body's axes, of another length
    """
    return (
        w - x * a - y * b - z * c,
        x + w * a + y * c - z * b,
        y + w * b + z * a - x * c,
        z + w * c + x * b - y * a,
    )


def rotation_of(w: Number, x: Number, y: Number, z: Number) -> tuple[Number, ...]:
    """
    :param w: of a quaternion, which need not be of length 1
    :param x: of it
    :param y: of it
    :param z: of it
    :return: the matrix R from the body to the world, row by row
    """
    s = 2.0 / (w * w + x * x + y * y + z * z)
    return (
        1.0 - s * (y * y + z * z),
        s * (x * y - w * z),
        s * (x * z + w * y),
        s * (x * y + w * z),
        1.0 - s * (x * x + z * z),
        s * (y * z - w * x),
        s * (x * z - w * y),
        s * (y * z + w * x),
        1.0 - s * (x * x + y * y),
    )


def quaternion_of(roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
    """
    :param roll: about x, in rad
    :param pitch: about y, in rad
    :param yaw: about z, in rad
    :return: (w, x, y, z) of R = Rz(yaw) Ry(pitch) Rx(roll)
    """
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(a / 2), math.sin(a / 2)) for a in (roll, pitch, yaw))
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )
