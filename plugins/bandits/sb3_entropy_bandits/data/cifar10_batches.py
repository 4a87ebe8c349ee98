"""CIFAR-10's binary version: six batches of records, in a directory or in the archive that is published."""

import hashlib
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sb3_entropy_bandits.data.classification import Array, Labels, check_labels
from sb3_entropy_bandits.data.hashes import check_sha256

DIRECTORY = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
ARCHIVE_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
KNOWN = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the red, the green and the blue plane, row by row

Parts = tuple[Array, Labels, Array, Labels]


def read_directory(directory: Path, verify: bool) -> Parts:
    """
    :param directory: where the six ``.bin`` files lie
    :param verify: whether their SHA-256 must be the known ones
    :return: x_train (N, 32, 32, 3), y_train (N,), x_test (M, 32, 32, 3), y_test (M,)
    :raises ValueError: if a file is another than the known one, or does not consist of records with labels 0, …, 9
    """
    return _parts({name: (directory / name).read_bytes() for name in KNOWN}, directory, verify)


def read_archive(archive: Path, verify: bool) -> Parts:
    """
    Read the batches where they are, in the archive; nothing is unpacked on the disk.

    :param archive: the ``.tar.gz`` file
    :param verify: whether the SHA-256 of the batches in it must be the known ones
    :return: as :func:`read_directory`
    :raises ValueError: if it is cut short or not such an archive, lacks a batch, or as :func:`read_directory`
    """
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = member.name.removeprefix("./").removeprefix(f"{DIRECTORY}/")
                file = tar.extractfile(member) if name in KNOWN else None
                if file is not None:
                    contents[name] = file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(
            f"{archive} is not a whole tar.gz archive: {error}. Delete it, and fetch it again (download=True does)."
        ) from error
    missing = [name for name in KNOWN if name not in contents]
    if missing:
        raise ValueError(f"{archive} lacks {', '.join(f'{DIRECTORY}/{name}' for name in missing)}. Fetch it again.")
    return _parts(contents, archive, verify)


def _parts(contents: dict[str, bytes], where: Path, verify: bool) -> Parts:
    if verify:
        for name, content in contents.items():
            check_sha256(hashlib.sha256(content).hexdigest(), KNOWN[name], where / name)
    *training, test = KNOWN
    return *_parse(contents, training, where), *_parse(contents, [test], where)


def _parse(contents: dict[str, bytes], names: Iterable[str], where: Path) -> tuple[Array, Labels]:
    batches = [parse_batch(contents[name], where / name) for name in names]
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


def parse_batch(content: bytes, where: object) -> tuple[Array, Labels]:
    """
    :param content: records of 3073 bytes: a label, then the planes of red, green and blue
    :param where: the file, for messages
    :return: images (N, 32, 32, 3) and labels (N,)
    :raises ValueError: if the length is no multiple of a record's, or a label is not among 0, …, 9
    """
    if not content or len(content) % RECORD:
        raise ValueError(
            f"{where} has {len(content)} bytes, but must consist of records of {RECORD}: a label and 3×32×32 pixels. "
            "It is cut short or of another version of CIFAR: fetch the binary version again."
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    check_labels(labels, 10, where)
    return np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels
