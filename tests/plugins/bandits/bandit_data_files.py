"""Small files in the formats of the real data sets."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

Bytes = npt.NDArray[np.uint8]


def real_data() -> Path:
    """:return: the folder of the real data; without one, the test is skipped"""
    folder = os.environ.get("SB3_ENTROPY_DATA")
    if not folder:
        pytest.skip("SB3_ENTROPY_DATA is not set")
    return Path(folder)


def idx_bytes(array: Bytes) -> bytes:
    """:return: the array as an idx file"""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_files(n_train: int = 7, n_test: int = 4, shape: tuple[int, int] = (3, 2)) -> dict[str, bytes]:
    """:return: the four files of a data set, compressed, by name; image i of each part has i as its first pixel"""
    files = {}
    for part, n in (("train", n_train), ("t10k", n_test)):
        images = np.arange(n * shape[0] * shape[1]).reshape(n, *shape).astype(np.uint8)
        images[:, 0, 0] = np.arange(n)
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx_bytes(images), mtime=0)
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx_bytes(labels_of(n)), mtime=0)
    return files


def labels_of(n: int) -> Bytes:
    """:return: n labels, 3, 6, 9, 2, …"""
    return (3 * np.arange(1, n + 1) % 10).astype(np.uint8)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """:return: the folder, made, with the files in it"""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
