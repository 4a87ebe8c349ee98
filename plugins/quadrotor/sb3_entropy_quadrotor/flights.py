"""Many rigid bodies in MuJoCo, stepped by its own batched rollout."""

import copy
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from mujoco.rollout import Rollout
from numpy.typing import NDArray

from sb3_entropy_quadrotor.flight import MOST, Flight
from sb3_entropy_quadrotor.mjcf import SUBSTEPS

#: time, position and quaternion, velocity and rates, thrusts where they lag
_STATE = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)
#: wrench or thrusts, and forces on the body
_HELD = int(mujoco.mjtState.mjSTATE_CTRL) | int(mujoco.mjtState.mjSTATE_QFRC_APPLIED)
#: fewer flights than this a thread cost more in handing them out than the thread saves
LEAST = 8


class Flights:
    """
    N of what :class:`~sb3_entropy_quadrotor.flight.Flight` is one of, to the bit. How many threads share them changes
    nothing but the time; while they work, Python's lock is free.

    :param flight: one of them
    :param n: N
    :param varied: whether masses differ, so that each needs a model of its own
    :param threads: how many, at least 1
    """

    def __init__(self, flight: Flight, n: int, varied: bool, threads: int):
        self.drag, self.lagging = flight.drag, flight.lagging
        self.models = [copy.copy(flight.model) if varied else flight.model for _ in range(n)]
        self.threads = min(threads, max(n // LEAST, 1))
        self._scratch: Any = mujoco.MjData(flight.model)
        #: shape (N, S): time in s, position in m, (w, x, y, z), velocity in m/s, rates in rad/s, thrusts in N
        self.states = np.zeros((n, mujoco.mj_stateSize(flight.model, _STATE)))
        self._after = np.zeros((n, SUBSTEPS, self.states.shape[1]))
        self._held = np.zeros((n, SUBSTEPS, mujoco.mj_stateSize(flight.model, _HELD)))
        self._start_threads()

    def _start_threads(self) -> None:
        # One thread is this one.
        self._pool: Any = Rollout(nthread=self.threads if self.threads > 1 else 0)
        self._datas = [mujoco.MjData(self.models[0]) for _ in range(self.threads)]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in {"_pool", "_datas"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start_threads()

    def become(self, i: int, mass: float, inertia: Sequence[float]) -> None:
        """
        :param i: which of them, where they are varied
        :param mass: in kg
        :param inertia: in kg m²
        """
        model = self.models[i]
        model.body_mass[1], model.body_inertia[1] = mass, inertia
        mujoco.mj_setConst(model, self._scratch)

    def place(self, i: int, state: Sequence[float], thrusts: float) -> None:
        """
        :param i: which of them
        :param state: position, quaternion, velocity and rates, 13 numbers
        :param thrusts: what each rotor has, in N; of no account without a lag
        """
        self.states[i, 0], self.states[i, 1:14], self.states[i, 14:] = 0.0, state, thrusts

    def advance(self, controls: NDArray[np.float64], wind: NDArray[np.float64] | None) -> NDArray[np.bool_]:
        """
        A control step of all.

        :param controls: wrenches or thrusts, shape (N, 4)
        :param wind: in m/s, shape (N, 3)
        :return: whether each state is sound: finite, and not beyond what any flight reaches, shape (N,)
        """
        self._held[:, :, :4] = controls[:, None]
        if wind is not None:
            self._held[:, :, 4:7] = (self.drag * wind)[:, None]
        self._pool.rollout(
            self.models,
            self._datas,
            self.states,
            self._held,
            control_spec=_HELD,
            skip_checks=True,
            nstep=SUBSTEPS,
            state=self._after,
        )
        self.states[:] = self._after[:, -1]
        # As one flight's: the greatest and the sum are no numbers if one is none.
        slow = np.abs(self.states[:, 8:14]).max(axis=1) < MOST
        sound: NDArray[np.bool_] = slow & np.isfinite(self.states[:, 1:8].sum(axis=1))
        return sound
