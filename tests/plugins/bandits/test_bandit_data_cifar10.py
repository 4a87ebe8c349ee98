"""CIFAR-10: records, archive and npz file, which of them is read, and what is said when something is wrong."""

import gzip
import io
import tarfile
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bandit_data_files import real_data, write
from sb3_entropy_bandits.data import cifar10_batches, load_cifar10
from sb3_entropy_bandits.data.cifar10_batches import KNOWN, parse_batch

DIRECTORY = "cifar-10-batches-bin"


def record(label: int, seed: int) -> tuple[bytes, Any]:
    """:return: a record, and its image (32, 32, 3), put together pixel by pixel"""
    pixels = np.random.default_rng(seed).integers(256, size=3072).tolist()
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    for row in range(32):
        for column in range(32):
            for colour in range(3):
                image[row, column, colour] = pixels[1024 * colour + 32 * row + column]
    return bytes([label, *pixels]), image


def batches() -> dict[str, bytes]:
    """:return: six batches of two records; batch i has the labels i and 9 − i"""
    return {name: record(i, i)[0] + record(9 - i, 10 + i)[0] for i, name in enumerate(KNOWN)}


def archive(files: dict[str, bytes], prefix: str = f"{DIRECTORY}/") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {"readme.html": b"hello", **dict(reversed(files.items()))}.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def arrays(n_train: int = 6, n_test: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(4)
    return {
        "x_train": rng.integers(256, size=(n_train, 32, 32, 3)).astype(np.uint8),
        "y_train": (np.arange(n_train) % 10).astype(np.uint8),
        "x_test": rng.integers(256, size=(n_test, 32, 32, 3)).astype(np.uint8),
        "y_test": (9 - np.arange(n_test) % 10).astype(np.int32),
    }


def save_npz(folder: Path, name: str = "own.npz", **replaced: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / name, **{key: x for key, x in (arrays() | replaced).items() if x is not None})
    return folder / name


def test_a_record_is_a_label_and_three_planes() -> None:
    (first, image), (second, _) = record(7, 1), record(0, 2)
    x, y = parse_batch(first + second, "here")
    np.testing.assert_array_equal(y, [7, 0])
    np.testing.assert_array_equal(x[0], image)


@pytest.mark.parametrize("content", [b"", bytes(3072), bytes(3073 + 3074)])
def test_a_batch_is_made_of_whole_records(content: bytes) -> None:
    with pytest.raises(ValueError, match=rf"here has {len(content)} bytes, but must consist of records of 3073"):
        parse_batch(content, "here")


def test_a_label_out_of_range_is_named() -> None:
    with pytest.raises(ValueError, match=r"labels in here must be .* between 0 and 9, but label 10 stands at index 1"):
        parse_batch(record(7, 1)[0] + record(10, 2)[0], "here")


@pytest.mark.parametrize("place", ["cifar10", "."])
@pytest.mark.parametrize("source", ["batches", "archive"])
def test_batches_and_archive_give_the_same(tmp_path: Path, place: str, source: str) -> None:
    if source == "batches":
        write(tmp_path / place / DIRECTORY, batches())
    else:
        write(tmp_path / place, {"cifar-10-binary.tar.gz": archive(batches())})
    for asked in (source, "auto"):
        data = load_cifar10(tmp_path, source=asked, verify=False)
        assert data.name == "cifar10 subset (10/2) (unverified)"
        np.testing.assert_array_equal(data.y_train, [0, 9, 1, 8, 2, 7, 3, 6, 4, 5])
        np.testing.assert_array_equal(data.y_test, [5, 4])
        np.testing.assert_array_equal(data.x_train[3], record(8, 11)[1])
        np.testing.assert_array_equal(data.x_test[0], record(5, 5)[1])
        assert (data.image_shape, data.scale, data.n_classes) == ((32, 32, 3), 255.0, 10)


@pytest.mark.parametrize("source", ["batches", "archive"])
def test_other_batches_are_refused_by_their_hash(tmp_path: Path, source: str) -> None:
    write(tmp_path / "cifar10" / DIRECTORY, batches())
    write(tmp_path / "cifar10", {"cifar-10-binary.tar.gz": archive(batches())})
    with pytest.raises(ValueError, match=r"_batch.* is not the known file: its SHA-256 is .*verify=False"):
        load_cifar10(tmp_path, source=source)


def test_known_batches_bear_the_plain_name_if_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = batches()
    monkeypatch.setattr(
        cifar10_batches, "KNOWN", {name: sha256(content).hexdigest() for name, content in files.items()}
    )
    monkeypatch.setattr("sb3_entropy_bandits.data.cifar10.COMPLETE", (10, 2))
    write(tmp_path / "cifar10", {"cifar-10-binary.tar.gz": archive(files, prefix=f"./{DIRECTORY}/")})
    assert load_cifar10(tmp_path).name == "cifar10"


@pytest.mark.parametrize("damage", ["cut", "not gzip", "no tar"])
def test_a_damaged_archive_is_named(tmp_path: Path, damage: str) -> None:
    whole = archive(batches())
    content = {"cut": whole[: len(whole) // 2], "not gzip": whole[9:], "no tar": gzip.compress(b"x" * 2000)}[damage]
    write(tmp_path / "cifar10", {"cifar-10-binary.tar.gz": content})
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz is not a whole tar.gz archive: .*Delete it"):
        load_cifar10(tmp_path, verify=False)


def test_an_archive_that_lacks_a_batch_says_which(tmp_path: Path) -> None:
    files = batches()
    del files["data_batch_4.bin"]
    write(tmp_path / "cifar10", {"cifar-10-binary.tar.gz": archive(files)})
    with pytest.raises(ValueError, match=r"lacks cifar-10-batches-bin/data_batch_4.bin. Fetch it again"):
        load_cifar10(tmp_path, verify=False)


def test_an_npz_of_ones_own(tmp_path: Path) -> None:
    save_npz(tmp_path / "cifar10", names=np.array(["not", "read"]))
    data = load_cifar10(tmp_path, verify=False)
    assert data.name == "cifar10 subset (6/3) (unverified)"
    expected = arrays()
    for field, array in expected.items():
        np.testing.assert_array_equal(getattr(data, field), array)
    with pytest.raises(
        ValueError, match=r"own.npz has a name for which no SHA-256 is known. Known: cifar10_20k_5k.npz"
    ):
        load_cifar10(tmp_path)
    (tmp_path / "cifar10/own.npz").rename(tmp_path / "cifar10/cifar10_20k_5k.npz")
    with pytest.raises(ValueError, match=r"cifar10_20k_5k.npz is not the known file"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"y_test": None}, r"own.npz lacks y_test: it must have the arrays x_train, y_train, x_test, y_test"),
        (
            {"x_train": np.zeros((6, 3, 32, 32), np.uint8)},
            r"x_train in .* \(N, 32, 32, 3\), but is uint8 of \(6, 3, 32",
        ),
        ({"x_test": np.zeros((3, 32, 32, 3))}, r"x_test in .*must be uint8 .*but is float64"),
        ({"y_train": np.zeros(5, np.uint8)}, r"y_train in .* whole numbers of shape \(6,\), but is uint8 of \(5,\)"),
        ({"y_test": np.zeros(3)}, r"y_test in .* whole numbers of shape \(3,\), but is float64"),
        ({"y_test": np.array([0, -1, 3])}, r"y_test in .*own.npz must be .*label -1 stands at index 1"),
        ({"y_test": np.array([0, "1", None], dtype=object)}, r"own.npz is not a whole npz file of plain arrays"),
    ],
)
def test_an_npz_with_wrong_arrays(tmp_path: Path, replaced: dict[str, Any], message: str) -> None:
    save_npz(tmp_path / "cifar10", **replaced)
    with pytest.raises(ValueError, match=message):
        load_cifar10(tmp_path, verify=False)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "npy"])
