"""Logs as ``.npz`` files that are whole or not there."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sb3_entropy.files import atomic_file

FORMAT = "sb3_entropy.offline.LoggedFeedback"
VERSION = 1

REQUIRED = frozenset({"contexts", "actions", "rewards", "propensities", "n_actions"})
OPTIONAL = frozenset({"behaviour", "mean_rewards", "policy", "epsilon", "support"})


def write_archive(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """
    :param path: the file, ``.npz`` is added to a name without a suffix; its folder is made if need be
    :param arrays: the log's fields by name
    """
    target = npz_path(path)
    contents: dict[str, Any] = {**arrays, "format": np.array(FORMAT), "version": np.array(VERSION)}
    with atomic_file(target) as file:
        np.savez_compressed(file, **contents)


def read_archive(path: str | Path) -> dict[str, np.ndarray]:
    """
    :param path: the file, with or without ``.npz``
    :return: the log's fields by name
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it was cut short, is damaged, holds no log, or was written by a later version
    """
    named = npz_path(path)
    if not named.is_file():
        raise FileNotFoundError(f"There is no log at {named}. Check the path.")
    try:
        with named.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            stored = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{named} cannot be read as a log: {error}. It was cut short, is damaged, or is no .npz file that "
            "LoggedFeedback.save has written. Collect or save the log again."
        ) from error
    if str(stored.pop("format", "")) != FORMAT:
        raise ValueError(
            f"{named} is an .npz file, but not a log: it holds {', '.join(sorted(stored)) or 'nothing'}. Give a file "
            "that LoggedFeedback.save has written."
        )
    version = int(stored.pop("version", VERSION))
    if version > VERSION:
        raise ValueError(
            f"{named} has version {version} of the format, and this sb3_entropy reads versions up to {VERSION}. "
            "Install a later sb3_entropy."
        )
    if wrong := sorted((REQUIRED - stored.keys()) | (stored.keys() - REQUIRED - OPTIONAL)):
        raise ValueError(f"{named} lacks, or does not know, the fields {', '.join(wrong)}. Save the log again.")
    return stored


def npz_path(path: str | Path) -> Path:
    """:return: the path, with ``.npz`` added to a name without a suffix"""
    named = Path(path)
    return named if named.suffix else named.with_name(f"{named.name}.npz")
