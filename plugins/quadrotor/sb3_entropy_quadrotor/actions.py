"""From an action in [−1, 1]⁴ to what the rotors are commanded."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_quadrotor.parameters import Airframe

KINDS = ("rotors", "wrench")
RANGES = ("hover", "full")


def checked_action(action: Any) -> list[float]:
    """
    :param action: what was given for one action
    :return: it, clipped to [−1, 1]
    :raises ValueError: if it is not four finite numbers
    """
    given = np.asarray(action)
    if given.shape == (4,) and given.dtype.kind in "iuf":
        numbers = given.tolist()
        if all(map(math.isfinite, numbers)):
            return [min(max(float(number), -1.0), 1.0) for number in numbers]
    raise ValueError(f"An action must be four finite numbers, shape (4,), in [-1, 1], but {action!r} was given.")


class ActionMap:
    """
    Affine, command = c + K a, and within what the rotors can do.

    ============ ======================================= =================================================
    kind         range ``hover``                         range ``full``
    ============ ======================================= =================================================
    ``rotors``   Tᵢ = (mg/4) (1 + s aᵢ)                  Tᵢ = T_max (1 + aᵢ)/2
    ``wrench``   F = mg (1 + s a₁), τ = s mg (d, d, κ) a F = F_max (1 + a₁)/2, τ = (F_max/2) (d, d, κ) a
    ============ ======================================= =================================================

    with d = arm/√2 in m, κ the torque ratio in m and T_max = F_max/4: a torque of |a| = 1 is what the rotors have in
    that range when nothing else is asked of them. A wrench is turned into thrusts by the inverse of the mixer, and
    thrusts are clipped to [0, T_max], but with ``ideal`` the wrench itself is commanded, whatever rotors could do.

    :param airframe: the quadrotor
    :param kind: ``"rotors"`` or ``"wrench"``, collective thrust and the three torques
    :param reach: the range, ``"hover"`` or ``"full"``
    :param span: s, in (0, 1], of the range ``"hover"``
    :param ideal: whether a wrench is not made by rotors
    :raises ValueError: if there is no such kind or range, or the span is out of its own
    """

    def __init__(self, airframe: Airframe, kind: str, reach: str, span: float, ideal: bool):
        check_choice("actions", kind, KINDS)
        check_choice("action_range", reach, RANGES)
        check_number("span", span, 0.0, 1.0, open_low=True)
        d, kappa = airframe.arm / math.sqrt(2), airframe.torque_ratio
        half = 2 * airframe.most_thrust
        centre, scale = (airframe.weight, span * airframe.weight) if reach == "hover" else (half, half)
        self.ideal = ideal
        self.most = airframe.most_thrust
        self.to_thrusts: NDArray[np.float64] = np.asarray(np.linalg.inv(airframe.mixer), dtype=np.float64)
        self._wrench = kind == "wrench"
        if self._wrench:
            middle, gain = np.array([centre, 0.0, 0.0, 0.0]), scale * np.array([1.0, d, d, kappa])
            hovering = np.array([airframe.weight, 0.0, 0.0, 0.0])
        else:
            middle, gain = np.full(4, centre / 4), np.full(4, scale / 4)
            hovering = np.full(4, airframe.hover_thrust)
        self._middle, self._gain = middle, gain
        self._pairs = list(zip(middle.tolist(), gain.tolist(), strict=True))
        self._rows = self.to_thrusts.tolist()
        #: the action of hovering
        self.trim: NDArray[np.float64] = np.asarray((hovering - middle) / gain, dtype=np.float64)

    def command(self, action: list[float]) -> list[float]:
        """
        :param action: four numbers in [−1, 1]
        :return: the thrusts of the rotors in N, or with ``ideal`` the wrench in N and N m
        """
        asked = [middle + gain * a for (middle, gain), a in zip(self._pairs, action, strict=True)]
        if self.ideal:
            return asked
        if self._wrench:
            f, x, y, z = asked
            asked = [p * f + q * x + r * y + s * z for p, q, r, s in self._rows]
        most = self.most
        return [0.0 if thrust < 0.0 else min(thrust, most) for thrust in asked]

    def commands(self, actions: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        :param actions: in [−1, 1], shape (N, 4)
        :return: :meth:`command` of each, to the bit, shape (N, 4)
        """
        asked = self._middle + self._gain * actions
        if self.ideal:
            return asked
        if self._wrench:
            f, x, y, z = asked.T
            asked = np.stack([p * f + q * x + r * y + s * z for p, q, r, s in self._rows], axis=1)
        thrusts: NDArray[np.float64] = np.minimum(np.maximum(asked, 0.0), self.most)
        return thrusts

    def action(self, wrench: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        :param wrench: (F, τx, τy, τz), in N and N m, shape (4,)
        :return: the action that comes nearest to it, component by component, shape (4,)
        """
        wanted = wrench if self._wrench else np.clip(self.to_thrusts @ wrench, 0.0, self.most)
        nearest: NDArray[np.float64] = np.clip((wanted - self._middle) / self._gain, -1.0, 1.0)
        return nearest
