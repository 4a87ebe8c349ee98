"""
``entropy/Bifurcation-v0`` and ``entropy/Obstacle2D-v0``: two small tasks on which a policy that maximises entropy is
said to be misled.

Importing this package registers them, so ``gym.make("sb3_entropy_bifurcation:entropy/Bifurcation-v0")`` works by
itself, also in a worker process whose registry starts empty. Nothing but Gymnasium is imported before an environment is
made.
"""

import gymnasium as gym

BIFURCATION = "entropy/Bifurcation-v0"
OBSTACLE = "entropy/Obstacle2D-v0"


def register() -> None:
    """
    Register both environments with Gymnasium. Calling it again does nothing.

    An episode of the bifurcation has two steps, and needs no limit. One of the obstacle is cut after 50 steps, as in
    the source; ``gym.make(…, max_episode_steps=n)`` sets another limit.
    """
    if BIFURCATION not in gym.registry:
        gym.register(
            BIFURCATION,
            entry_point="sb3_entropy_bifurcation.bifurcation:BifurcationEnv",
            reward_threshold=0.0,  # between what is sure, −1, and the best, 1
        )
    if OBSTACLE not in gym.registry:
        gym.register(
            OBSTACLE,
            entry_point="sb3_entropy_bifurcation.obstacle2d:Obstacle2DEnv",
            max_episode_steps=50,
            reward_threshold=490.0,  # the goal in 99 of 100 episodes, and the wall in the other
        )


register()
