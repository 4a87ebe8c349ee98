"""
Finite Markov decision processes, solved exactly: values, gradients and Hessians of entropy-augmented returns.

The process itself needs NumPy only; PyTorch is imported with policies and what takes them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sb3_entropy.mdp.tabular import TabularMDP

if TYPE_CHECKING:
    from sb3_entropy.mdp.ascent import Ascent, UnstableAscentWarning, gradient_ascent
    from sb3_entropy.mdp.bifurcation import bifurcate
    from sb3_entropy.mdp.bifurcation_certificate import Certificate, certify
    from sb3_entropy.mdp.directions import NaturalGradient, PlainGradient
    from sb3_entropy.mdp.evaluation import Evaluation, evaluate
    from sb3_entropy.mdp.improvement import policy_iteration
    from sb3_entropy.mdp.module_policy import ModulePolicy
    from sb3_entropy.mdp.objective import ExactObjective
    from sb3_entropy.mdp.optimum import Optimum, value_iteration
    from sb3_entropy.mdp.policies import LinearPolicy, Mix, Policy, SoftmaxLinear, TabularSoftmax
    from sb3_entropy.mdp.schedules import Constant, Decay, Linear

__all__ = [
    "Ascent",
    "Certificate",
    "Constant",
    "Decay",
    "Evaluation",
    "ExactObjective",
    "Linear",
    "LinearPolicy",
    "Mix",
    "ModulePolicy",
    "NaturalGradient",
    "Optimum",
    "PlainGradient",
    "Policy",
    "SoftmaxLinear",
    "TabularMDP",
    "TabularSoftmax",
    "UnstableAscentWarning",
    "bifurcate",
    "certify",
    "evaluate",
    "gradient_ascent",
    "policy_iteration",
    "value_iteration",
]

_HOMES = {
    "ascent": ("Ascent", "UnstableAscentWarning", "gradient_ascent"),
    "bifurcation": ("bifurcate",),
    "bifurcation_certificate": ("Certificate", "certify"),
    "directions": ("NaturalGradient", "PlainGradient"),
    "evaluation": ("Evaluation", "evaluate"),
    "improvement": ("policy_iteration",),
    "module_policy": ("ModulePolicy",),
    "objective": ("ExactObjective",),
    "policies": ("LinearPolicy", "Mix", "Policy", "SoftmaxLinear", "TabularSoftmax"),
    "schedules": ("Constant", "Decay", "Linear"),
    "optimum": ("Optimum", "value_iteration"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
