"""CIFAR-10, or part of it, as four arrays in one ``.npz`` file."""

import lzma
import zipfile
import zlib
from pathlib import Path

import numpy as np

from sb3_entropy_bandits.data.cifar10_batches import Parts
from sb3_entropy_bandits.data.classification import Array, Labels, check_labels
from sb3_entropy_bandits.data.hashes import check_sha256, sha256_of

KNOWN = {"cifar10_20k_5k.npz": "23e1d02d94350d070ea12cbd8c8ed71cfcc623432a7eb603925aa915a5e497cc"}
FIELDS = ("x_train", "y_train", "x_test", "y_test")


def read_npz(path: Path, verify: bool) -> Parts:
    """
    :param path: a file as :func:`numpy.savez` writes it, with x_train and x_test, uint8 of shape (N, 32, 32, 3), and
        y_train and y_test, whole numbers of shape (N,); what else is in it is not read
    :param verify: whether it must be a known file, by its SHA-256
    :return: x_train (N, 32, 32, 3), y_train (N,), x_test (M, 32, 32, 3), y_test (M,)
    :raises ValueError: if it is not a known file, is no whole npz file, or lacks such an array
    """
    if verify:
        _check_known(path)
    try:
        stored = np.load(path)
        if isinstance(stored, np.ndarray):
            raise ValueError("it is a single array")
        with stored:
            arrays = {field: stored[field] for field in FIELDS if field in stored}
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is not a whole npz file of plain arrays: {error}. Write it again with numpy.savez_compressed."
        ) from error
    missing = [field for field in FIELDS if field not in arrays]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}: it must have the arrays {', '.join(FIELDS)}.")
    x_train, y_train = _pair(arrays, "train", path)
    x_test, y_test = _pair(arrays, "test", path)
    return x_train, y_train, x_test, y_test


def _check_known(path: Path) -> None:
    if path.name not in KNOWN:
        raise ValueError(
            f"{path} has a name for which no SHA-256 is known. Known: {', '.join(KNOWN)}. Pass verify=False to read "
            "a file of your own."
        )
    check_sha256(sha256_of(path), KNOWN[path.name], path)


def _pair(arrays: dict[str, Array], part: str, path: Path) -> tuple[Array, Labels]:
    x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != (32, 32, 3):
        raise ValueError(f"x_{part} in {path} must be uint8 of shape (N, 32, 32, 3), but is {x.dtype} of {x.shape}.")
    if y.dtype.kind not in "iu" or y.shape != (len(x),):
        raise ValueError(
            f"y_{part} in {path} must be whole numbers of shape ({len(x)},), but is {y.dtype} of {y.shape}."
        )
    check_labels(y, 10, f"y_{part} in {path}")
    return x, y.astype(np.int64)
