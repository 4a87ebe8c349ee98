"""A car on a track as a Gymnasium environment."""

import math
from collections.abc import Mapping
from typing import Any

from sb3_entropy.errors import MisfitError, check_choice, check_number, unknown
from sb3_entropy_vehicle.car import Car
from sb3_entropy_vehicle.env import TaskEnv
from sb3_entropy_vehicle.models import Kinematic, Linear, Model, Slip
from sb3_entropy_vehicle.paper import PaperTracking
from sb3_entropy_vehicle.task import Task
from sb3_entropy_vehicle.track import TRACKS, Curve, Track
from sb3_entropy_vehicle.tracking import Tracking

TYRES = ("kinematic", "linear", "slip", "paper")
_DEFAULTS: dict[str, Any] = {
    "track": "circle",
    "friction": 1.0,
    "speed": 12.0,
    "half_width": 2.0,
    "lag": True,
    "dt": 0.05,
    "substeps": 2,
    "car": None,
}


class VehicleEnv(TaskEnv):
    """
    Path tracking: keep a car on a track at a target speed.

    *Action*, in [−1, 1]²: the pedals (1: 4 m/s² of acceleration are asked for, −1: 8 m/s² of braking) and the steering
    angle (1: 0.5 rad to the left), which the car follows with a lag. *Observation*, 15 numbers, e and ε the distance to
    the left of the track and the yaw less its heading:

    | | what | bounds |
    |---|---|---|
    | 0 | e/half_width | ±2 |
    | 1 | ε, in rad | ±π |
    | 2 | (v − v*)/v*, v* the target speed | −1, 2 |
    | 3 | sideslip angle β, in rad | ±π/2 |
    | 4 | yaw rate, in rad/s | ±5 |
    | 5 | steering angle over its greatest | ±1 |
    | 6 | acceleration of the pedals over the greatest braking | ±1 |
    | 7–14 | κ v*²/(g·grip), the share of the grip that a bend takes, 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3 s ahead | ±1 |

    What passes a bound is shown as the bound. v* is ``speed``, or what lets the sharpest bend take 0.6 of the grip,
    1.0489·g·friction.

    *Reward*, the sum of ``info["reward_terms"]``: 1 − (e/half_width)² − min(1, ((v − v*)/v*)²) − 0.1 (ε + β)² −
    0.05 (Δ_δ² + Δ_a²), the last the differences between what is asked for and what the car has, as observed. *Ends*
    (``info["ended"]``): ``"off_track"``, the distance to the track is greater than half_width; ``"spin"``, β is beyond
    60° or ε beyond 90°; ``"diverged"``, the simulation has left the finite numbers: the last state is shown again, and
    nothing is paid. ``entropy/Vehicle-v0`` also cuts the episode after 400 steps. *Start*: anywhere on a closed track,
    at the beginning of an open one; in the turn of the bend there, wheels not slipping; e within 0.15·half_width,
    ε + β within 0.05 rad, v between 0.8 v* and v*. Reset options: ``arc_length``, ``lateral_error``,
    ``heading_error``, ``speed``.

    With ``tyres="paper"`` it is the vehicle of the public code of Zhang, Chang and Gao, "When maximum entropy misleads
    policy optimization", ICML 2025, another task with observation and reward of its own:
    :class:`sb3_entropy_vehicle.paper.PaperTracking`; ``entropy/PaperVehicle-v0`` cuts it after its 200 steps.

    :param track: ``"circle"`` (radius 25 m), ``"lane_change"`` (3.5 m and back), ``"figure_eight"``, a function as of
        :meth:`sb3_entropy_vehicle.track.Track.from_function`, or a :class:`Track`
    :param tyres: ``"kinematic"``, ``"linear"``, ``"slip"`` or ``"paper"``: see :mod:`sb3_entropy_vehicle.models`
    :param friction: of the road, for linear tyres and slipping ones: 1 on dry asphalt, 0.4 on snow, 0.1 on ice
    :param speed: the greatest target speed, in m/s
    :param half_width: how far the track's edges are from its middle, in m; less than the radius of its bends
    :param lag: whether steering and pedals lag; or act at once
    :param dt: how long an action is held, in s
    :param substeps: Runge–Kutta steps in that time; longer ones than 34 ms are unstable for the default car, and
        refused
    :param car: its numbers, or what differs from CommonRoad's BMW 320i by name
    :param clock: for ``"paper"``: whether the episode terminates after 200 steps, as in the source
    :param render_mode: ``"rgb_array"`` (image), ``"human"`` (a window) or ``None``
    :raises TypeError: if a parameter has the wrong type
    :raises ValueError: if a parameter is out of its range, does not fit the tyres, or the track is not one
    """

    def __init__(
        self,
        *,
        track: str | Curve | Track = "circle",
        tyres: str = "slip",
        friction: float = 1.0,
        speed: float = 12.0,
        half_width: float = 2.0,
        lag: bool = True,
        dt: float = 0.05,
        substeps: int = 2,
        car: Car | Mapping[str, Any] | None = None,
        clock: bool = False,
        render_mode: str | None = None,
    ):
        check_choice("tyres", tyres, TYRES)
        _check_flag("clock", clock)
        task: Task
        if tyres == "paper":
            given = (track, friction, speed, half_width, lag, dt, substeps, car)
            for (name, default), value in zip(_DEFAULTS.items(), given, strict=True):
                if not (value is default or value == default):
                    raise MisfitError(
                        f'{name}={value!r} does not go with tyres="paper", whose circle, car and steps are the '
                        "source's: leave it out.",
                        name,
                        "tyres",
                    )
            task = PaperTracking(clock)
        else:
            if clock:
                raise MisfitError(
                    f'clock=True goes with tyres="paper" alone, but tyres={tyres!r} was given: the time limit cuts.',
                    "clock",
                    "tyres",
                )
            check_number("speed", speed, 0.0, 50.0, open_low=True)
            check_number("half_width", half_width, 0.0, open_low=True)
            check_number("dt", dt, 0.0, 1.0, open_low=True)
            check_number("substeps", substeps, 1, integer=True)
            model, way = _model(tyres, car, lag, friction), _track(track)
            _check_steps(model, dt, substeps)
            if half_width * way.greatest_curvature >= 1.0:
                radius = 1.0 / way.greatest_curvature
                raise MisfitError(
                    f"half_width={half_width!r} reaches beyond the centre of a bend of {radius:.3g} m, where no point "
                    "of the track is the nearest: it must be less than every radius.",
                    "half_width",
                    "track",
                )
            task = Tracking(model, way, float(speed), float(half_width), float(dt), int(substeps))
        super().__init__(task, render_mode)


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, but {value!r} was given.")


