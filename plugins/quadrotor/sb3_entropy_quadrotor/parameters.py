"""What the quadrotor is made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number, unknown

#: of the earth, in m/s²
GRAVITY = 9.81

Vector = tuple[float, float, float]


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Parameters = TypeVar("Parameters", bound=_Dataclass)


def made_of(kind: type[Parameters], name: str, given: Parameters | Mapping[str, Any] | None) -> Parameters:
    """
    :param kind: a dataclass of parameters
    :param name: of the argument
    :param given: one of them, or the parameters that differ from the defaults by name, as a YAML file has them
    :return: one of them
    :raises TypeError: if it is neither
    :raises ValueError: if there is no parameter of that name
    """
    if isinstance(given, kind):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"{name} must be parameters by name, or of class {kind.__name__}, but {given!r} was given.")
    names = [field.name for field in fields(kind)]
    for key in given or {}:
        if key not in names:
            raise ValueError(unknown(f"parameter of {name}", key, names))
    return kind(**(given or {}))


def bodily(moments: Sequence[float]) -> list[float]:
    """
    :param moments: of inertia, in kg m²
    :return: those of a rigid body, of which none is greater than the other two together: the greatest is cut to that
    """
    rest = sum(moments) - max(moments)
    return [min(moment, rest) for moment in moments]


@dataclass(frozen=True)
class Airframe:
    """
    A rigid body with four rotors at the corners of a square, x forward, y left, z up. By default a Crazyflie 2.x:

    - mass, inertia, thrust-to-weight ratio: as in gym-pybullet-drones' ``cf2x.urdf`` (Panerati et al., "Learning to
      fly", IROS 2021), which rounds the inertia of Luis and Le Ny, "Design of a trajectory tracking controller for a
      nanoquadcopter", 2016;
    - arm: 46 mm from the centre to a rotor's axis, so that rotors are at (±arm/√2, ±arm/√2);
    - torque ratio: Förster, "System identification of the Crazyflie 2.0 nano quadrocopter", ETH Zürich 2015,
      τ = 0.005964552 m · T; he finds moments of inertia of (1.66, 1.67, 2.93)e-5 kg m².

    :param mass: m, in kg
    :param arm: from the centre to each rotor's axis, in m
    :param inertia: (Jx, Jy, Jz) about the centre of mass, in kg m²
    :param thrust_to_weight: the greatest thrust of all rotors over the weight; more than 1
    :param torque_ratio: a rotor's drag torque over its thrust, in m
    :raises TypeError: if one is no number
    :raises ValueError: if one is not positive, or no body has such moments of inertia
    """

    mass: float = 0.027
    arm: float = 0.046
    inertia: Vector = (1.4e-5, 1.4e-5, 2.17e-5)
    thrust_to_weight: float = 2.25
    torque_ratio: float = 0.005964552

    def __post_init__(self) -> None:
        for name in ("mass", "arm", "torque_ratio"):
            check_number(name, getattr(self, name), 0.0, open_low=True)
        check_number("thrust_to_weight", self.thrust_to_weight, 1.0, open_low=True)
        given: Any = self.inertia
        if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray)) or len(given) != 3:
            raise TypeError(f"inertia must be three numbers, but {given!r} was given.")
        for i, moment in enumerate(given):
            check_number(f"inertia[{i}]", moment, 0.0, open_low=True)
        if 2 * max(given) > sum(given):
            raise ValueError(
                f"inertia must be moments of which none is greater than the other two together, but {given!r} was "
                "given: no rigid body has these."
            )
        object.__setattr__(self, "inertia", tuple(float(moment) for moment in given))

    @property
    def weight(self) -> float:
        """:return: m g, in N"""
        return self.mass * GRAVITY

    @property
    def hover_thrust(self) -> float:
        """:return: of each rotor when it hovers, in N"""
        return self.weight / 4

    @property
    def most_thrust(self) -> float:
        """:return: of each rotor, in N"""
        return self.thrust_to_weight * self.hover_thrust

    @property
    def rotors(self) -> tuple[Vector, Vector, Vector, Vector]:
        """
        :return: (x, y, s) of rotors 1 to 4: front right, back right, back left, front left, in m; s is the sign of the
            torque about z that its thrust comes with: −1 where it turns counter-clockwise, seen from above, +1 where it
            turns clockwise, as on the Crazyflie
        """
        d = self.arm / math.sqrt(2)
        return (d, -d, -1.0), (-d, -d, 1.0), (-d, d, -1.0), (d, d, 1.0)

    @property
    def mixer(self) -> NDArray[np.float64]:
        """
        :return: the matrix A, shape (4, 4), that makes of the rotors' thrusts T the wrench (F, τx, τy, τz), F in N
            along the body's z, τ in N m about its axes: F = Σ T, τx = Σ y T, τy = −Σ x T, τz = κ Σ s T with κ the
            torque ratio
        """
        return np.array([(1.0, y, -x, self.torque_ratio * s) for x, y, s in self.rotors]).T
