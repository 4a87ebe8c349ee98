"""The algorithms that the oracles look at: all on-policy ones that are registered."""

from typing import Any

from contracts.models import ON_POLICY, SMALL, arguments_of

from sb3_entropy.registry import ALGORITHMS

EVERY = [ALGORITHMS.get(key) for key in ON_POLICY]
# Their step is one of plain gradient descent if the optimiser's is.
DESCENDING = [algorithm for algorithm in EVERY if "cg_damping" not in arguments_of(algorithm)]


def accepted(algorithm: type, **settings: Any) -> dict[str, Any]:
    """
    :return: those of the settings that the algorithm has; a divergence of its own is switched off, and actors do not
        lag
    """
    without = {"coef": 0.0, "divergence": SMALL["divergence"], "divergence_kwargs": SMALL["divergence_kwargs"]}
    alone = {"n_actors": 1, "advantage": "gae"}
    known = arguments_of(algorithm)
    return {name: value for name, value in {**alone, **settings, **without}.items() if name in known}
