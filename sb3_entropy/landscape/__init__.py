"""What entropy does to the landscape of the return (Ahmed et al. 2019, arXiv 1811.11214)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sb3_entropy.landscape.directions import random_directions
    from sb3_entropy.landscape.objectives.base import (
        Conditions,
        DifferentiableObjective,
        Evaluated,
        NotFiniteError,
        Objective,
    )
    from sb3_entropy.landscape.objectives.exact import TabularObjective
    from sb3_entropy.landscape.objectives.function import FunctionObjective
    from sb3_entropy.landscape.objectives.rollout import RolloutObjective
    from sb3_entropy.landscape.objectives.surrogate import SurrogateObjective

__all__ = [
    "Conditions",
    "DifferentiableObjective",
    "Evaluated",
    "FunctionObjective",
    "NotFiniteError",
    "Objective",
    "RolloutObjective",
    "SurrogateObjective",
    "TabularObjective",
    "random_directions",
]

_HOMES = {
    "Conditions": "objectives.base",
    "DifferentiableObjective": "objectives.base",
    "Evaluated": "objectives.base",
    "FunctionObjective": "objectives.function",
    "NotFiniteError": "objectives.base",
    "Objective": "objectives.base",
    "RolloutObjective": "objectives.rollout",
    "SurrogateObjective": "objectives.surrogate",
    "TabularObjective": "objectives.exact",
    "random_directions": "directions",
}


def __getattr__(name: str) -> Any:
    """Imported when they are asked for: statistics of the landscape need neither PyTorch nor environments."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