def test_a_damaged_npz_is_named(tmp_path: Path, damage: str) -> None:
    path = save_npz(tmp_path / "cifar10")
    npy = io.BytesIO()
    np.save(npy, np.arange(3))
    content = {"cut": path.read_bytes()[:5000], "empty": b"", "text": b"a,b\n", "npy": npy.getvalue()}[damage]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"own.npz is not a whole npz file of plain arrays: .*savez"):
        load_cifar10(tmp_path, verify=False)


def test_of_two_sources_the_standard_one_is_read_and_that_is_said(tmp_path: Path) -> None:
    write(tmp_path / "cifar10" / DIRECTORY, batches())
    npz = save_npz(tmp_path / "cifar10")
    with pytest.warns(
        UserWarning, match=rf"CIFAR-10 is there twice: .*{DIRECTORY} is read, {npz} is not. .*source='npz'"
    ):
        assert len(load_cifar10(tmp_path, verify=False).y_train) == 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_cifar10(tmp_path, verify=False, source="batches").y_train) == 10
        assert len(load_cifar10(tmp_path, verify=False, source="npz").y_train) == 6


def test_two_npz_files_are_ambiguous(tmp_path: Path) -> None:
    save_npz(tmp_path / "cifar10")
    save_npz(tmp_path / "cifar10", "other.npz")
    write(tmp_path / "cifar10" / DIRECTORY, batches())
    for source in ("auto", "npz"):
        with pytest.raises(
            ValueError, match=r"must be one npz file in .*, but there are other.npz, own.npz|own.npz, other"
        ):
            load_cifar10(tmp_path, verify=False, source=source)
    assert len(load_cifar10(tmp_path, verify=False, source="batches").y_train) == 10


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("auto", r"cifar10 were not found.* in .*cifar10: cifar-10-batches-bin/data_batch_1.bin .*tar.gz, \*.npz"),
        ("batches", r"in .*cifar10/cifar-10-batches-bin: data_batch_1.bin, .*test_batch.bin.*download=True"),
        ("archive", r"in .*cifar10: cifar-10-binary.tar.gz; in .*: cifar-10-binary.tar.gz.*download=True"),
        ("npz", r"in .*cifar10: \*.npz. Put one there, or choose another source"),
    ],
)
def test_a_source_that_is_not_there(tmp_path: Path, source: str, message: str) -> None:
    if source == "npz":  # another source does not step in
        write(tmp_path / "cifar10" / DIRECTORY, batches())
    elif source != "auto":
        save_npz(tmp_path / "cifar10")
    with pytest.raises(FileNotFoundError, match=message):
        load_cifar10(tmp_path, source=source, verify=False)


def test_sources_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Unknown source 'arxive'. Available: archive, .* mean 'archive'"):
        load_cifar10(tmp_path, source="arxive")
    with pytest.raises(ValueError, match=r"The npz file cannot be downloaded. Put it into <folder>/cifar10/"):
        load_cifar10(tmp_path, source="npz", download=True)


@pytest.mark.slow
def test_the_real_subset() -> None:
    data = load_cifar10(real_data(), source="npz")
    assert data.name == "cifar10 subset (20000/5000)"
    np.testing.assert_array_equal(np.bincount(data.y_train), [2000] * 10)
    np.testing.assert_array_equal(np.bincount(data.y_test), [500] * 10)
    # Means of the complete training set; those of 20,000 · 1024 pixels lie within half a grey level of them.
    np.testing.assert_allclose(data.x_train.mean(axis=(0, 1, 2)), [125.307, 122.950, 113.865], atol=0.5)
