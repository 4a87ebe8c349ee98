"""
``entropy/Bifurcation-v0`` and ``entropy/Obstacle2D-v0``: two small tasks on which a policy that maximises entropy is
said to be misled; :class:`EntropicBifurcation`, which makes such a task of another; and
``entropy/BifurcatedPendulum-v0``, which is made so.

Importing this package registers them, so ``gym.make("sb3_entropy_bifurcation:entropy/Bifurcation-v0")`` works by
itself, also in a worker process whose registry starts empty. Nothing but Gymnasium is imported before an environment is
made.
"""

from typing import TYPE_CHECKING, Any

import gymnasium as gym

if TYPE_CHECKING:
    from sb3_entropy_bifurcation.extension.preference import Preference
    from sb3_entropy_bifurcation.extension.replay import UndiscountedInsertion
    from sb3_entropy_bifurcation.extension.wrapper import EntropicBifurcation

__all__ = ["EntropicBifurcation", "Preference", "UndiscountedInsertion", "register"]

BIFURCATION = "entropy/Bifurcation-v0"
WIDE_BIFURCATION = "entropy/WideBifurcation-v0"
OBSTACLE = "entropy/Obstacle2D-v0"
BIFURCATED_PENDULUM = "entropy/BifurcatedPendulum-v0"

_HOMES = {
    "EntropicBifurcation": "sb3_entropy_bifurcation.extension.wrapper",
    "Preference": "sb3_entropy_bifurcation.extension.preference",
    "UndiscountedInsertion": "sb3_entropy_bifurcation.extension.replay",
}


def register() -> None:
    """
    Register the environments with Gymnasium. Calling it again does nothing.

    An episode of the bifurcation has two steps, and needs no limit. One of the obstacle is cut after 50 steps, as in
    the source; ``gym.make(…, max_episode_steps=n)`` sets another limit. The bifurcated pendulum has its limit inside,
    where inserted steps do not count: ``gym.make(…, time_limit=n)``.
    """
    if BIFURCATION not in gym.registry:
        gym.register(
            BIFURCATION,
            entry_point="sb3_entropy_bifurcation.bifurcation:BifurcationEnv",
            reward_threshold=0.0,  # between what is sure, −1, and the best, 1
        )
    if WIDE_BIFURCATION not in gym.registry:
        gym.register(
            WIDE_BIFURCATION,
            entry_point="sb3_entropy_bifurcation.bifurcation:BifurcationEnv",
            kwargs={"half_width": 0.4},  # entropy speaks for state 2 from more than twice that temperature on
            reward_threshold=0.0,
        )
    if OBSTACLE not in gym.registry:
        gym.register(
            OBSTACLE,
            entry_point="sb3_entropy_bifurcation.obstacle2d:Obstacle2DEnv",
            max_episode_steps=50,
            reward_threshold=490.0,  # the goal in 99 of 100 episodes, and the wall in the other
        )
    if BIFURCATED_PENDULUM not in gym.registry:
        gym.register(BIFURCATED_PENDULUM, entry_point="sb3_entropy_bifurcation.extension.pendulum:bifurcated_pendulum")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register()
