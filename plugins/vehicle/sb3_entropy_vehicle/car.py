"""The car's numbers, and its tyres'."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

from sb3_entropy.errors import check_number, unknown

T = TypeVar("T")

#: m/s²
GRAVITY = 9.81


@dataclass(frozen=True)
class Tyre:
    """
    Coefficients of Pacejka's magic formula without camber and shifts, by their names in Althoff and Würsching,
    "CommonRoad: Vehicle Models", 2020, Table 7. Those of stiffness and friction are per vertical load, at a road of
    friction 1.

    :param p_cx1: shape of the longitudinal force
    :param p_dx1: its peak
    :param p_ex1: its curvature
    :param p_kx1: its slope, per slip
    :param r_bx1: slope of its loss with the slip angle
    :param r_bx2: how that slope falls with the longitudinal slip
    :param r_cx1: shape of that loss
    :param r_ex1: its curvature
    :param p_cy1: shape of the lateral force
    :param p_dy1: its peak
    :param p_ey1: its curvature
    :param p_ky1: its slope, per rad
    :param r_by1: slope of its loss with the longitudinal slip
    :param r_by2: how that slope falls with the slip angle
    :param r_cy1: shape of that loss
    :param r_ey1: its curvature
    :raises TypeError: if one is not a number
    :raises ValueError: if it is not finite; if a peak or a slope is not positive; if a pure force has no peak, that is,
        if its shape is not between 1 and 2, or its curvature is not below 1
    """

    p_cx1: float = 1.6411
    p_dx1: float = 1.1739
    p_ex1: float = 0.46403
    p_kx1: float = 22.303
    r_bx1: float = 13.276
    r_bx2: float = -13.778
    r_cx1: float = 1.2568
    r_ex1: float = 0.65225
    p_cy1: float = 1.3507
    p_dy1: float = 1.0489
    p_ey1: float = -0.0074722
    p_ky1: float = 21.92
    r_by1: float = 7.1433
    r_by2: float = 9.1916
    r_cy1: float = 1.0719
    r_ey1: float = -0.27572

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in {"p_dx1", "p_kx1", "p_dy1", "p_ky1"}:
                check_number(field.name, value, 0.0, open_low=True)
            elif field.name in {"p_cx1", "p_cy1"}:
                check_number(field.name, value, 1.0, 2.0, open_low=True)
            elif field.name in {"p_ex1", "p_ey1"}:
                check_number(field.name, value, high=0.99)
            else:
                check_number(field.name, value)


@dataclass(frozen=True)
class Car:
    """
    A car as a single track. The defaults are CommonRoad's vehicle 2, a BMW 320i (the same document, Table 6), but for
    ``max_steering``, 1.066 rad there, ``max_drive`` and ``max_brake``, which the power limit alone bounds there, and
    the two lags, which that vehicle does not have.

    :param mass: m, in kg
    :param inertia: I about the vertical axis, in kg m²
    :param front: l_f, from the centre of mass to the front axle, in m
    :param rear: l_r, to the rear axle, in m
    :param height: h of the centre of mass, in m
    :param length: of the body, in m; only drawn
    :param width: of the body, in m; only drawn
    :param max_steering: the greatest steering angle δ, in rad
    :param steering_rate: its greatest rate, in rad/s
    :param steering_lag: time constant of the steering, in s
    :param pedal_lag: time constant of the acceleration, in s
    :param max_drive: the greatest acceleration that can be asked for, in m/s²
    :param max_brake: the greatest deceleration that can be asked for, in m/s²
    :param power: what bounds acceleration times speed, in m²/s³: a_max·v_switch of the source
    :param max_speed: beyond which nothing accelerates, in m/s
    :param front_brake: the front axle's share of braking
    :param front_drive: its share of driving
    :param tyre: of all wheels, or what differs from the default one by name
    :raises TypeError: if one is not a number
    :raises ValueError: if one is out of its range
    """

    mass: float = 1093.2952334674046
    inertia: float = 1791.5995300122856
    front: float = 1.1561957064
    rear: float = 1.4227170936
    height: float = 0.61373004
    length: float = 4.508
    width: float = 1.61
    max_steering: float = 0.5
    steering_rate: float = 0.4
    steering_lag: float = 0.1
    pedal_lag: float = 0.2
    max_drive: float = 4.0
    max_brake: float = 8.0
    power: float = 11.5 * 7.319
    max_speed: float = 50.8
    front_brake: float = 0.66
    front_drive: float = 0.0
    tyre: Tyre = Tyre()

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in {"front_brake", "front_drive"}:
                check_number(field.name, getattr(self, field.name), 0.0, 1.0)
            elif field.name == "max_steering":
                check_number(field.name, self.max_steering, 0.0, 1.5, open_low=True)
            elif field.name == "height":
                check_number(field.name, self.height, 0.0)
            elif field.name == "tyre":
                object.__setattr__(self, "tyre", _made(Tyre, "tyre", self.tyre))
            else:
                check_number(field.name, getattr(self, field.name), 0.0, open_low=True)
        lifted = max(self.max_brake * self.height / self.front, self.max_drive * self.height / self.rear)
        if lifted >= GRAVITY:
            raise ValueError(
                f"height={self.height!r} with max_drive={self.max_drive!r} and max_brake={self.max_brake!r} lifts an "
                "axle off the road: max_brake·height must be < g·front, and max_drive·height < g·rear."
            )

    @classmethod
    def of(cls, given: Self | Mapping[str, Any] | None) -> Self:
        """
        :param given: a car; or what differs from the default one by name, as a YAML file has it; or ``None``
        :return: the car
        :raises TypeError: if it is neither
        :raises ValueError: if there is no parameter of that name
        """
        return _made(cls, "car", given)

    @property
    def wheelbase(self) -> float:
        """:return: l = l_f + l_r, in m"""
        return self.front + self.rear


def _made(kind: type[T], name: str, given: Any) -> T:
    if isinstance(given, kind):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(
            f"{name} must be a {kind.__name__}, parameters of one by name, or None, but {given!r} was given."
        )
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for key in given or {}:
        if key not in known:
            raise ValueError(unknown(f"parameter of {name}", key, known))
    return kind(**(given or {}))
