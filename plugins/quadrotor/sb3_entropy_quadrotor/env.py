"""The quadrotor as a Gymnasium environment."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_quadrotor.actions import ActionMap, checked_action
from sb3_entropy_quadrotor.battery import Battery
from sb3_entropy_quadrotor.disturbances import NONE, Disturbances, drawn_body
from sb3_entropy_quadrotor.flight import Flight, quaternion_of, rotation_of, turned
from sb3_entropy_quadrotor.mjcf import CONTROL_STEP
from sb3_entropy_quadrotor.parameters import Airframe, made_of
from sb3_entropy_quadrotor.rendering import METADATA, Camera, check_render_mode, path_of
from sb3_entropy_quadrotor.reward import reward_of
from sb3_entropy_quadrotor.start import start_of
from sb3_entropy_quadrotor.trajectories import Target, trajectory_of

Observation = NDArray[np.float32]

MODELS = ("simple", "rotor", "realistic")

#: the bounds of the observation, ±, part by part: m, m/s, 1, rad/s, m/s, m/s², 1
BOUNDS = np.repeat([2.0, 20.0, 1.0, 100.0, 20.0, 50.0, 1.0], [3, 3, 9, 3, 3, 3, 4]).astype(np.float32)


class QuadrotorEnv(gym.Env[Observation, NDArray[np.float32]]):
    """
    A small quadrotor that is to be where its target is: a rigid body in MuJoCo, 50 control steps a second of five
    physics steps each.

    *Tasks*: ``hover`` at (0, 0, 1) m; ``circle`` and ``lemniscate`` of half width 0.75 m in 5 s a turn; ``line`` at
    1.5 m/s; or a function t → (position, velocity[, acceleration]).

    *Models*: ``simple``, whose actions are collective thrust and three torques, as they are; ``rotor``, four thrusts
    within what the rotors can do; ``realistic``, the same with
    :class:`~sb3_entropy_quadrotor.disturbances.Disturbances`.

    *Action*: in [−1, 1]⁴; see :class:`~sb3_entropy_quadrotor.actions.ActionMap`.

    *Observation*, 28 numbers, float32, clipped to their bounds:

    ===== ============================================ ======= =====
    from  what                                         unit    bound
    ===== ============================================ ======= =====
    0     target's position − position, world          m       ±2
    3     target's velocity − velocity, world          m/s     ±20
    6     rotation matrix, body to world, row by row   1       ±1
    15    angular velocity about the body's axes       rad/s   ±100
    18    target's velocity                            m/s     ±20
    21    target's acceleration                        m/s²    ±50
    24    the action before, that of hovering at first 1       ±1
    ===== ============================================ ======= =====

    *Reward*: see :class:`~sb3_entropy_quadrotor.reward.Reward`; its terms are ``info["reward_terms"]``. What is paid
    for is the true state, what is observed may be noisy.

    *End*: a crash terminates: 1 m from the target, on the ground (z ≤ 0), or upside down (body's z below the horizon).
    So does a simulation that diverges; ``info["diverged"]`` says so, and the observation is the last sound one. The
    time limit is the ``TimeLimit`` wrapper's, 250 steps.

    *Start*: within ±0.1 m, m/s, rad and rad/s of the target, each component uniform; ``reset(options={"position": …})``
    sets ``time``, ``position``, ``velocity``, ``angles`` (roll, pitch, yaw) or ``rates``.

    :param task: a task's name, or a function of the time in s
    :param model: ``"simple"``, ``"rotor"`` or ``"realistic"``
    :param actions: ``"rotors"`` or ``"wrench"``; by default ``"wrench"``, its only one, of *simple*,
        and ``"rotors"`` of the others
    :param action_range: ``"hover"``, around what hovers, or ``"full"``, all that the rotors can do
    :param span: of the range ``"hover"``: ± this share of the thrust that hovers
    :param crash_distance: from the target, in m
    :param airframe: the quadrotor, or what differs from a Crazyflie's by name
    :param disturbances: of *realistic*, or what differs from the defaults by name
    :param render_mode: ``"rgb_array"`` (image), ``"human"`` (window) or ``None``
    :param width: of the image, in pixels
    :param height: of the image, in pixels
    :raises TypeError: if a parameter has the wrong type
    :raises ValueError: if a parameter is out of its range, is not known, or does not fit the model
    """

    metadata = METADATA

    def __init__(
        self,
        *,
        task: str | Callable[[float], Any] = "hover",
        model: str = "simple",
        actions: str | None = None,
        action_range: str = "hover",
        span: float = 0.4,
        crash_distance: float = 1.0,
        airframe: Airframe | Mapping[str, Any] | None = None,
        disturbances: Disturbances | Mapping[str, Any] | None = None,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 360,
    ):
        check_choice("model", model, MODELS)
        check_render_mode(render_mode, width, height)
        check_number("crash_distance", crash_distance, 0.0, 2.0, open_low=True)
        if disturbances is not None and model != "realistic":
            raise ValueError(f"disturbances are those of model='realistic', but model={model!r} was given with them.")
        ideal = model == "simple"
        if ideal and actions == "rotors":
            raise ValueError(
                "model='simple' is commanded a collective thrust and torques, but actions='rotors' was given: leave "
                "actions out, or use model='rotor'."
            )
        self.trajectory = trajectory_of(task)
        self.airframe = made_of(Airframe, "airframe", airframe)
        self.disturbances = made_of(Disturbances, "disturbances", disturbances) if model == "realistic" else NONE
        kind = actions if actions is not None else ("wrench" if ideal else "rotors")
        self.action_map = ActionMap(self.airframe, kind, action_range, span, ideal)
        self.crash_distance = float(crash_distance)
        self.observation_space = spaces.Box(-BOUNDS, BOUNDS, dtype=np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.render_mode = render_mode
        self.flight = Flight(self.airframe, ideal, self.disturbances.motor_time, self.disturbances.drag)
        self.camera = Camera(self.airframe.arm, width, height, self.metadata["render_fps"])
        self.disturbed = model == "realistic"
        self._trim = self.action_map.trim.tolist()
        self._before = self._trim
        self._thrust_factor = 1.0
        self._wind = [0.0, 0.0, 0.0]
        capacity, resistance = self.disturbances.battery_capacity, self.disturbances.battery_resistance
        self.battery = Battery(self.airframe, capacity, resistance, CONTROL_STEP) if capacity > 0 else None
        #: that the battery has left, in [0, 1]
        self.charge = 1.0
        self._begun, self._steps = 0.0, 0
        self._target: Target = self.trajectory(0.0)
        self._seen: Observation = np.zeros(len(BOUNDS), dtype=np.float32)
        self._over = True
        self._keep, self._sensors = self.disturbances.keep, self.disturbances.scales

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """
        Begin an episode.

        :param seed: of ``np_random``, from which everything is drawn
        :param options: where to begin
        :return: the observation and ``info``, with the ``mass`` in kg and ``thrust_factor`` of this episode, and the
            battery's ``charge`` if it is drawn, besides what steps have
        :raises TypeError: if an option is not of numbers
        :raises ValueError: if there is no such option, or it is out of its range
        """
        super().reset(seed=seed)
        start = start_of(self.trajectory, self.np_random, options or {})
        mass = self.airframe.mass
        draws: list[float] = []
        if self.disturbed:
            mass, inertia, self._thrust_factor, self._wind, draws, self.charge = drawn_body(
                self.airframe, self.disturbances, self.np_random
            )
            self.flight.become(mass, inertia)
        hovering = 4 * [self._thrust_factor * self.airframe.hover_thrust]
        self.flight.place(start.position, quaternion_of(*start.angles), start.velocity, start.rates, hovering)
        self._begun, self._steps, self._before, self._over = start.time, 0, self._trim, False
        self._target = self.trajectory(start.time)
        self.camera.forget()
        qpos, qvel = self.flight.state()
        errors = [p - x for p, x in zip((*self._target[0], *self._target[1]), (*qpos[:3], *qvel[:3]), strict=True)]
        self._seen = self._observe(qpos, qvel, errors, draws)
        info = self._info(qpos, math.dist(qpos[:3], self._target[0]), False, False)
        self._show()
        drawn = {"mass": mass, "thrust_factor": self._thrust_factor}
        if self.disturbances.least_charge < 1.0:
            drawn["charge"] = self.charge
        return self._seen.copy(), {**info, **drawn}

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """
        Fly for 0.02 s.

        :param action: shape (4,); what lies outside [−1, 1] is clipped to it
        :return: observation, reward, whether it has crashed or the simulation diverged, ``False`` (cutting an episode
            is the ``TimeLimit`` wrapper's), and ``info``: ``time`` in s, ``position`` and ``target`` in m,
            ``position_error`` in m, ``crashed``, ``diverged`` and ``reward_terms``
        :raises ValueError: if the action is not four finite numbers, or the trajectory returns what it must not
        :raises gymnasium.error.ResetNeeded: if no episode has begun, or the last one is over
        """
        if self._over:
            raise gym.error.ResetNeeded("Call reset() before step(): no episode has begun, or the last one is over.")
        asked = checked_action(action)
        commands = self.action_map.command(asked)
        draws: list[float] = []
        if self.disturbed:
            draws = (self._sensors * self.np_random.standard_normal(19)).tolist()
            factor = self._thrust_factor
            if self.battery is not None:
                commands, self.charge = self.battery.spend(commands, self.charge)
            # A rotor does not push backwards.
            commands = [max(factor * u * (1.0 + e), 0.0) for u, e in zip(commands, draws[12:16], strict=True)]
            sound = self.flight.advance(commands, self._wind)
            keep, (wx, wy, wz) = self._keep, self._wind
            self._wind = [keep * wx + draws[16], keep * wy + draws[17], keep * wz + draws[18]]
        else:
            sound = self.flight.advance(commands, None)
        self._steps += 1
        self._target = target = self.trajectory(self._begun + self._steps * CONTROL_STEP)
        qpos, qvel = self.flight.state()
        if not sound:
            return self._diverged(asked)
        x, y, z, w, i, j, k = qpos
        (tx, ty, tz), (tu, tv, tw), _ = target
        errors = [tx - x, ty - y, tz - z, tu - qvel[0], tv - qvel[1], tw - qvel[2]]
        distance = math.sqrt(errors[0] * errors[0] + errors[1] * errors[1] + errors[2] * errors[2])
        crashed = distance > self.crash_distance or z <= 0.0 or w * w + k * k < i * i + j * j
        terms = reward_of(distance, errors[3:], qvel[3:], asked, self._trim, crashed)
        self._before, self._over = asked, crashed
        self._seen = self._observe(qpos, qvel, errors, draws)
        info = self._info(qpos, distance, crashed, False)
        info["reward_terms"] = terms._asdict()
        if self.render_mode is not None:
            self._show()
        return self._seen.copy(), terms.total, crashed, False, info

    def _diverged(self, asked: list[float]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._over = True
        terms = reward_of(self.crash_distance, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), asked, self._trim, True)
        info = self._info(self._target[0], self.crash_distance, True, True)
        info["reward_terms"] = terms._asdict()
        return self._seen.copy(), terms.total, True, False, info

    def _info(self, position: Sequence[float], distance: float, crashed: bool, diverged: bool) -> dict[str, Any]:
        return {
            "time": self._begun + self._steps * CONTROL_STEP,
            "position": tuple(position[:3]),
            "target": self._target[0],
            "position_error": distance,
            "crashed": crashed,
            "diverged": diverged,
        }

    def _observe(self, qpos: list[float], qvel: list[float], errors: list[float], draws: list[float]) -> Observation:
        w, x, y, z = qpos[3:]
        rates = qvel[3:]
        if draws:
            errors = [error + noise for error, noise in zip(errors, draws[:6], strict=True)]
            w, x, y, z = turned(w, x, y, z, *draws[6:9])
            rates = [rate + noise for rate, noise in zip(rates, draws[9:12], strict=True)]
        _, velocity, acceleration = self._target
        seen: Observation = np.array(
            [*errors, *rotation_of(w, x, y, z), *rates, *velocity, *acceleration, *self._before], dtype=np.float32
        )
        np.minimum(seen, BOUNDS, out=seen)
        np.maximum(seen, -BOUNDS, out=seen)
        return seen

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()
        elif self.render_mode is not None:
            self.camera.remember(self.flight.state()[0][:3])

    def render(self) -> Any:
        """
        :return: with ``"rgb_array"`` an image of shape (height, width, 3), uint8, the target a green ball, the path
            that it takes green and the way so far blue; else ``None``
        :raises RuntimeError: if there is no renderer or, for ``"human"``, no display
        """
        if self.render_mode is None:
            gym.logger.warn("render() draws nothing without a render mode: make the environment with render_mode=…")
            return None
        qpos, _ = self.flight.state()
        now = self._begun + self._steps * CONTROL_STEP
        path = path_of(self.trajectory, now)
        return self.camera.picture(self.render_mode, qpos[:3], qpos[3:], self._target[0], path)

    def close(self) -> None:
        """Close window and renderer."""
        self.camera.close()
