"""Writing a model so that a kill never leaves half a file, and saying what is wrong with one that cannot be read."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(target: Path) -> Iterator[BinaryIO]:
    """
    A file that replaces ``target`` when it is complete, and leaves it as it was if anything fails before.

    :param target: the file to write; its folder is made if need be
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def zip_path(path: str | Path) -> Path:
    """:return: where Stable-Baselines3 saves under that name: ``.zip`` is added to a name without a suffix"""
    named = Path(path)
    return named if named.suffix else named.with_name(f"{named.name}.zip")


def check_zip(
    path: str | Path | io.BufferedIOBase, reader: str, needed: frozenset[str], foreign: frozenset[str]
) -> None:
    """
    :param path: a saved model
    :param reader: the name of the algorithm that is to load it
    :param needed: what a model of its family stores
    :param foreign: what no model of its family stores
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is no zip, was cut short, or was saved by another kind of algorithm
    """
    if isinstance(path, (str, Path)):
        found = next((file for file in (Path(path), Path(f"{path}.zip")) if file.is_file()), None)
        if found is None:
            raise FileNotFoundError(f"There is no saved model at {path} or {path}.zip. Check the path.")
        source: Path | io.BufferedIOBase = found
    else:
        source = path
    try:
        with zipfile.ZipFile(source) as archive:
            damaged = archive.testzip()
            stored = set(json.loads(archive.read("data"))) if "data" in archive.namelist() and not damaged else set()
            has_policy = "policy.pth" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} cannot be read: {error}. It was cut short or is not a saved model; load an earlier checkpoint."
        ) from error
    finally:
        if isinstance(source, io.IOBase):
            source.seek(0)
    if damaged:
        raise ValueError(f"{path} is damaged at {damaged!r}. Load an earlier checkpoint.")
    if not stored or not has_policy:
        raise ValueError(f"{path} is a zip file, but not a saved model of Stable-Baselines3.")
    if not needed <= stored or foreign & stored:
        raise ValueError(
            f"{path} was saved by another algorithm than {reader}: it "
            + (
                f"lacks {', '.join(sorted(needed - stored))}"
                if needed - stored
                else f"has {', '.join(sorted(foreign & stored))}"
            )
            + ". Load it with the algorithm that saved it."
        )
