"""
A snapshot's file: an ``.npz`` without compression, of the arrays that no earlier file of its folder holds, and of
``snapshot.json``, which says of every array where it is. It is read without pickle, and nothing in it is believed that
does not fit what was announced.
"""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from sb3_entropy.files import atomic_file

FORMAT = "sb3_entropy.policies.snapshot"
VERSION = 1
_INDEX = "snapshot.json"
#: kinds of NumPy's dtypes that are plain numbers
_NUMBERS = "biufc"


class UnreadableError(ValueError):
    """What is wrong with a file, without a full stop."""


@dataclass(frozen=True)
class Kept:
    """
    An array that is kept.

    :param dtype: as NumPy writes it: ``"<f4"``
    :param shape: its shape
    :param sha256: of its bytes as a ``.npy``, which has dtype and shape in them
    :param step: in the file of which step it is
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    step: int


@dataclass(frozen=True)
class Index:
    """
    All arrays of a snapshot.

    :param step: whose snapshot it is
    :param theta: parameters and buffers by name
    :param statistics: of ``VecNormalize``, by name
    """

    step: int
    theta: dict[str, Kept]
    statistics: dict[str, Kept]

    def every(self) -> dict[str, Kept]:
        """:return: both, by what they are called in messages"""
        named = {f"{name} of the statistics": kept for name, kept in self.statistics.items()}
        return {**{f"{name} of θ": kept for name, kept in self.theta.items()}, **named}


_ADAPTER = TypeAdapter(Index)


def encoded(array: np.ndarray, step: int) -> tuple[Kept, bytes]:
    """
    :param array: plain numbers
    :param step: in whose file it will be
    :return: what is said of it, and its bytes as a ``.npy``
    """
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array(array, order="C"), version=(1, 0), allow_pickle=False)
    content = stream.getvalue()
    return Kept(array.dtype.str, array.shape, hashlib.sha256(content).hexdigest(), step), content


def decoded(content: bytes, kept: Kept) -> np.ndarray:
    """
    :param content: a ``.npy``
    :param kept: what was said of it
    :return: the array, which can be written to
    :raises UnreadableError: if it is another than the one of which that was said
    """
    if hashlib.sha256(content).hexdigest() != kept.sha256:
        raise UnreadableError("its bytes are not those that were written")
    stream = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("it is of another version of .npy")
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    except ValueError as error:
        raise UnreadableError(f"it is no .npy: {error}") from error
    numbers = content[stream.tell() :]
    if dtype.kind not in _NUMBERS or by_columns or (dtype.str, shape) != (kept.dtype, kept.shape):
        raise UnreadableError(f"it is {dtype.str} of the shape {shape}, and {kept.dtype} of {kept.shape} was announced")
    if len(numbers) != dtype.itemsize * math.prod(shape):
        raise UnreadableError(f"it has {len(numbers)} bytes, which are no {dtype.str} of the shape {shape}")
    return np.frombuffer(numbers, dtype).reshape(shape).copy()


def write(file: Path, index: Index, new: Mapping[str, bytes]) -> None:
    """
    :param file: the file, which is whole or not there
    :param index: all arrays of the snapshot
    :param new: the bytes of those that are in this file, by hash
    """
    said = json.dumps({"format": FORMAT, "version": VERSION, **asdict(index)})
    with atomic_file(file) as opened, zipfile.ZipFile(opened, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_INDEX), said)  # with no time of day, so that the same is the same file
        for name, content in new.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content)


def read_index(file: Path) -> Index:
    """
    :param file: a snapshot's file
    :return: what it says of its arrays
    :raises UnreadableError: if it cannot be read
    """
    with _opened(file) as archive:
        said = json.loads(_member(archive, _INDEX))
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise UnreadableError(f"{file.name} is no snapshot")
        if said.get("version") != VERSION:
            raise UnreadableError(
                f"{file.name} has version {said.get('version')!r} of the format, and this sb3_entropy reads {VERSION}"
            )
        try:
            index = _ADAPTER.validate_python({key: said.get(key) for key in ("step", "theta", "statistics")})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UnreadableError(f"{file.name} says of {where} what is not known: {first['msg']}") from error
    return index


def read_arrays(file: Path, wanted: Mapping[str, Kept]) -> dict[str, np.ndarray]:
    """
    :param file: a snapshot's file
    :param wanted: arrays that are in it, by what they are called
    :return: them
    :raises UnreadableError: if one cannot be read
    """
    found: dict[str, np.ndarray] = {}
    with _opened(file) as archive:
        for name, kept in wanted.items():
            try:
                found[name] = decoded(_member(archive, f"{kept.sha256}.npy"), kept)
            except (UnreadableError, zipfile.BadZipFile, KeyError) as error:
                raise UnreadableError(f"{name}, kept in {file.name}, cannot be read: {_said(error)}") from error
    return found


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except UnreadableError:
        raise
    except FileNotFoundError:
        raise UnreadableError(f"{file.name} is not there") from None
    except (zipfile.BadZipFile, EOFError, KeyError, OSError, RuntimeError, ValueError) as error:
        raise UnreadableError(f"{file.name} cannot be read: {_said(error)}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise UnreadableError(f"{name} is compressed, which no snapshot is")
    return archive.read(name)


def _said(error: Exception) -> str:
    return str(error.args[0] if isinstance(error, KeyError) else error).rstrip(".")
