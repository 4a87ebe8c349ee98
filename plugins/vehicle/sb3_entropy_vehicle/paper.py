"""The vehicle of Zhang, Chang and Gao 2025, as its public code has it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy_vehicle.numerics import FLOATS, Number, Ops, State, both
from sb3_entropy_vehicle.rendering.chase import chase_image
from sb3_entropy_vehicle.task import Outcome, Task

#: s, m, N/rad, kg m², kg, and the coefficients of drag
DT, WHEELBASE, FRONT_STIFFNESS, REAR_STIFFNESS, INERTIA, MASS = 0.1, 2.9, 32.0, 34.0, 2250.0, 1500.0
AERODYNAMIC, ROLLING = 1.36, 0.01
RADIUS, FASTEST = 10.0, 30.0
#: the steps of an episode, and for how many of them the target moves
STEPS, MOVES = 200, 110
_HALF = WHEELBASE / 2.0
_NUMBERS = both(
    dt=DT,
    l=_HALF,
    front=-FRONT_STIFFNESS,
    rear=-REAR_STIFFNESS,
    aerodynamic=AERODYNAMIC,
    rolling=ROLLING,
    mass=MASS,
    turn=_HALF / INERTIA,
    fastest=FASTEST,
    backwards=-FASTEST,
    circle=RADIUS**2,
    last=MOVES - 1,
)


class PaperTracking(Task):
    """
    The source's dynamic bicycle behind a target that moves clockwise on a circle of radius 10 m about (0, 0). A state
    is (x, y, ψ, v_x, v_y, ω, k): position in m, yaw in rad, velocity in the car's directions in m/s, yaw rate in rad/s,
    and the number of steps taken.

    One step of 0.1 s, in this order, each line with what the ones before have changed, but for the forces F, which are
    those before all:

    1. x += (v_x cos ψ − v_y sin ψ)·dt, y += (v_x sin ψ + v_y cos ψ)·dt, ψ += ω·dt
    2. v_x += (throttle − F_f sin δ/m − (1.36 v_x² + 0.01 v_x)/m + v_y ω)·dt
    3. v_y += (F_r/m + F_f cos δ/m − v_x ω)·dt
    4. ω += (F_f l_f cos δ − F_r l_r)/I·dt, and then v_x and v_y are cut at ±30

    with F_f = −32·atan((v_y + l_f ω)/v_x − δ) and F_r = −34·atan((v_y − l_r ω)/v_x): about a thousandth of a tyre's.

    :param clock: whether the episode terminates after 200 steps, as in the source, whose observation holds no clock
    """

    ends = (None, "clock", "diverged")
    terms = ("off_track", "distance")
    dt = DT

    def __init__(self, clock: bool):
        self.clock = clock
        high = np.array([100.0, 100.0, np.pi, FASTEST, FASTEST, 5.0], np.float32)
        self.observation_space = spaces.Box(-high, high)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._start, self.targets = _course()
        self._tables = {
            True: (self.targets[:, 0].copy(), self.targets[:, 1].copy()),
            False: (self.targets[:, 0].tolist(), self.targets[:, 1].tolist()),
        }

    def begin(self, rng: np.random.Generator, options: Mapping[str, float]) -> list[float]:
        return list(self._start)

    def step(self, state: State, action: Sequence[Number], ops: Ops) -> Outcome:
        x, y, psi, vx, vy, omega, k = state
        throttle, delta = action[0], action[1]
        c = _NUMBERS[ops.many]
        dt = c.dt
        sin, cos = ops.sin(psi), ops.cos(psi)
        x = x + (vx * cos - vy * sin) * dt
        y = y + (vx * sin + vy * cos) * dt
        psi = ops.wrapped(psi + omega * dt)
        across = c.l * omega
        front = c.front * ops.atan((vy + across) / vx - delta)
        rear = c.rear * ops.atan((vy - across) / vx)
        sin, cos = ops.sin(delta), ops.cos(delta)
        side = front * cos
        drag = c.aerodynamic * vx * vx + c.rolling * vx
        vx = vx + (throttle - (front * sin + drag) / c.mass + vy * omega) * dt
        vy = vy + ((rear + side) / c.mass - vx * omega) * dt
        omega = omega + (side - rear) * c.turn * dt
        vx, vy = ops.clip(vx, c.backwards, c.fastest), ops.clip(vy, c.backwards, c.fastest)
        arrived = [x, y, psi, vx, vy, omega, k + ops.const.one]
        to_x, to_y = self.target(arrived, ops)
        terms = {
            "off_track": -0.3 * abs(x * x + y * y - c.circle),
            "distance": -ops.sqrt((to_x - x) ** 2 + (to_y - y) ** 2),
        }
        over = ops.where(k + 1.0 >= STEPS, 1, 0) if self.clock else 0
        return Outcome(arrived, terms, over)

    def target(self, state: State, ops: Ops) -> tuple[Number, Number]:
        """
        :param state: a state
        :param ops: numbers or arrays
        :return: where the target is, in m; after 109 steps it stands
        """
        i = ops.whole(ops.minimum(state[6], _NUMBERS[ops.many].last))
        x, y = self._tables[ops.many]
        return x[i], y[i]

    def observe(self, state: State, ops: Ops) -> Sequence[Number]:
        x, y, psi, vx, vy, omega, _ = state
        to_x, to_y = self.target(state, ops)
        return [
            ops.clip(to_x - x - WHEELBASE * ops.cos(psi), -100.0, 100.0),
            ops.clip(to_y - y - WHEELBASE * ops.sin(psi), -100.0, 100.0),
            psi,
            vx,
            vy,
            ops.clip(omega, -5.0, 5.0),
        ]

    def describe(self, state: State) -> dict[str, Number]:
        names = ("x", "y", "yaw", "vx", "vy", "yaw_rate")
        return dict(zip(names, state[:6], strict=True))

    def image(self, path: Sequence[State]) -> NDArray[np.uint8]:
        return chase_image(RADIUS, WHEELBASE, path, self.target(path[-1], FLOATS) if path else None)


def _course() -> tuple[list[float], NDArray[np.float64]]:
    """
    The source's spline: natural and cubic through eight points of the circle and the first again, by the length of the
    chords.

    :return: the first state, and the target's positions, shape (110, 2)
    """
    from scipy.interpolate import CubicSpline

    angles = np.append(np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)[::-1], 7.0 * np.pi / 4.0)
    points = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    chords = np.hypot(*np.diff(points, axis=0).T)
    spline = CubicSpline(np.concatenate([[0.0], chords.cumsum()]), points, bc_type="natural")
    speeds = np.minimum(6.0, 1.0 + 0.1 * DT * np.arange(MOVES))
    targets = spline(13.0 + DT * np.concatenate([[0.0], speeds[:-1].cumsum()]))
    (x, y), (dx, dy) = spline(9.0).tolist(), spline(9.0, 1).tolist()
    return [x, y, math.atan2(dy, dx), 3.0, 0.0, -1.0, 0.0], targets
