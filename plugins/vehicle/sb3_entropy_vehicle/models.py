"""The single-track car: kinematic, with linear tyres, and with tyres of combined slip."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sb3_entropy_vehicle.car import GRAVITY, Car
from sb3_entropy_vehicle.numerics import Number, Ops, State, both, rk4
from sb3_entropy_vehicle.tyres import Forces, Grip

#: about which speed the tyres take over from the kinematic car, in m/s, and how sharply
_BLEND, _SHARPNESS = 2.0, 0.4
#: how fast sideslip and yaw rate settle at the kinematic ones below it, in s
_SETTLING = 0.1
#: the longest step times the greatest rate at which something settles: up to here the method is stable
_LONGEST = 2.78
_BLENDING = both(blend=_BLEND, sharpness=_SHARPNESS, settling=_SETTLING)


class Motion(NamedTuple):
    """
    What a model says of a car.

    :param slip: β that it moves with, in rad
    :param speed: dv/dt, in m/s²
    :param yaw: dψ/dt, in rad/s
    :param slipping: dβ/dt, in rad/s
    :param turning: dr/dt, in rad/s²
    """

    slip: Number
    speed: Number
    yaw: Number
    slipping: Number
    turning: Number


class Model(ABC):
    """
    The car's state is (x, y, ψ, v, β, r, δ, a): position of the centre of mass in m, yaw in rad, speed in m/s, sideslip
    angle in rad, yaw rate in rad/s, steering angle in rad, acceleration that the pedals have built up in m/s². Its
    velocity has the direction ψ + β.

    :param car: its numbers
    :param lag: whether δ and a follow what is asked for with a lag, δ at a bounded rate too; or are it at once
    """

    def __init__(self, car: Car, lag: bool):
        self.car, self.lag = car, lag
        self._chassis = both(
            rear=car.rear,
            rear_share=car.rear / car.wheelbase,
            power=car.power,
            max_speed=car.max_speed,
            steering_lag=car.steering_lag,
            pedal_lag=car.pedal_lag,
            steering_rate=car.steering_rate,
            least_rate=-car.steering_rate,
        )

    @abstractmethod
    def motion(self, v: Number, beta: Number, r: Number, delta: Number, a: Number, ops: Ops) -> Motion:
        """
        :param v: speed, ≥ 0
        :param beta: sideslip angle
        :param r: yaw rate
        :param delta: steering angle
        :param a: acceleration, within the engine's power
        :param ops: numbers or arrays
        :return: how they change
        """

    @property
    @abstractmethod
    def grip(self) -> float:
        """:return: the greatest lateral acceleration over g that the model has, or is meant for"""

    @property
    @abstractmethod
    def rate(self) -> float:
        """:return: the greatest rate at which sideslip and yaw rate settle at any speed, in 1/s"""

    @property
    def longest_step(self) -> float:
        """:return: of the Runge–Kutta method, in s: longer ones do not follow the car but swing about it, and grow"""
        lags = (self.car.steering_lag, self.car.pedal_lag) if self.lag else ()
        rate = max([self.rate, *(1.0 / lag for lag in lags)])
        return _LONGEST / rate if rate else math.inf

    def advance(self, state: State, steering: Number, pedal: Number, h: float, n: int, ops: Ops) -> State:
        """
        n Runge–Kutta steps under commands that are held.

        :param state: of the car, eight numbers
        :param steering: δ that is asked for, in rad
        :param pedal: a that is asked for, in m/s²
        :param h: the length of each, in s
        :param n: how many
        :param ops: numbers or arrays
        :return: the state after them
        """
        car, lag, zero = self._chassis[ops.many], self.lag, ops.const.zero
        if not lag:
            state = ops.stack([*state[:6], steering, pedal])

        def derivative(now: State) -> State:
            _, _, psi, v, beta, r, delta, a = now
            v = ops.maximum(v, zero)  # brakes do not push back
            powered = self.powered(a, v, ops)
            slip, speed, yaw, slipping, turning = self.motion(v, beta, r, delta, powered, ops)
            course = psi + slip
            if lag:
                rate = ops.clip((steering - delta) / car.steering_lag, car.least_rate, car.steering_rate)
                build_up = (pedal - a) / car.pedal_lag
            else:
                rate = build_up = zero * v
            return [v * ops.cos(course), v * ops.sin(course), yaw, speed, slipping, turning, rate, build_up]

        for _ in range(n):
            state = rk4(derivative, state, h)
            state[3] = ops.maximum(state[3], zero)
        return self.settled(state, ops)

    def powered(self, a: Number, v: Number, ops: Ops) -> Number:
        """
        :param a: acceleration that is asked for, in m/s²
        :param v: speed, in m/s
        :param ops: numbers or arrays
        :return: what the engine has of it: at most power/v, and nothing beyond the greatest speed
        """
        car, const = self._chassis[ops.many], ops.const
        most = ops.where(v < car.max_speed, car.power / ops.maximum(v, const.one), const.zero)
        return ops.minimum(a, most)

    def settled(self, state: State, ops: Ops) -> State:
        """:return: the state as it is handed on"""
        return state

    def rolling(self, v: Number, delta: Number, ops: Ops) -> tuple[Number, Number]:
        """
        :param v: speed
        :param delta: steering angle
        :param ops: numbers or arrays
        :return: sideslip angle β = atan(tan δ·l_r/l) and yaw rate v·cos β·tan δ/l = v·sin β/l_r of a car whose wheels
            do not slip
        """
        car = self._chassis[ops.many]
        beta = ops.atan(ops.tan(delta) * car.rear_share)
        return beta, v * ops.sin(beta) / car.rear


class Kinematic(Model):
    """Wheels that do not slip: CommonRoad's kinematic single track, about the centre of mass."""

    @property
    def rate(self) -> float:
        return 0.0

    @property
    def grip(self) -> float:
        return self.car.tyre.p_dy1

    def motion(self, v: Number, beta: Number, r: Number, delta: Number, a: Number, ops: Ops) -> Motion:
        beta, yaw = self.rolling(v, delta, ops)
        still = ops.const.zero * v
        return Motion(beta, a, yaw, still, still)

    def settled(self, state: State, ops: Ops) -> State:
        x, y, psi, v, _, _, delta, a = state
        beta, r = self.rolling(v, delta, ops)
        return [x, y, psi, v, beta, r, delta, a]


