"""What the model ``realistic`` adds to the rotors."""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_quadrotor.mjcf import CONTROL_STEP
from sb3_entropy_quadrotor.parameters import Airframe, bodily


@dataclass(frozen=True)
class Disturbances:
    """
    Lag, drag, noise, wind, a battery, and what differs from one quadrotor to the next. Each is off at 0.

    - *Motors*: a rotor's thrust follows its command u as τ dT/dt = u − T. 0.15 s to settle, four time constants, and
      the 5 mm and 1 cm/s of sensor noise are those of Molchanov et al., "Sim-to-(multi)-real", IROS 2019.
    - *Drag*: a force −d (v − w) on the body, v its velocity and w the wind's. 9.1785e-7 N s²/(m rad) times the sum of
      rotor speeds (Förster 2015), taken at hover, 4 × 1515 rad/s: d = 5.56e-3 N s/m; here in all directions alike.
    - *Thrust noise*: each rotor's command is multiplied by 1 + σξ, ξ standard normal and new in every control step.
    - *Wind*: each component an Ornstein–Uhlenbeck process with mean 0, standard deviation σ_w and correlation time τ_w,
      w' = w e^(−Δt/τ_w) + σ_w √(1 − e^(−2Δt/τ_w)) ξ, held for a control step Δt. An episode begins with a draw from its
      stationary law N(0, σ_w²).
    - *Battery*: the greatest thrust falls with the voltage, see :class:`~sb3_entropy_quadrotor.battery.Battery`. An
      episode begins with a full one, or with a charge uniform in [``least_charge``, 1]. 5 s of hovering take 1.2 % of
      250 mAh.
    - *Sensors*: normal, new in every control step, on what is observed, never on what is paid for.
    - *Spread*: in each episode mass, each moment of inertia and the thrust of all rotors are multiplied by a factor
      uniform in [1 − s, 1 + s] each; a moment greater than the other two together, which no body has, is cut to that.

    :param motor_time: τ, in s
    :param drag: d, in N s/m
    :param thrust_noise: σ, without unit
    :param gust_speed: σ_w, in m/s
    :param gust_time: τ_w, in s
    :param position_noise: standard deviation on each axis, in m
    :param velocity_noise: on each axis, in m/s
    :param attitude_noise: of a rotation about each axis of the body, in rad
    :param rate_noise: of the angular velocity about each axis, in rad/s
    :param spread: s, at most 0.5
    :param battery_capacity: Q, in mAh; 0: as much as one likes
    :param battery_resistance: R, in Ω, at most 0.5
    :param least_charge: that an episode begins with, between 0.1 and 1, of which 1 is full, and nothing is drawn
    :raises TypeError: if one is no number
    :raises ValueError: if one is negative, or ``gust_time`` is 0
    """

    motor_time: float = 0.0375
    drag: float = 5.56e-3
    thrust_noise: float = 0.02
    gust_speed: float = 0.5
    gust_time: float = 1.0
    position_noise: float = 0.005
    velocity_noise: float = 0.01
    attitude_noise: float = 0.005
    rate_noise: float = 0.02
    spread: float = 0.1
    battery_capacity: float = 250.0
    battery_resistance: float = 0.163
    least_charge: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name == "spread":
                check_number("spread", self.spread, 0.0, 0.5)
            elif field.name == "battery_resistance":
                check_number("battery_resistance", self.battery_resistance, 0.0, 0.5)
            elif field.name == "least_charge":
                check_number("least_charge", self.least_charge, 0.1, 1.0)
            else:
                check_number(field.name, getattr(self, field.name), 0.0, open_low=field.name == "gust_time")

    @property
    def keep(self) -> float:
        """:return: e^(−Δt/τ_w), the share of the wind that is left after a control step"""
        return math.exp(-CONTROL_STEP / self.gust_time)

    @property
    def scales(self) -> NDArray[np.float64]:
        """
        :return: what 19 standard normals of a control step are multiplied by, shape (19,): position, velocity, half a
            rotation and rates of the sensors, three each, four thrusts, and the wind's three changes
        """
        gust = self.gust_speed * math.sqrt(1.0 - self.keep * self.keep)
        return np.repeat(
            [
                self.position_noise,
                self.velocity_noise,
                self.attitude_noise / 2,
                self.rate_noise,
                self.thrust_noise,
                gust,
            ],
            [3, 3, 3, 3, 4, 3],
        )


class Body(NamedTuple):
    """
    What is drawn for an episode.

    :param mass: in kg
    :param inertia: in kg m²
    :param thrust_factor: of all rotors
    :param wind: in m/s
    :param noise: of the first observation, 19 numbers
    :param charge: of the battery, in [0, 1]
    """

    mass: float
    inertia: list[float]
    thrust_factor: float
    wind: list[float]
    noise: list[float]
    charge: float


def drawn_body(airframe: Airframe, disturbances: Disturbances, generator: np.random.Generator) -> Body:
    """
    :param airframe: what is varied
    :param disturbances: how much
    :param generator: of the environment
    :return: the quadrotor of an episode, and the wind, the noise and the charge that it begins with
    """
    factors = [1.0 + disturbances.spread * u for u in generator.uniform(-1.0, 1.0, 5).tolist()]
    inertia = bodily([moment * factor for moment, factor in zip(airframe.inertia, factors[2:], strict=True)])
    wind = (disturbances.gust_speed * generator.standard_normal(3)).tolist()
    noise = (disturbances.scales * generator.standard_normal(19)).tolist()
    charge = 1.0
    if disturbances.battery_capacity > 0 and disturbances.least_charge < 1.0:
        charge = float(generator.uniform(disturbances.least_charge, 1.0))
    return Body(airframe.mass * factors[0], inertia, factors[1], wind, noise, charge)


#: a quadrotor as it is on paper
NONE = Disturbances(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
