"""Callbacks: they look at a training, and leave it as it is bit for bit."""

from sb3_entropy.bandits.action_use import ActionUse, action_use
from sb3_entropy.bandits.evaluation import BanditEvaluation, evaluate_bandit
from sb3_entropy.bandits.surface import Bandit, find_bandit
from sb3_entropy.callbacks.action_diversity import ActionDiversityCallback, EvaluationPoint
from sb3_entropy.callbacks.entropy import EntropyCallback, EntropyPoint
from sb3_entropy.callbacks.landscape import LandscapeProbeCallback, Look
from sb3_entropy.callbacks.q_landscape import QLandscapeCallback, QLook
from sb3_entropy.callbacks.snapshots import SnapshotCallback
from sb3_entropy.policies.archive import SnapshotArchive

__all__ = [
    "ActionDiversityCallback",
    "ActionUse",
    "Bandit",
    "BanditEvaluation",
    "EntropyCallback",
    "EntropyPoint",
    "EvaluationPoint",
    "LandscapeProbeCallback",
    "Look",
    "QLandscapeCallback",
    "QLook",
    "SnapshotArchive",
    "SnapshotCallback",
    "action_use",
    "evaluate_bandit",
    "find_bandit",
]
