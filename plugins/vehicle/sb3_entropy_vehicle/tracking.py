"""Path tracking: a car that is to stay on a track at a speed."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy_vehicle.car import GRAVITY
from sb3_entropy_vehicle.models import Model
from sb3_entropy_vehicle.numerics import FLOATS, Number, Ops, State, both, bounds
from sb3_entropy_vehicle.rendering.road import road_image
from sb3_entropy_vehicle.task import Outcome, Task
from sb3_entropy_vehicle.track import Track

#: how far ahead the bends are seen, in s at the target speed
PREVIEW = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
#: the share of the grip that the sharpest bend may take at the target speed
SHARE = 0.6
_SPUN_SLIP, _SPUN_HEADING = math.pi / 3, math.pi / 2


class Tracking(Task):
    """
    The mechanics of ``entropy/Vehicle-v0``. A state is the car's eight numbers (:class:`Model`), and s, e, ε: arc
    length of the nearest point of the track in m, distance to its left in m, and yaw less the track's heading in rad.

    :param model: the car
    :param track: where it is to drive
    :param speed: how fast at most, in m/s
    :param half_width: how far the track's edges are from its middle, in m
    :param dt: how long an action is held, in s
    :param substeps: Runge–Kutta steps in that time
    """

    ends = (None, "off_track", "spin", "diverged")
    terms = ("alive", "lateral", "speed", "course", "effort")

    def __init__(self, model: Model, track: Track, speed: float, half_width: float, dt: float, substeps: int):
        self.model, self.track, self.half_width, self.dt, self.substeps = model, track, half_width, dt, substeps
        gripping = model.grip * GRAVITY
        sharpest = track.greatest_curvature
        self.target_speed = speed if sharpest == 0.0 else min(speed, math.sqrt(SHARE * gripping / sharpest))
        self.preview = [time * self.target_speed for time in PREVIEW]
        self._sharpness = self.target_speed**2 / gripping
        self._ahead = np.array(self.preview)[:, None]
        car = model.car
        self._numbers = both(
            dt=dt,
            target_speed=self.target_speed,
            half_width=half_width,
            max_steering=car.max_steering,
            max_drive=car.max_drive,
            max_brake=car.max_brake,
            spun_slip=math.cos(_SPUN_SLIP),
            spun_heading=_SPUN_HEADING,
        )
        high = [2.0, math.pi, 2.0, math.pi / 2, 5.0, 1.0, 1.0, *(1.0 for _ in PREVIEW)]
        low = [-bound for bound in high]
        low[2] = -1.0
        self.observation_space = spaces.Box(np.array(low, np.float32), np.array(high, np.float32))
        # Of what is not a bend, whose share of the grip is within them.
        self._bounds = bounds(low[:7], high[:7])
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.options = {
            "arc_length": (0.0, track.length),
            "lateral_error": (-half_width, half_width),
            "heading_error": (-1.5, 1.5),
            "speed": (0.0, model.car.max_speed),
        }

    def begin(self, rng: np.random.Generator, options: Mapping[str, float]) -> list[float]:
        drawn = rng.random(4).tolist()  # always as many, whatever is given
        s = options.get("arc_length", drawn[0] * self.track.length if self.track.closed else 0.0)
        left = options.get("lateral_error", 0.15 * self.half_width * (2.0 * drawn[1] - 1.0))
        v = options.get("speed", self.target_speed * (0.8 + 0.2 * drawn[3]))
        x, y, heading, curvature = self.track.at(s, FLOATS)
        car = self.model.car
        delta = FLOATS.clip(math.atan(car.wheelbase * curvature), -car.max_steering, car.max_steering)
        beta, r = self.model.rolling(v, delta, FLOATS)
        turned = options.get("heading_error", 0.05 * (2.0 * drawn[2] - 1.0) - beta)
        x, y = x - left * math.sin(heading), y + left * math.cos(heading)
        return [x, y, heading + turned, v, beta, r, delta, 0.0, s, left, turned]

    def step(self, state: State, action: Sequence[Number], ops: Ops) -> Outcome:
        c, zero, one = self._numbers[ops.many], ops.const.zero, ops.const.one
        pedal, steering = action[0], action[1]
        asked = ops.where(pedal > zero, c.max_drive, c.max_brake) * pedal
        before_delta, before_a = state[6], state[7]
        moved = self.model.advance(
            state[:8], steering * c.max_steering, asked, self.dt / self.substeps, self.substeps, ops
        )
        x, y, psi, v, beta = moved[:5]
        s, left, heading = self.track.project(x, y, state[8] + c.dt * v, ops)
        turned = ops.wrapped(psi - heading)
        off, slow = left / c.half_width, (v - c.target_speed) / c.target_speed
        course = ops.wrapped(turned + beta)
        steered, pressed = steering - before_delta / c.max_steering, (asked - before_a) / c.max_brake
        terms = {
            "alive": 1.0 + 0.0 * v,
            "lateral": -off * off,
            "speed": -ops.minimum(slow * slow, one),
            "course": -0.1 * course * course,
            "effort": -0.05 * (steered * steered + pressed * pressed),
        }
        spun = (ops.cos(beta) < c.spun_slip) | (abs(turned) > c.spun_heading)
        end = ops.where(abs(left) > c.half_width, 1, ops.where(spun, 2, 0))
        return Outcome([*moved, s, left, turned], terms, end)

    def observe(self, state: State, ops: Ops) -> Sequence[Number]:
        _, _, _, v, beta, r, delta, a, s, left, turned = state
        c = self._numbers[ops.many]
        if ops.many:
            ahead = self._sharpness * self.track.bend(s + self._ahead, ops)
        else:
            ahead = [self._sharpness * self.track.bend(s + distance, ops) for distance in self.preview]
        slow = (v - c.target_speed) / c.target_speed
        seen = [left / c.half_width, turned, slow, beta, r, delta / c.max_steering, a / c.max_brake]
        return [*ops.bounded(seen, self._bounds[ops.many]), *ahead]

    def describe(self, state: State) -> dict[str, Number]:
        return {
            "arc_length": state[8],
            "lateral_error": state[9],
            "heading_error": state[10],
            "speed": state[3],
            "slip_angle": state[4],
        }

    def image(self, path: Sequence[State]) -> NDArray[np.uint8]:
        return road_image(self.track, self.half_width, self.model.car, path)
