"""
``entropy/Vehicle-v0``: a car on a path, with tyres from none at all to combined slip; and the tasks of Zhang, Chang and
Gao 2025 beside it, ``entropy/PaperVehicle-v0`` and ``entropy/TorqueAcrobot-v0``.

Importing this package registers them, so ``gym.make("sb3_entropy_vehicle:entropy/Vehicle-v0")`` works by itself, also
in a worker process whose registry starts empty. Nothing but Gymnasium is imported before an environment is made.
"""

from typing import TYPE_CHECKING, Any

import gymnasium as gym

if TYPE_CHECKING:
    from sb3_entropy_vehicle.balance import Balance
    from sb3_entropy_vehicle.car import Car
    from sb3_entropy_vehicle.chase import Chase
    from sb3_entropy_vehicle.pursuit import Pursuit
    from sb3_entropy_vehicle.track import Track

__all__ = ["Balance", "Car", "Chase", "Pursuit", "Track", "register"]

VEHICLE = "entropy/Vehicle-v0"
PAPER_VEHICLE = "entropy/PaperVehicle-v0"
TORQUE_ACROBOT = "entropy/TorqueAcrobot-v0"

_HOMES = {
    "Balance": "sb3_entropy_vehicle.balance",
    "Car": "sb3_entropy_vehicle.car",
    "Chase": "sb3_entropy_vehicle.chase",
    "Pursuit": "sb3_entropy_vehicle.pursuit",
    "Track": "sb3_entropy_vehicle.track",
}


def register() -> None:
    """
    Register the environments with Gymnasium. Calling it again does nothing.

    An episode of the vehicle is cut after 400 steps of 0.05 s, one of the source's vehicle after 200 of 0.1 s, 20 s
    both; one of the Acrobot after 400 steps of 0.2 s, as in the source.
    """
    if VEHICLE not in gym.registry:
        gym.register(VEHICLE, entry_point="sb3_entropy_vehicle.vehicle:VehicleEnv", max_episode_steps=400)
    if PAPER_VEHICLE not in gym.registry:
        gym.register(
            PAPER_VEHICLE,
            entry_point="sb3_entropy_vehicle.vehicle:VehicleEnv",
            kwargs={"tyres": "paper"},
            max_episode_steps=200,
        )
    if TORQUE_ACROBOT not in gym.registry:
        gym.register(TORQUE_ACROBOT, entry_point="sb3_entropy_vehicle.acrobot:TorqueAcrobotEnv", max_episode_steps=400)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register()
