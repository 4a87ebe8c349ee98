"""Entropy in policy optimisation, on Stable-Baselines3."""

from importlib.metadata import version

from sb3_entropy.algorithms.sa2c import SA2C
from sb3_entropy.algorithms.spg import SPG
from sb3_entropy.algorithms.sppo import SPPO
from sb3_entropy.algorithms.strpo import STRPO
from sb3_entropy.registry import register_envs

__version__ = version("sb3-entropy")

__all__ = ["SA2C", "SPG", "SPPO", "STRPO", "__version__", "register_envs"]
