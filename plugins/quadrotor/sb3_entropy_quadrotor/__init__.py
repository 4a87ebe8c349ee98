"""
``entropy/Quadrotor-v0``: a small quadrotor that hovers or follows a path, on MuJoCo.

Importing this package registers it, so ``gym.make("sb3_entropy_quadrotor:entropy/Quadrotor-v0")`` works by itself, also
in a worker process whose registry starts empty. Nothing but Gymnasium is imported before an environment is made.
"""

from typing import TYPE_CHECKING, Any

import gymnasium as gym

if TYPE_CHECKING:
    from sb3_entropy_quadrotor.controller import PDController
    from sb3_entropy_quadrotor.disturbances import Disturbances
    from sb3_entropy_quadrotor.env import QuadrotorEnv
    from sb3_entropy_quadrotor.paper_controller import PaperController
    from sb3_entropy_quadrotor.parameters import Airframe

__all__ = ["Airframe", "Disturbances", "PDController", "PaperController", "QuadrotorEnv", "register"]

QUADROTOR = "entropy/Quadrotor-v0"

_HOMES = {
    "Airframe": "sb3_entropy_quadrotor.parameters",
    "Disturbances": "sb3_entropy_quadrotor.disturbances",
    "PDController": "sb3_entropy_quadrotor.controller",
    "PaperController": "sb3_entropy_quadrotor.paper_controller",
    "QuadrotorEnv": "sb3_entropy_quadrotor.env",
}


def register() -> None:
    """
    Register the environment with Gymnasium. Calling it again does nothing.

    An episode is cut after 250 steps, 5 s; ``gym.make(…, max_episode_steps=n)`` sets another limit. The model ``paper``
    has its own limit of 4 s inside: ``gym.make(…, time_limit=seconds)``.
    """
    if QUADROTOR not in gym.registry:
        gym.register(QUADROTOR, entry_point="sb3_entropy_quadrotor.making:make", max_episode_steps=250)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register()
