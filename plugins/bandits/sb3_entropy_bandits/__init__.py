"""
One-step contextual bandits: a context is shown, an action is taken, its reward is paid, and that was the episode.

Importing this package registers the environments, so ``gym.make("sb3_entropy_bandits:entropy/DigitsBandit-v0")`` works
by itself, also in a worker process whose registry starts empty. Nothing but Gymnasium is imported, and no data is read,
before an environment is made.
"""

import gymnasium as gym

TASK_OF = {
    "entropy/DigitsBandit-v0": "digits",
    "entropy/MNISTBandit-v0": "mnist",
    "entropy/FashionMNISTBandit-v0": "fashion_mnist",
    "entropy/CIFAR10Bandit-v0": "cifar10",
    "entropy/SpotifyBandit-v0": "spotify",
    "entropy/TabularBandit-v0": "tabular",
}


def register() -> None:
    """Register the bandits with Gymnasium. Calling it again does nothing."""
    for env_id, task in TASK_OF.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry_point="sb3_entropy_bandits.env:BanditEnv", kwargs={"task": task})


register()
