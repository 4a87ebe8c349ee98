"""
``entropy/Gridworld-v0``: two rewarded corners, and an exact model to check an agent against.

Importing this package registers the environment, so ``gym.make("sb3_entropy_gridworld:entropy/Gridworld-v0")`` works by
itself, also in a worker process whose registry starts empty. Nothing but Gymnasium is imported before the environment
is made.
"""

import gymnasium as gym

ENV_ID = "entropy/Gridworld-v0"


def register() -> None:
    """
    Register ``entropy/Gridworld-v0`` with Gymnasium. Calling it again does nothing.

    An episode is cut after 200 steps; ``gym.make(…, max_episode_steps=n)`` sets another limit. With the defaults, the
    episodes of the uniformly random policy last 43 steps on average, and 0.4 % of them are cut.
    """
    if ENV_ID not in gym.registry:
        gym.register(
            ENV_ID,
            entry_point="sb3_entropy_gridworld.env:GridworldEnv",
            max_episode_steps=200,
            reward_threshold=4.75,  # between the two goals: only the better one reaches it
        )


register()
