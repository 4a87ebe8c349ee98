"""CIFAR-10: 60,000 colour images of ten kinds of things (Krizhevsky 2009)."""

import os
import warnings
from pathlib import Path

from sb3_entropy.errors import check_choice
from sb3_entropy_bandits.data.cifar10_batches import (
    ARCHIVE,
    ARCHIVE_SHA256,
    DIRECTORY,
    KNOWN,
    Parts,
    read_archive,
    read_directory,
)
from sb3_entropy_bandits.data.cifar10_npz import read_npz
from sb3_entropy_bandits.data.classification import ClassificationData
from sb3_entropy_bandits.data.download import download as fetch
from sb3_entropy_bandits.data.download import join_url
from sb3_entropy_bandits.data.folder import complete_directory, data_folder, not_found

BASE_URL = "https://www.cs.toronto.edu/~kriz/"
SOURCES = ("auto", "batches", "archive", "npz")
COMPLETE = (50_000, 10_000)


def load_cifar10(
    folder: str | os.PathLike[str] | None = None,
    download: bool = False,
    *,
    source: str = "auto",
    verify: bool = True,
    base_url: str | None = None,
) -> ClassificationData:
    """
    CIFAR-10 from one of three sources, which ``"auto"`` looks for in this order:

    1. ``"batches"``: the binary version, ``data_batch_1.bin`` … ``data_batch_5.bin`` and ``test_batch.bin`` in
       ``<folder>/cifar10/cifar-10-batches-bin/`` or ``<folder>/cifar-10-batches-bin/``
    2. ``"archive"``: the same, in ``cifar-10-binary.tar.gz`` in ``<folder>/cifar10/`` or ``<folder>/``
    3. ``"npz"``: the only ``.npz`` file in ``<folder>/cifar10/``, with x_train, y_train, x_test and y_test; it may be
       a part of the data, and the data's name then gives its sizes

    If there is an npz file beside one of the others, ``"auto"`` takes the other and warns.

    :param folder: the data folder; None for the one that the environment variable ``SB3_ENTROPY_DATA`` names
    :param download: whether to fetch the archive (170 MB) unless it or the batches are there; it is put into
        ``<folder>/cifar10/``, or in the place of one that is not the known one
    :param source: ``"auto"``, ``"batches"``, ``"archive"`` or ``"npz"``
    :param verify: whether only known files are read, by their SHA-256; False reads any of the right form, and says so
        in the data's name
    :param base_url: where to download from instead of ``https://www.cs.toronto.edu/~kriz/``
    :return: 50,000 and 10,000 images of shape (32, 32, 3), or fewer; scale 255, 10 classes
    :raises FileNotFoundError: if no data folder is given, or the source is not there
    :raises ValueError: if the source is unknown or ambiguous, or a file is another than the known one, cut short or
        of another format
    :raises ConnectionError: if a download does not arrive
    """
    check_choice("source", source, SOURCES)
    if download and source == "npz":
        raise ValueError("The npz file cannot be downloaded. Put it into <folder>/cifar10/, or take source='archive'.")
    root = data_folder(folder, f"cifar10/{DIRECTORY}/, cifar10/{ARCHIVE} or cifar10/*.npz", create=download)
    found = _find(root, source)
    if download and "batches" not in found:
        place = found.get("archive", root / "cifar10" / ARCHIVE)
        fetch(join_url(base_url or BASE_URL, ARCHIVE), place, ARCHIVE_SHA256)
        found = _find(root, source)
    if not found:
        raise _nothing(root, source)
    chosen = next(iter(found))
    if chosen != "npz" and "npz" in found:
        warnings.warn(
            f"CIFAR-10 is there twice: {found[chosen]} is read, {found['npz']} is not. Pass source={chosen!r} or "
            "source='npz' to say which.",
            stacklevel=2,
        )
    x_train, y_train, x_test, y_test = _read(chosen, found[chosen], verify)
    sizes = (len(x_train), len(x_test))
    name = "cifar10" if sizes == COMPLETE else f"cifar10 subset ({sizes[0]}/{sizes[1]})"
    name = name if verify else f"{name} (unverified)"
    return ClassificationData(name, x_train, y_train, x_test, y_test, 10, 255.0, (32, 32, 3))


def _places(root: Path) -> tuple[Path, Path]:
    return root / "cifar10", root


def _find(root: Path, source: str) -> dict[str, Path]:
    """:return: the sources that are there and may be taken, in the order in which they are preferred"""
    directory = complete_directory([place / DIRECTORY for place in _places(root)], list(KNOWN))
    archive = next((place / ARCHIVE for place in _places(root) if (place / ARCHIVE).is_file()), None)
    files = sorted((root / "cifar10").glob("*.npz"))
    if len(files) > 1 and source in ("auto", "npz"):
        names = ", ".join(file.name for file in files)
        raise ValueError(
            f"There must be one npz file in {root / 'cifar10'}, but there are {names}. Move all but one elsewhere, or "
            "leave them aside with source='batches' or 'archive'."
        )
    candidates = {"batches": directory, "archive": archive, "npz": files[0] if files else None}
    return {key: path for key, path in candidates.items() if path is not None and source in ("auto", key)}


def _nothing(root: Path, source: str) -> FileNotFoundError:
    remedy = "Put them there, or load with download=True."
    if source == "batches":
        return not_found("cifar10", [place / DIRECTORY for place in _places(root)], list(KNOWN), remedy)
    if source == "archive":
        return not_found("cifar10", _places(root), [ARCHIVE], remedy)
    if source == "npz":
        return not_found("cifar10", _places(root)[:1], ["*.npz"], "Put one there, or choose another source.")
    wanted = [f"{DIRECTORY}/data_batch_1.bin (and the other five)", ARCHIVE, "*.npz"]
    return not_found("cifar10", _places(root)[:1], wanted, "Put one of the three there, or load with download=True.")


def _read(source: str, path: Path, verify: bool) -> Parts:
    if source == "batches":
        return read_directory(path, verify)
    return read_archive(path, verify) if source == "archive" else read_npz(path, verify)
