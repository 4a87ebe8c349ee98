"""
Logged feedback of one-step decisions, and estimators of what another policy would have earned.

The data and the estimators need NumPy and SciPy only; PyTorch is imported with :func:`collect_log` and
:func:`action_probabilities`, which play and ask models.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sb3_entropy.offline.estimate import OffPolicyEstimate
from sb3_entropy.offline.estimators import direct_method, doubly_robust, ips, snips
from sb3_entropy.offline.feedback import LoggedFeedback
from sb3_entropy.offline.obp import from_obp, to_obp
from sb3_entropy.offline.reward_model import OneHot, PerAction, RewardModel, fit_reward_model
from sb3_entropy.offline.ridge import Ridge
from sb3_entropy.offline.support import DeficientSupportWarning

if TYPE_CHECKING:
    from sb3_entropy.offline.collect import collect_log
    from sb3_entropy.offline.probabilities import action_probabilities

__all__ = [
    "DeficientSupportWarning",
    "LoggedFeedback",
    "OffPolicyEstimate",
    "OneHot",
    "PerAction",
    "RewardModel",
    "Ridge",
    "action_probabilities",
    "collect_log",
    "direct_method",
    "doubly_robust",
    "fit_reward_model",
    "from_obp",
    "ips",
    "snips",
    "to_obp",
]

_HOMES = {"action_probabilities": "probabilities", "collect_log": "collect"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
