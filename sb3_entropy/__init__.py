"""Entropy in policy optimisation, on Stable-Baselines3."""

from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sb3_entropy.environments import register_envs

__version__ = version("sb3-entropy")

# algorithms: made by make lists
if TYPE_CHECKING:
    from sb3_entropy.algorithms.divergence_reg_pg import DivergenceRegPG
    from sb3_entropy.algorithms.sa2c import SA2C
    from sb3_entropy.algorithms.sa3c import SA3C
    from sb3_entropy.algorithms.sac_adaent import SACAdaEnt
    from sb3_entropy.algorithms.sddpg import SDDPG
    from sb3_entropy.algorithms.simpala import SIMPALA
    from sb3_entropy.algorithms.spg import SPG
    from sb3_entropy.algorithms.sppo import SPPO
    from sb3_entropy.algorithms.strpo import STRPO

__all__ = [
    "SA2C",
    "SA3C",
    "SDDPG",
    "SIMPALA",
    "SPG",
    "SPPO",
    "STRPO",
    "DivergenceRegPG",
    "SACAdaEnt",
    "__version__",
    "register_envs",
]
# algorithms: end


def __getattr__(name: str) -> Any:
    """
    Imported when they are asked for: a worker that needs one room of the package need not wait for PyTorch.

    An algorithm's file has its name, in small letters and with underscores or without.
    """
    homes = ["environments"] if name == "register_envs" else []
    for module in iter_modules([f"{folder}/algorithms" for folder in __path__]):
        if not module.ispkg and module.name.replace("_", "") == name.lower():
            homes.append(f"algorithms.{module.name}")
    for home in homes:
        found = vars(import_module(f"{__name__}.{home}"))
        if name in found:
            return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
