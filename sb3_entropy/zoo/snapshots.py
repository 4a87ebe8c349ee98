"""Snapshots of θ in a run of ``train`` whose preset has ``callback: sb3_entropy.callbacks.SnapshotCallback``."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from sb3_entropy.callbacks.snapshots import FOLDER, SnapshotCallback
from sb3_entropy.presets.names import import_class


def place_snapshots(callbacks: Iterable[BaseCallback], run: Path) -> None:
    """
    :param callbacks: a run's, of which those that keep snapshots and were given no folder get one
    :param run: the run's folder
    """
    for callback in callbacks:
        if isinstance(callback, SnapshotCallback) and callback.path is None:
            callback.path = run / FOLDER


def without_snapshots(specified: Any) -> list[Any]:
    """
    :param specified: a preset's ``callback``: a name, a mapping from it to arguments, or a list of these
    :return: those that keep no snapshots
    """
    entries = specified if isinstance(specified, list) else [] if specified is None else [specified]
    return [entry for entry in entries if not _keeps_snapshots(entry)]


def _keeps_snapshots(entry: Any) -> bool:
    path = next(iter(entry)) if isinstance(entry, Mapping) else entry
    cls = import_class("callback", path) if isinstance(path, str) else type(path)
    return isinstance(cls, type) and issubclass(cls, SnapshotCallback)
