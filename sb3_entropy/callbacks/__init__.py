"""Callbacks: they look at a training, and leave it as it is bit for bit."""

from sb3_entropy.callbacks.action_diversity import ActionDiversityCallback, EvaluationPoint
from sb3_entropy.callbacks.action_use import ActionUse, action_use
from sb3_entropy.callbacks.bandit import Bandit, find_bandit
from sb3_entropy.callbacks.bandit_evaluation import BanditEvaluation, evaluate_bandit

__all__ = [
    "ActionDiversityCallback",
    "ActionUse",
    "Bandit",
    "BanditEvaluation",
    "EvaluationPoint",
    "action_use",
    "evaluate_bandit",
    "find_bandit",
]
