"""Where data lies: a folder that is given, or the one that an environment variable names; never another one."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

VARIABLE = "SB3_ENTROPY_DATA"


def given_folder(folder: str | os.PathLike[str] | None) -> Path | None:
    """
    :param folder: the data folder, or None for the one that ``SB3_ENTROPY_DATA`` names
    :return: it as an absolute path; None if neither is given
    """
    named = folder if folder is not None else os.environ.get(VARIABLE)
    return Path(named).expanduser().resolve() if named else None


def data_folder(folder: str | os.PathLike[str] | None, wanted: str, create: bool = False) -> Path:
    """
    :param folder: the data folder, or None for the one that ``SB3_ENTROPY_DATA`` names
    :param wanted: what is looked for in it, for the message
    :param create: whether it is made if it does not exist
    :return: its absolute path
    :raises FileNotFoundError: if no folder is given, or it does not exist
    """
    found = given_folder(folder)
    if found is None:
        raise FileNotFoundError(
            f"No data folder is given to look for {wanted} in. Pass folder='…', or set the environment variable "
            f"{VARIABLE}, to the folder that it lies in."
        )
    if create:
        found.mkdir(parents=True, exist_ok=True)
    if not found.is_dir():
        raise FileNotFoundError(
            f"The data folder {found} does not exist; {wanted} was to be looked for in it. "
            f"Pass folder='…', or set the environment variable {VARIABLE}, to a folder that exists."
        )
    return found


def complete_directory(places: Iterable[Path], files: Sequence[str]) -> Path | None:
    """
    :param places: directories in the order in which they are searched
    :param files: names of the files that must all lie in one of them, as they are or without ``.gz``
    :return: the first directory that has them all, or None
    """
    return next((place for place in places if not missing_files(place, files)), None)


def missing_files(place: Path, files: Iterable[str]) -> list[str]:
    """
    :param place: a directory
    :param files: names of files
    :return: those that are not there, neither as they are nor without ``.gz``
    """
    return [name for name in files if not either_form(place / name).is_file()]


def either_form(path: Path) -> Path:
    """
    :param path: a file
    :return: the same; but without ``.gz`` if only that exists
    """
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return plain if not path.is_file() and plain.is_file() else path


def not_found(data_set: str, places: Iterable[Path], files: Sequence[str], remedy: str) -> FileNotFoundError:
    """
    :param data_set: what was to be loaded
    :param places: where its files were looked for
    :param files: their names
    :param remedy: what to do
    :return: an error that says which file is missing where
    """
    missing = "; ".join(f"in {place}: {', '.join(missing_files(place, files))}" for place in places)
    return FileNotFoundError(f"The files of {data_set} were not found. Missing {missing}. {remedy}")
