"""What a battery still gives."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sb3_entropy_quadrotor.parameters import Airframe

#: open circuit, in V: of an empty battery, and what a full one has more
EMPTY, RISE = 3.74, 0.42
#: the current, in A: without thrust, and what all rotors at their greatest thrust take more
IDLE, FULL = 0.17, 4.29

#: a number, or one for each of many, shape (N,)
Number = Any


class Spent(NamedTuple):
    """
    :param thrusts: of the four rotors, in N
    :param charge: that is left, a share of the capacity
    """

    thrusts: list[Number]
    charge: Number


class Battery:
    """
    The voltage falls with the charge that is drawn and with the current, and the greatest thrust with it; below that,
    thrusts are what is commanded, as by the firmware's battery compensation. With z the charge left, in [0, 1], F the
    thrust that is asked of all rotors, F_max the airframe's greatest, and I = 0.17 A + 4.29 A · F/F_max:

    - voltage U = 3.74 V + 0.42 V · z − R I;
    - greatest thrust of a rotor: (F_max/4) · min(1, U/U₁)^{3/2}, U₁ that of a full battery at F_max, so that the
      airframe's greatest thrust is a full battery's;
    - dz/dt = −I/Q, with F after this limit.

    Sources: Crazyflie firmware's table of its 240 mAh battery, 3.78 V at 10 % to 4.10 V at 90 %, full at 4.2 V, which
    the line meets within 0.04 V; and Bitcraze's measurement of thrust, voltage and current at 16 duty cycles ("misc:
    investigations:thrust"): R = 0.163 Ω, 0.17 A + 7.2 A/N, and a thrust of 0.0976 N (U/V)^{3/2} within 0.04 N. A
    quadrotor of another size has a battery that is as much larger.

    :param airframe: the quadrotor
    :param capacity: Q, in mAh
    :param resistance: R, in Ω
    :param step: seconds of a control step
    """

    def __init__(self, airframe: Airframe, capacity: float, resistance: float, step: float):
        self.most, self.resistance = airframe.most_thrust, resistance
        self._share = 1.0 / (4.0 * airframe.most_thrust)
        self._full = EMPTY + RISE - resistance * (IDLE + FULL)
        self._step = step / (3.6 * capacity)

    def spend(
        self,
        commands: Sequence[Number],
        charge: Number,
        least: Callable[[Number, Number], Number] = min,
        root: Callable[[Number], Number] = math.sqrt,
    ) -> Spent:
        """
        A control step.

        :param commands: thrusts of the four rotors, in N
        :param charge: z that is left
        :param least: the lesser of two; ``numpy.minimum`` where there are many
        :param root: the square root; ``numpy.sqrt`` where there are many
        :return: the thrusts that it gives, and what is left after it
        """
        a, b, c, d = commands
        current = IDLE + FULL * self._share * (a + b + c + d)
        u = least((EMPTY + RISE * charge - self.resistance * current) / self._full, 1.0)
        limit = self.most * u * root(u)
        given = [least(command, limit) for command in commands]
        current = IDLE + FULL * self._share * (given[0] + given[1] + given[2] + given[3])
        return Spent(given, 0.0 - least(self._step * current - charge, 0.0))  # no −0
