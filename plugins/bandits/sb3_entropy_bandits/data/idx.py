"""The idx format of MNIST: a magic number, the sizes of the dimensions, the bytes."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sb3_entropy_bandits.data.hashes import check_sha256, sha256_of

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, n_dims: int, sha256: str | None = None) -> npt.NDArray[np.uint8]:
    """
    :param path: an idx file, compressed by gzip if its name ends with ``.gz``
    :param n_dims: how many dimensions it must have: 3 for images, 1 for labels
    :param sha256: the SHA-256 of the file as it lies there; None not to check it
    :return: its content, an array of ``n_dims`` dimensions
    :raises ValueError: if it is another file than the known one, is cut short, or is not of this format
    """
    if sha256 is not None:
        check_sha256(sha256_of(path), sha256, path)
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(
                f"{path} is not a whole gzip file: {error}. Delete it, and fetch it again (download=True does)."
            ) from error
    return parse_idx(content, n_dims, path)


def parse_idx(content: bytes, n_dims: int, where: object) -> npt.NDArray[np.uint8]:
    """
    Read what LeCun's page on MNIST describes: the magic number 0x0000ttdd with type tt and dd dimensions, dd sizes
    as big-endian integers of 4 bytes, then the entries, the last index running fastest.

    :param content: the bytes of the file
    :param n_dims: how many dimensions it must have
    :param where: the file, for messages
    :return: an array of unsigned bytes
    :raises ValueError: if the magic number, the number of dimensions or the length is another
    """
    start = 4 + 4 * n_dims
    magic = (UNSIGNED_BYTE << 8) + n_dims
    if len(content) < start:
        raise ValueError(
            f"{where} has {len(content)} bytes, but the head alone of an idx file of {n_dims} dimensions has {start}. "
            "It is cut short: fetch it again."
        )
    (found,) = struct.unpack(">I", content[:4])
    if found != magic:
        raise ValueError(
            f"{where} begins with the magic number {found}, but an idx file of unsigned bytes with {n_dims} "
            f"dimensions begins with {magic}. Images have 2051, labels 2049: were two files exchanged?"
        )
    shape = struct.unpack(f">{n_dims}I", content[4:start])
    size = math.prod(shape)
    if len(content) != start + size:
        raise ValueError(
            f"{where} should have {start} + {size} bytes, for the shape {shape} that its head states, but has "
            f"{len(content)}. Fetch it again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