class Dynamic(Model, ABC):
    """
    Wheels that slip. Below walking speed, where slip angles lose their meaning, β and r settle at those of wheels that
    do not; the share of the tyres is (1 + tanh((v − 2)/0.4))/2, 1 in all digits from 10 m/s on.

    :param car: its numbers
    :param lag: whether it has lags
    :param friction: of the road: 1 on dry asphalt
    """

    def __init__(self, car: Car, lag: bool, friction: float):
        super().__init__(car, lag)
        self.friction = friction

    @property
    def grip(self) -> float:
        return self.car.tyre.p_dy1 * self.friction

    @property
    @abstractmethod
    def cornering(self) -> float:
        """:return: slope of an axle's lateral force by its slip angle, where there is none, over the load"""

    @property
    def rate(self) -> float:
        car, v = self.car, np.linspace(0.0, 10.0, 401)
        front, rear = (self.cornering * GRAVITY * arm / car.wheelbase for arm in (car.rear, car.front))
        w, u = 0.5 * (1.0 + np.tanh((v - _BLEND) / _SHARPNESS)), np.maximum(v, 1.0)
        # Of (β, r) about straight driving.
        slopes = np.empty((len(v), 2, 2))
        uneven, turns = car.front * front - car.rear * rear, car.mass / car.inertia
        slopes[:, 0, 0] = -w * (front + rear) / u - (1.0 - w) / _SETTLING
        slopes[:, 0, 1] = -w * (1.0 + uneven / u**2)
        slopes[:, 1, 0] = -w * uneven * turns
        slopes[:, 1, 1] = -w * (car.front**2 * front + car.rear**2 * rear) * turns / u - (1.0 - w) / _SETTLING
        return float(abs(np.linalg.eigvals(slopes)).max())

    def motion(self, v: Number, beta: Number, r: Number, delta: Number, a: Number, ops: Ops) -> Motion:
        c, one = _BLENDING[ops.many], ops.const.one
        w = ops.const.half * (one + ops.tanh((v - c.blend) / c.sharpness))
        rest = one - w
        settling = rest / c.settling
        speed, slipping, turning, pull = self.slipping(ops.maximum(v, one), beta, r, delta, a, ops)
        rolling, yaw = self.rolling(v, delta, ops)
        return Motion(
            beta,
            w * speed + rest * pull,
            w * r + rest * yaw,
            w * slipping + settling * (rolling - beta),
            w * turning + settling * (yaw - r),
        )

    @abstractmethod
    def slipping(
        self, v: Number, beta: Number, r: Number, delta: Number, a: Number, ops: Ops
    ) -> tuple[Number, Number, Number, Number]:
        """:return: dv/dt, dβ/dt, dr/dt, of a speed ≥ 1; and dv/dt straight on, which a slow car has"""


