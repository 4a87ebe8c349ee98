"""The algorithms that the oracles look at: all on-policy ones that are registered."""

from typing import Any

from contracts.models import ON_POLICY, SMALL, arguments_of

from sb3_entropy.registry import ALGORITHMS

EVERY = [ALGORITHMS.get(key) for key in ON_POLICY]
# Their step is one of plain gradient descent if the optimiser's is.
DESCENDING = [algorithm for algorithm in EVERY if "cg_damping" not in arguments_of(algorithm)]


def accepted(algorithm: type, **settings: Any) -> dict[str, Any]:
    """:return: those of the settings that the algorithm has; a divergence of its own is switched off"""
    without = {"coef": 0.0, "divergence": SMALL["divergence"], "divergence_kwargs": SMALL["divergence_kwargs"]}
    known = arguments_of(algorithm)
    return {name: value for name, value in {**settings, **without}.items() if name in known}
