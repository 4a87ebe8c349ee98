"""Entropy in policy optimisation, on Stable-Baselines3."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sb3_entropy.algorithms.divergence_reg_pg import DivergenceRegPG
    from sb3_entropy.algorithms.sa2c import SA2C
    from sb3_entropy.algorithms.spg import SPG
    from sb3_entropy.algorithms.sppo import SPPO
    from sb3_entropy.algorithms.strpo import STRPO
    from sb3_entropy.environments import register_envs

__version__ = version("sb3-entropy")

__all__ = ["SA2C", "SPG", "SPPO", "STRPO", "DivergenceRegPG", "__version__", "register_envs"]

# Imported when they are asked for: a worker that needs one room of the package need not wait for PyTorch.
_HOMES = {
    "DivergenceRegPG": "algorithms.divergence_reg_pg",
    "SA2C": "algorithms.sa2c",
    "SPG": "algorithms.spg",
    "SPPO": "algorithms.sppo",
    "STRPO": "algorithms.strpo",
    "register_envs": "environments",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