class Linear(Dynamic):
    """
    Tyres whose lateral force is proportional to slip angle, load and friction, small angles, and loads that the
    acceleration shifts: CommonRoad's single track, Althoff and Würsching 2020, Section 6. Friction does not bound
    forces here.
    """

    def __init__(self, car: Car, lag: bool, friction: float):
        super().__init__(car, lag, friction)
        # Of an axle, over the mass: μ·C_S·F_z/m, with F_front/m = (g·l_r − a·h)/l and F_rear/m = (g·l_f + a·h)/l.
        stiffness = self.cornering / car.wheelbase
        self._numbers = both(
            front_stiffness=stiffness * GRAVITY * car.rear,
            rear_stiffness=stiffness * GRAVITY * car.front,
            shift=stiffness * car.height,
            front=car.front,
            rear=car.rear,
            front_turn=car.mass * car.front / car.inertia,
            rear_turn=car.mass * car.rear / car.inertia,
        )

    @property
    def cornering(self) -> float:
        return self.car.tyre.p_ky1 * self.friction

    def slipping(
        self, v: Number, beta: Number, r: Number, delta: Number, a: Number, ops: Ops
    ) -> tuple[Number, Number, Number, Number]:
        c = self._numbers[ops.many]
        shift, bend = c.shift * a, r / v
        front = (c.front_stiffness - shift) * (delta - beta - c.front * bend)
        rear = (c.rear_stiffness + shift) * (c.rear * bend - beta)
        return a, (front + rear) / v - r, c.front_turn * front - c.rear_turn * rear, a


class Slip(Dynamic):
    """
    Combined slip: the equations of CommonRoad's single-track drift model (Althoff and Würsching 2020, Section 8) with
    forces of :class:`sb3_entropy_vehicle.tyres.Grip`.

    Three things differ. Wheels have no inertia, whose time constant of a millisecond would cost twenty times as many
    steps: what the pedals ask for, m·a split between the axles, is turned into the slip that would give it, at most
    that of the peak, as if by anti-lock brakes and traction control. The shifts are left out. And loads are shifted by
    no more acceleration than the road can give.
    """

    def __init__(self, car: Car, lag: bool, friction: float):
        super().__init__(car, lag, friction)
        self.tyre = Grip(car.tyre, friction)
        limit = GRAVITY * self.tyre.peak_along
        # Loads and forces are over the mass, in m/s².
        self._numbers = both(
            limit=limit,
            least=-limit,
            shift=car.height / car.wheelbase,
            front_load=GRAVITY * car.rear / car.wheelbase,
            rear_load=GRAVITY * car.front / car.wheelbase,
            front_brake=car.front_brake,
            front_drive=car.front_drive,
            peak=self.tyre.peak_along,
            front=car.front,
            rear=car.rear,
            slowest=0.5,
            front_turn=car.mass * car.front / car.inertia,
            rear_turn=car.mass * car.rear / car.inertia,
        )

    @property
    def cornering(self) -> float:
        return self.car.tyre.p_ky1

    def slipping(
        self, v: Number, beta: Number, r: Number, delta: Number, a: Number, ops: Ops
    ) -> tuple[Number, Number, Number, Number]:
        c, const = self._numbers[ops.many], ops.const
        shift = ops.clip(a, c.least, c.limit) * c.shift
        load_front, load_rear = c.front_load - shift, c.rear_load + shift
        asked = a / c.peak
        asked_front = ops.where(a < const.zero, c.front_brake, c.front_drive) * asked
        sin_beta, cos_beta = ops.sin(beta), ops.cos(beta)
        across, ahead = v * sin_beta, ops.maximum(v * cos_beta, c.slowest)
        alpha_front = ops.atan((across + r * c.front) / ahead) - delta
        alpha_rear = ops.atan((across - r * c.rear) / ahead)
        (x_f, x_r), (y_f, y_r), (pull_f, pull_r) = self._axles(
            (load_front, load_rear), (asked_front, asked - asked_front), (alpha_front, alpha_rear), ops
        )
        sin_delta, cos_delta = ops.sin(delta), ops.cos(delta)
        # In the car's directions, and then along and across its velocity.
        front = y_f * cos_delta + x_f * sin_delta
        x, y = x_r + x_f * cos_delta - y_f * sin_delta, y_r + front
        turning = c.front_turn * front - c.rear_turn * y_r
        speed = x * cos_beta + y * sin_beta
        return speed, (y * cos_beta - x * sin_beta) / v - r, turning, c.peak * (pull_f + pull_r)

    def _axles(
        self, load: Sequence[Number], asked: Sequence[Number], alpha: Sequence[Number], ops: Ops
    ) -> tuple[Sequence[Number], Sequence[Number], Sequence[Number]]:
        """
        :param load: of front and rear axle
        :param asked: of them, along, over the tyres' peak of a load
        :param alpha: their slip angles
        :return: forces along and across, and the loads times the share of the peak that is asked for, of each axle
        """
        if ops.many:  # both at once
            forces, pull = self._axle(ops.stack(load), ops.stack(asked), ops.stack(alpha), ops)
            return forces.along, forces.across, pull
        front, pull_front = self._axle(load[0], asked[0], alpha[0], ops)
        rear, pull_rear = self._axle(load[1], asked[1], alpha[1], ops)
        return (front.along, rear.along), (front.across, rear.across), (pull_front, pull_rear)

    def _axle(self, load: Number, asked: Number, alpha: Number, ops: Ops) -> tuple[Forces, Number]:
        share = ops.clip(asked / load, ops.const.minus_one, ops.const.one)
        return self.tyre.forces(load, share, self.tyre.slip(share, ops), alpha, ops), share * load