def _check_steps(model: Model, dt: float, substeps: int) -> None:
    if dt / substeps > model.longest_step:
        raise MisfitError(
            f"dt={dt!r} with substeps={substeps!r} makes Runge–Kutta steps of {dt / substeps:.3g} s, but what settles "
            f"fastest in this car needs steps of {model.longest_step:.2g} s at most: substeps must be at least "
            f"{math.ceil(dt / model.longest_step)}.",
            "dt",
            "substeps",
        )


def _model(tyres: str, car: Car | Mapping[str, Any] | None, lag: bool, friction: float) -> Model:
    _check_flag("lag", lag)
    check_number("friction", friction, 0.0, 2.0, open_low=True)
    body = Car.of(car)
    if tyres == "kinematic":
        if friction != 1.0:
            raise MisfitError(
                f'friction={friction!r} does not go with tyres="kinematic", whose wheels never slip: leave it out, or '
                'take "linear" or "slip".',
                "friction",
                "tyres",
            )
        return Kinematic(body, lag)
    return Linear(body, lag, float(friction)) if tyres == "linear" else Slip(body, lag, float(friction))


def _track(given: Any) -> Track:
    if isinstance(given, Track):
        return given
    if isinstance(given, str):
        if given not in TRACKS:
            raise ValueError(unknown("track", given, TRACKS))
        curve, crosses = TRACKS[given]
        return Track.from_function(curve, may_cross=crosses)
    return Track.from_function(given)
