"""A quadrotor with what a test is about, and nothing else."""

from typing import Any

import numpy as np
from sb3_entropy_quadrotor.disturbances import NONE
from sb3_entropy_quadrotor.env import QuadrotorEnv

G = 9.81
#: seconds of a physics step and of a control step
H, STEP = 0.004, 0.02
AT_REST: dict[str, Any] = {
    "position": (0.0, 0.0, 1.0),
    "velocity": (0.0, 0.0, 0.0),
    "angles": (0.0, 0.0, 0.0),
    "rates": (0.0, 0.0, 0.0),
}
QUIET = dict(NONE.__dict__)


def started(options: dict[str, Any] | None = None, seed: int = 0, **settings: Any) -> QuadrotorEnv:
    """An environment at rest in its target, but for the options."""
    env = QuadrotorEnv(**settings)
    env.reset(seed=seed, options={**AT_REST, **(options or {})})
    return env


def quiet(**disturbances: float) -> dict[str, Any]:
    """Settings of the realistic model with these disturbances alone."""
    return {"model": "realistic", "disturbances": {**QUIET, **disturbances}}


def velocity_and_rates(env: QuadrotorEnv) -> tuple[np.ndarray, np.ndarray]:
    qvel = np.array(env.flight.state()[1])
    return qvel[:3], qvel[3:]


def trim(env: QuadrotorEnv) -> np.ndarray:
    return env.action_map.trim
