"""A controller for ``entropy/Vehicle-v0``: what can be had without learning."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_vehicle.car import GRAVITY
from sb3_entropy_vehicle.tracking import PREVIEW, Tracking


class Pursuit:
    """
    Stanley's law with a preview: the wheels are turned for the bend that comes in 0.25 s, less the course's error, less
    the angle back to the track; the pedals work on the speed's error. It reads observations, one or a batch.

    δ = l·κ(0.25 s ahead) − k_c·(ε + β) − atan(k_e·e/(v + 1)) − k_r·(r − vκ)
    a = k_v·(v* − v)

    with κ here where nothing is said, and v* the target speed. ``predict`` has the form of a Stable-Baselines3 model's,
    so that ``evaluate_policy`` takes it.

    :param env: an environment of ``entropy/Vehicle-v0``, wrapped or not, whose numbers it knows
    :param k_e: gain of the lateral error, in 1/s
    :param k_c: gain of the course's error
    :param k_r: gain of the yaw rate's error, in s
    :param k_v: gain of the speed's error, in 1/s
    :raises TypeError: if the environment is another
    """

    def __init__(self, env: Any, k_e: float = 1.5, k_c: float = 0.8, k_r: float = 0.1, k_v: float = 2.0):
        task = getattr(getattr(env, "unwrapped", env), "task", None)
        if not isinstance(task, Tracking):
            raise TypeError(f"Pursuit steers environments of entropy/Vehicle-v0 on a track, but {env!r} was given.")
        self.task = task
        self.gains = (float(k_e), float(k_c), float(k_r), float(k_v))

    def predict(
        self,
        observation: NDArray[np.float32],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """
        :param observation: shape (O,) or (N, O)
        :param state: handed back
        :param episode_start: without influence
        :param deterministic: without influence
        :return: actions, shape (2,) or (N, 2), and the state
        """
        k_e, k_c, k_r, k_v = self.gains
        task, car = self.task, self.task.model.car
        seen = np.moveaxis(np.asarray(observation, np.float64), -1, 0)
        left, turned, slow, beta, r = seen[0] * task.half_width, seen[1], seen[2], seen[3], seen[4]
        v = task.target_speed * (1.0 + slow)
        bends = seen[7:] * (task.model.grip * GRAVITY / task.target_speed**2)
        here, soon = bends[PREVIEW.index(0.0)], bends[PREVIEW.index(0.25)]
        steering = (
            car.wheelbase * soon - k_c * (turned + beta) - np.arctan(k_e * left / (v + 1.0)) - k_r * (r - v * here)
        )
        asked = k_v * (task.target_speed - v)
        pedal = np.where(asked > 0.0, asked / car.max_drive, asked / car.max_brake)
        action = np.stack([pedal, steering / car.max_steering], axis=-1)
        return np.clip(action, -1.0, 1.0).astype(np.float32), state
