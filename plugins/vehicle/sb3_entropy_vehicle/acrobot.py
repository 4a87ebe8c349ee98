"""The Acrobot with a continuous torque, as Zhang, Chang and Gao 2025 have it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy_vehicle.env import TaskEnv
from sb3_entropy_vehicle.numerics import Number, Ops, State, both, rk4
from sb3_entropy_vehicle.rendering.arm import arm_image
from sb3_entropy_vehicle.task import Outcome, Task

#: s, m/s², N m, rad/s
DT, GRAVITY, MAX_TORQUE, MAX_RATES = 0.2, 9.8, 20.0, (4.0 * math.pi, 9.0 * math.pi)
#: the inertia matrix where cos θ₂ = 0, and the weight of half a link
_LINKS = both(d11=0.25 + 1.25 + 2.0, d12=0.25 + 1.0, d22=1.25, weight=0.5 * GRAVITY, upper=1.5 * GRAVITY)


class TorqueAcrobotEnv(TaskEnv):
    """
    The task ``AcrobotCont`` of the public code of Zhang, Chang and Gao, "When maximum entropy misleads policy
    optimization", ICML 2025: two links that hang on one another, with a motor in the elbow alone, to be held upright.

    *State*: θ₁ of the first link to the horizontal and θ₂ of the second to the first, in rad in [−π, π), and their
    rates, in rad/s, at most 4π and 9π. *Action*: a torque over 20 N m, in [−1, 1], held for 0.2 s: one Runge–Kutta
    step, after which rates are cut. *Observation*: (cos θ₁, sin θ₁, cos θ₂, sin θ₂, θ̇₁, θ̇₂). *Reward*:
    −(θ₁ − π/2)² − θ₂² − 0.1 θ̇₁² − 0.1 θ̇₂², the first angle's difference in [−π, π).
    *Start*: θ₁ between 45° and 135°, the rest within 0.1.
    Nothing terminates; ``entropy/TorqueAcrobot-v0`` cuts the episode after 400 steps, as there.

    Links have 1 m, 1 kg, the centre in the middle, and an inertia of 1 kg m² about it; g = 9.8 m/s². Reset options:
    ``theta1``, ``theta2``, ``rate1``, ``rate2``. All is drawn from the environment's generator, where the source draws
    the last three from a global one.

    :param render_mode: ``"rgb_array"`` (image), ``"human"`` (a window) or ``None``
    :raises ValueError: if the render mode is another
    """

    def __init__(self, *, render_mode: str | None = None):
        super().__init__(TorqueAcrobot(), render_mode)


class TorqueAcrobot(Task):
    """The mechanics. A state is (θ₁, θ₂, θ̇₁, θ̇₂)."""

    dt = DT
    terms = ("upright", "straight", "still")
    options: Mapping[str, tuple[float, float]] = {
        "theta1": (-math.pi, math.pi),
        "theta2": (-math.pi, math.pi),
        "rate1": (-MAX_RATES[0], MAX_RATES[0]),
        "rate2": (-MAX_RATES[1], MAX_RATES[1]),
    }

    def __init__(self) -> None:
        high = np.array([1.0, 1.0, 1.0, 1.0, *MAX_RATES], np.float32)
        self.observation_space = spaces.Box(-high, high)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def begin(self, rng: np.random.Generator, options: Mapping[str, float]) -> list[float]:
        drawn = [math.pi / 4 + math.pi / 2 * float(rng.random()), *(0.2 * rng.random(3) - 0.1).tolist()]
        return [options.get(name, number) for name, number in zip(self.options, drawn, strict=True)]

    def step(self, state: State, action: Sequence[Number], ops: Ops) -> Outcome:
        torque = MAX_TORQUE * action[0]
        theta1, theta2, rate1, rate2 = rk4(lambda now: derivative(now, torque, ops), state, DT)
        theta1, theta2 = ops.wrapped(theta1), ops.wrapped(theta2)
        rate1 = ops.clip(rate1, -MAX_RATES[0], MAX_RATES[0])
        rate2 = ops.clip(rate2, -MAX_RATES[1], MAX_RATES[1])
        off = ops.wrapped(theta1 - math.pi / 2)
        terms = {"upright": -off * off, "straight": -theta2 * theta2, "still": -0.1 * (rate1 * rate1 + rate2 * rate2)}
        return Outcome([theta1, theta2, rate1, rate2], terms, 0)

    def observe(self, state: State, ops: Ops) -> Sequence[Number]:
        theta1, theta2, rate1, rate2 = state
        return [ops.cos(theta1), ops.sin(theta1), ops.cos(theta2), ops.sin(theta2), rate1, rate2]

    def describe(self, state: State) -> dict[str, Number]:
        return dict(zip(self.options, state, strict=True))

    def image(self, path: Sequence[State]) -> NDArray[np.uint8]:
        return arm_image(path[-1] if path else None)


def derivative(state: State, torque: Number, ops: Ops) -> State:
    """
    D θ̈ = τ − C − G of two links, the inertia matrix's 2 × 2 system solved in closed form.

    :param state: (θ₁, θ₂, θ̇₁, θ̇₂)
    :param torque: between the links, in N m
    :param ops: numbers or arrays
    :return: its derivative by time
    """
    theta1, theta2, rate1, rate2 = state
    sin, cos = ops.sin(theta2), ops.cos(theta2)
    c, half = _LINKS[ops.many], ops.const.half
    d11, d12, d22 = c.d11 + cos, c.d12 + half * cos, c.d22
    lower, swing = c.weight * ops.cos(theta1 + theta2), half * sin
    push1 = swing * (ops.const.two * rate1 * rate2 + rate2 * rate2) - c.upper * ops.cos(theta1) - lower
    push2 = torque - swing * rate1 * rate1 - lower
    determinant = d11 * d22 - d12 * d12
    return [
        rate1,
        rate2,
        (d22 * push1 - d12 * push2) / determinant,
        (d11 * push2 - d12 * push1) / determinant,
    ]
