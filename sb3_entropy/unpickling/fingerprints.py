"""Whose file a saved model is: ours say it, and what Stable-Baselines3 saves is known by what it stores."""

from collections.abc import Collection, Mapping
from typing import Any

from sb3_entropy.registry import ALGORITHMS

_ON_POLICY = frozenset({"gae_lambda", "normalize_advantage", "rollout_buffer_class"})
_OFF_POLICY = frozenset({"buffer_size", "learning_starts", "replay_buffer_class"})

#: attributes in a file of each stock algorithm; a file is of the one, or ones, of which most are found in it
FINGERPRINTS: Mapping[str, frozenset[str]] = {
    "A2C": _ON_POLICY,
    "ARS": frozenset({"delta_std_schedule", "n_delta"}),
    "CrossQ": _OFF_POLICY | {"target_entropy", "policy_delay"},
    "DDPG": _OFF_POLICY | {"policy_delay", "target_policy_noise"},
    "DQN": _OFF_POLICY | {"exploration_fraction"},
    "PPO": _ON_POLICY | {"clip_range", "n_epochs"},
    "MaskablePPO": _ON_POLICY | {"clip_range", "n_epochs"},
    "QRDQN": _OFF_POLICY | {"exploration_fraction", "n_quantiles"},
    "RecurrentPPO": _ON_POLICY | {"clip_range", "n_epochs"},
    "SAC": _OFF_POLICY | {"target_entropy", "target_update_interval"},
    "TD3": _OFF_POLICY | {"policy_delay", "target_policy_noise"},
    "TQC": _OFF_POLICY | {"target_entropy", "target_update_interval", "top_quantiles_to_drop_per_net"},
    "TRPO": _ON_POLICY | {"cg_damping"},
}


def lineage(algorithm: type) -> list[str]:
    """:return: the names of a class and of all that it extends: what a file of ours says of who saved it"""
    return [base.__name__ for base in algorithm.__mro__]


def stock_algorithms(stored: Collection[str]) -> list[str]:
    """
    :param stored: the names of what a file stores
    :return: the stock algorithms that may have saved it; none if it fits none
    """
    sizes = {name: len(marks) for name, marks in FINGERPRINTS.items() if marks <= set(stored)}
    return [name for name, size in sizes.items() if size == max(sizes.values())]


def check_family(algorithm: type, path: Any, stored: Mapping[str, Any]) -> None:
    """
    A class reads what it has saved, what those have that it extends, and what its own subclasses have, unless these are
    registered as algorithms of their own.

    :param algorithm: the class that is to load the file
    :param path: the file, for the message
    :param stored: what the file stores
    :raises ValueError: if another kind of algorithm has saved the file
    """
    written: list[str] = stored.get("saved_by", [])
    savers = written[:1] or stock_algorithms(stored)
    extends = lineage(algorithm)
    registered = {cls.__name__ for _, cls in ALGORITHMS.items()}
    if any(saver in extends or (algorithm.__name__ in written and saver not in registered) for saver in savers):
        return
    raise ValueError(
        f"{path} was saved by another algorithm than {algorithm.__name__}: it was saved by "
        f"{' or '.join(savers) or 'none that is known'}. Load it with the algorithm that saved it."
    )
