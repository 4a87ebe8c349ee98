"""The file of a saved model: where it is, and what is wrong with one that cannot be read."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any


def zip_path(path: str | Path) -> Path:
    """:return: where Stable-Baselines3 saves under that name: ``.zip`` is added to a name without a suffix"""
    named = Path(path)
    return named if named.suffix else named.with_name(f"{named.name}.zip")


def find_zip(path: str | Path) -> Path:
    """
    :param path: as it was given to ``save``, with ``.zip`` or without
    :return: the file; a folder of that name, as rl-zoo makes one beside it, is none
    :raises FileNotFoundError: if there is no such file
    """
    for file in (Path(path), Path(f"{path}.zip")):
        if file.is_file():
            return file
    raise FileNotFoundError(f"There is no saved model at {path} or {path}.zip. Check the path.")


def check_zip(path: str | Path | io.BufferedIOBase) -> dict[str, Any]:
    """
    :param path: a saved model
    :return: what it stores, by name, as Stable-Baselines3 has encoded it
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is no zip, was cut short, or holds no model
    """
    source = find_zip(path) if isinstance(path, (str, Path)) else path
    damage, stored = "", {}
    try:
        with zipfile.ZipFile(source) as archive:
            damage = archive.testzip() or ""
            if {"data", "policy.pth"} <= set(archive.namelist()) and not damage:
                stored = json.loads(archive.read("data"))
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(
            f"The file {path} wasn't a zip-file that can be read: {error}. It was cut short or is not a saved model; "
            "load an earlier checkpoint."
        ) from error
    finally:
        if isinstance(source, io.IOBase):
            source.seek(0)
    if damage:
        raise ValueError(f"{path} is damaged at {damage!r}. Load an earlier checkpoint.")
    if not stored:
        raise ValueError(
            f"{path} is a zip file, but not a saved model of Stable-Baselines3, or one that was cut short. Load an "
            "earlier checkpoint."
        )
    return stored
