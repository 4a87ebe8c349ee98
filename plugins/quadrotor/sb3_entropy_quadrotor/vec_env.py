"""Many quadrotors in MuJoCo stepped at once, as a Stable-Baselines3 ``VecEnv``."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.vec_env.actions import box_actions
from sb3_entropy.vec_env.batch import BatchVecEnv, Columns, Info, Moved, rows
from sb3_entropy_quadrotor.disturbances import drawn_body
from sb3_entropy_quadrotor.env import BOUNDS, QuadrotorEnv
from sb3_entropy_quadrotor.flight import quaternion_of, rotation_of, turned
from sb3_entropy_quadrotor.flights import Flights
from sb3_entropy_quadrotor.mjcf import CONTROL_STEP
from sb3_entropy_quadrotor.parameters import Vector
from sb3_entropy_quadrotor.rendering import path_of
from sb3_entropy_quadrotor.reward import rewards_of
from sb3_entropy_quadrotor.start import start_of
from sb3_entropy_quadrotor.trajectories import Timetable, Trajectory

Array = NDArray[np.float64]


class QuadrotorVecEnv(BatchVecEnv):
    """
    A batch of :class:`~sb3_entropy_quadrotor.env.QuadrotorEnv` with the same parameters, equal to a ``DummyVecEnv`` of
    them to the bit. MuJoCo steps them on threads; what is seen, paid and commanded is computed for all at once.

    :param world: one of them, which answers for what they share
    :param n_envs: the number of environments N
    :param max_episode_steps: after how many steps an episode is cut; never if ``None``
    :param threads: that simulate
    :raises TypeError: if a number is not whole
    :raises ValueError: if a number is less than 1
    """

    world: QuadrotorEnv

    def __init__(self, world: QuadrotorEnv, n_envs: int, max_episode_steps: int | None = None, threads: int = 1):
        super().__init__(world, n_envs, max_episode_steps, {"charge": self.charge})
        self._noisy = world.disturbed
        self.flights = Flights(world.flight, n_envs, self._noisy, threads)
        self.timetable = Timetable(world.trajectory)
        self._trim = world.action_map.trim
        self._keep, self._scales = world.disturbances.keep, world.disturbances.scales
        self._begun_at = np.zeros(n_envs)
        self._thrust_factors = np.ones((n_envs, 1))
        self._charges = np.ones(n_envs)
        self._winds = np.zeros((n_envs, 3))
        self._normals = np.zeros((n_envs, 19))
        self._seen = np.zeros((n_envs, len(BOUNDS)), np.float32)

    def charge(self, i: int) -> float:
        """:return: what the battery of quadrotor i has left, in [0, 1]"""
        return float(self._charges[i])

    def begin(self, which: NDArray[np.int64], options: Sequence[Mapping[str, Any]]) -> tuple[NDArray[Any], list[Info]]:
        world, noises = self.world, np.zeros((len(which), 19))
        masses, distances = [], []
        for row, (i, given) in enumerate(zip(which.tolist(), options, strict=True)):
            start = start_of(world.trajectory, self.generators[i], given)
            mass, thrust_factor = world.airframe.mass, 1.0
            if self._noisy:
                body = drawn_body(world.airframe, world.disturbances, self.generators[i])
                mass, inertia, thrust_factor, self._winds[i], noises[row], self._charges[i] = body
                self.flights.become(i, mass, inertia)
            place = [*start.position, *quaternion_of(*start.angles), *start.velocity, *start.rates]
            self.flights.place(i, place, thrust_factor * world.airframe.hover_thrust)
            self._begun_at[i], self._thrust_factors[i] = start.time, thrust_factor
            masses.append(mass)
            distances.append(math.dist(start.position, world.trajectory(start.time)[0]))
        times = self._begun_at[which]
        goals, targets = self.timetable.at(times.tolist())
        states = self.flights.states[which, 1:14].T
        before = np.tile(self._trim, (len(which), 1))
        self._seen[which] = seen = _observed(states, targets, noises.T if self._noisy else None, before)
        nowhere = np.zeros(len(which), bool)
        said = _said(times, states[:3], goals, np.array(distances), nowhere, nowhere)
        said |= {"mass": masses, "thrust_factor": self._thrust_factors[which, 0]}
        if world.disturbances.least_charge < 1.0:
            said["charge"] = self._charges[which]
        return seen, rows(said)

    def checked(self, actions: Any) -> Array:
        return box_actions(actions, self.num_envs, 4)

    def move(self, actions: Array) -> Moved:
        world, noises = self.world, None
        commands = world.action_map.commands(actions)
        if self._noisy:
            for generator, row in zip(self.generators, self._normals, strict=True):
                generator.standard_normal(out=row)
            noises = np.ascontiguousarray((self._scales * self._normals).T)
            if world.battery is not None:
                thrusts, self._charges = world.battery.spend(list(commands.T), self._charges, np.minimum, np.sqrt)
                commands = np.stack(thrusts, axis=1)
            # A rotor does not push backwards.
            commands = np.maximum(self._thrust_factors * commands * (1.0 + noises[12:16].T), 0.0)
            sound = self.flights.advance(commands, self._winds)
            self._winds = self._keep * self._winds + noises[16:].T
        else:
            sound = self.flights.advance(commands, None)
        times = self._begun_at + self.steps * CONTROL_STEP
        goals, targets = self.timetable.at(times.tolist())
        states = np.ascontiguousarray(self.flights.states[:, 1:14].T)
        lost = ~sound
        with np.errstate(all="ignore"):
            seen = _observed(states, targets, noises, actions)
            ex, ey, ez = targets[:3] - states[:3]
            distances, slow = np.sqrt(ex * ex + ey * ey + ez * ez), targets[3:6] - states[7:10]
            _, _, z, w, i, j, k = states[:7]
            crashed = (distances > world.crash_distance) | (z <= 0.0) | (w * w + k * k < i * i + j * j) | lost
        if lost.any():
            seen[lost], states[:3, lost], distances[lost] = self._seen[lost], targets[:3, lost], world.crash_distance
            slow[:, lost] = states[10:, lost] = 0.0
        terms = rewards_of(distances, slow, states[10:], (actions - self._trim).T, crashed)
        said = _said(times, states[:3], goals, distances, crashed, lost)
        self._seen = seen
        return Moved(seen.copy(), terms.total, crashed, {**said, "reward_terms": terms._asdict()})

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """
        :return: where each quadrotor is, as one of them draws it, without the way that led there
        :raises RuntimeError: if MuJoCo has no renderer
        """
        world, times = self.world, (self._begun_at + self.steps * CONTROL_STEP).tolist()
        return [
            world.camera.picture("rgb_array", state[:3], state[3:], *_ahead(world.trajectory, now))
            for state, now in zip(self.flights.states[:, 1:8].tolist(), times, strict=True)
        ]


def _ahead(trajectory: Trajectory, now: float) -> tuple[Vector, list[Vector]]:
    """:return: where the target is, and where it will be"""
    return trajectory(now)[0], path_of(trajectory, now)


def _observed(states: Array, targets: Array, noises: Array | None, before: Array) -> NDArray[np.float32]:
    """
    :param states: position, quaternion, velocity, rates, shape (13, n)
    :param targets: shape (9, n)
    :param noises: of the sensors, shape (≥ 12, n)
    :param before: actions, shape (n, 4)
    :return: what is seen, shape (n, 28)
    """
    w, x, y, z = states[3:7]
    rates, near, slow = states[10:], targets[:3] - states[:3], targets[3:6] - states[7:10]
    if noises is not None:
        near, slow, rates = near + noises[:3], slow + noises[3:6], rates + noises[9:12]
        w, x, y, z = turned(w, x, y, z, *noises[6:9])
    seen = np.empty((len(before), len(BOUNDS)), np.float32)
    columns = seen.T
    columns[:3], columns[3:6], columns[6:15], columns[15:18] = near, slow, rotation_of(w, x, y, z), rates
    columns[18:24], columns[24:] = targets[3:], before.T
    np.minimum(seen, BOUNDS, out=seen)
    np.maximum(seen, -BOUNDS, out=seen)
    return seen


def _said(
    times: Array,
    places: Array,
    goals: Sequence[Vector],
    distances: Array,
    crashed: NDArray[np.bool_],
    diverged: NDArray[np.bool_],
) -> Columns:
    """:return: the columns of ``info``"""
    return {
        "time": times,
        "position": zip(*places.tolist(), strict=True),
        "target": goals,
        "position_error": distances,
        "crashed": crashed,
        "diverged": diverged,
    }
