"""A controller for ``entropy/PaperVehicle-v0`` that needs no training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_vehicle.paper import DT, WHEELBASE, PaperTracking


class Chase:
    """
    Proportional and derivative on the way to the target, of which thrust gives what points along the car:

    throttle = (k_p e + k_d (u − v))·(cos ψ, sin ψ), steering 0,

    with e from the car to the target, v the car's velocity and u the target's, which is not observed: it is e's
    difference over a step, plus v. The car begins by turning at −1 rad/s, and its tyres hardly slow that, so that
    thrust points everywhere once in about six seconds. Gains were chosen on the one start that there is.

    :param env: an environment of ``entropy/PaperVehicle-v0``, wrapped or not
    :param k_p: in 1/s²
    :param k_d: in 1/s
    :raises TypeError: if the environment is another
    """

    def __init__(self, env: Any, k_p: float = 1.0, k_d: float = 3.0):
        if not isinstance(getattr(getattr(env, "unwrapped", env), "task", None), PaperTracking):
            raise TypeError(f"Chase drives entropy/PaperVehicle-v0, but {env!r} was given.")
        self.gains = (float(k_p), float(k_d))

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """
        :param observation: shape (6,) or (N, 6)
        :param state: e and v of the step before, shape (4,) or (N, 4); ``None``: there was none
        :param episode_start: where there was none, shape (N,)
        :param deterministic: without influence
        :return: actions, shape (2,) or (N, 2), and e and v
        """
        k_p, k_d = self.gains
        to_x, to_y, psi, vx, vy, _ = np.moveaxis(np.asarray(observation, np.float64), -1, 0)
        cos, sin = np.cos(psi), np.sin(psi)
        now = np.stack([to_x + WHEELBASE * cos, to_y + WHEELBASE * sin, vx * cos - vy * sin, vx * sin + vy * cos], -1)
        e, v = now[..., :2], now[..., 2:]
        before = now if state is None else state
        target = (e - before[..., :2]) / DT + before[..., 2:]
        if episode_start is not None:
            target = np.where(np.reshape(episode_start, (*now.shape[:-1], 1)), v, target)
        pull = k_p * e + k_d * (target - v)
        throttle = pull[..., 0] * cos + pull[..., 1] * sin
        return np.stack([np.clip(throttle, -1.0, 1.0), 0.0 * throttle], axis=-1).astype(np.float32), now
