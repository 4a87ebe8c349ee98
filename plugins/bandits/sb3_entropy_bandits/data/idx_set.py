"""A data set of four idx files: images and labels, for training and for testing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy_bandits.data.classification import Array, ClassificationData, Labels, check_labels
from sb3_entropy_bandits.data.download import download as fetch
from sb3_entropy_bandits.data.download import join_url
from sb3_entropy_bandits.data.folder import complete_directory, data_folder, either_form, not_found
from sb3_entropy_bandits.data.hashes import sha256_of
from sb3_entropy_bandits.data.idx import read_idx

TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


class KnownFile(NamedTuple):
    """
    :param compressed: SHA-256 of the ``.gz`` file
    :param plain: SHA-256 of what is in it
    """

    compressed: str
    plain: str


@dataclass(frozen=True)
class IdxSet:
    """
    :param name: the data set's name, and that of its directory in the data folder
    :param other_directory: where else it may lie in the data folder: torchvision's layout
    :param base_url: where its files are published
    :param known: each file's hashes, by the name with ``.gz``
    """

    name: str
    other_directory: str
    base_url: str
    known: Mapping[str, KnownFile]

    def load(
        self,
        folder: str | os.PathLike[str] | None,
        download: bool,
        verify: bool,
        n_classes: int,
        base_url: str | None,
    ) -> ClassificationData:
        """
        The arguments and errors of :func:`~sb3_entropy_bandits.data.mnist.load_mnist`.

        :param folder: the data folder
        :param download: whether to fetch what is missing
        :param verify: whether only the known files are read
        :param n_classes: K
        :param base_url: where to download from instead
        :return: images (N, H, W, 1) and labels (N,)
        """
        check_number("n_classes", n_classes, low=2, integer=True)
        root = data_folder(folder, f"{self.name}/{TRAIN[0]}", create=download)
        places = (root / self.name, root / self.other_directory)
        if download and not self._has_known_files(complete_directory(places, list(self.known))):
            for file, known in self.known.items():
                fetch(join_url(base_url or self.base_url, file), places[0] / file, known.compressed)
        directory = complete_directory(places, list(self.known))
        if directory is None:
            remedy = "Put them there, with or without .gz, or load with download=True."
            raise not_found(self.name, places, list(self.known), remedy)
        x_train, y_train = self._read(directory, TRAIN, verify, n_classes)
        x_test, y_test = self._read(directory, TEST, verify, n_classes)
        height, width = x_train.shape[1:3]
        name = self.name if verify else f"{self.name} (unverified)"
        return ClassificationData(name, x_train, y_train, x_test, y_test, n_classes, 255.0, (height, width, 1))

    def _known(self, path: Path) -> str:
        if path.suffix == ".gz":
            return self.known[path.name].compressed
        return self.known[f"{path.name}.gz"].plain

    def _has_known_files(self, directory: Path | None) -> bool:
        if directory is None:
            return False
        paths = [either_form(directory / file) for file in self.known]
        return all(sha256_of(path) == self._known(path) for path in paths)

    def _read(self, directory: Path, files: tuple[str, str], verify: bool, n_classes: int) -> tuple[Array, Labels]:
        images_path, labels_path = (either_form(directory / file) for file in files)
        images = read_idx(images_path, 3, self._known(images_path) if verify else None)
        labels = read_idx(labels_path, 1, self._known(labels_path) if verify else None)
        if len(images) != len(labels):
            raise ValueError(
                f"{images_path} has {len(images)} images, but {labels_path} has {len(labels)} labels. "
                "There must be one for each: take both from the same source."
            )
        check_labels(labels, n_classes, labels_path)
        return images[..., np.newaxis], labels.astype(np.int64)
