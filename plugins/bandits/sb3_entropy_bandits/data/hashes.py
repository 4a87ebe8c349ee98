"""Whether a file is the one that it should be."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """
    :param path: a file
    :return: its SHA-256 in hexadecimal digits
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(found: str, known: str, where: object) -> None:
    """
    :param found: the SHA-256 of what is there
    :param known: the SHA-256 of what should be there
    :param where: the file
    :raises ValueError: if they differ
    """
    if found != known:
        raise ValueError(
            f"{where} is not the known file: its SHA-256 is {found}, that of the known one is {known}. "
            "Put the known one in its place, or pass verify=False to read it as it is."
        )
