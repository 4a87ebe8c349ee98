"""MNIST and Fashion-MNIST: the idx format, where its files may lie, and what is said when something is wrong."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bandit_data_files import idx_bytes, idx_files, labels_of, real_data, write
from sb3_entropy_bandits.data import ClassificationData, load_fashion_mnist, load_mnist
from sb3_entropy_bandits.data.idx import parse_idx, read_idx


def test_an_idx_file_written_by_hand_is_read() -> None:
    content = bytes.fromhex("00000803 00000002 00000001 00000003") + bytes([1, 2, 3, 250, 251, 252])
    np.testing.assert_array_equal(parse_idx(content, 3, "here"), [[[1, 2, 3]], [[250, 251, 252]]])
    np.testing.assert_array_equal(parse_idx(bytes.fromhex("00000801 00000002 0709"), 1, "here"), [7, 9])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x00\x08\x03\x00\x00", r"here has 6 bytes, but the head alone of an idx file of 3 dimensions has 16"),
        (idx_bytes(labels_of(20)), r"magic number 2049, but .* with 3 dimensions begins with 2051.*exchanged"),
        (b"\x00\x00\x0d\x03" + bytes(12), r"magic number 3331, but"),
        (b"PK\x03\x04" + bytes(40), r"begins with the magic number 1347093252"),
        (
            idx_bytes(np.zeros((2, 3, 4), np.uint8))[:-1],
            r"should have 16 \+ 24 bytes, for the shape \(2, 3, 4\).*has 39",
        ),
        (idx_bytes(np.zeros((2, 3, 4), np.uint8)) + b"\n", r"should have 16 \+ 24 bytes.*but has 41"),
    ],
)
def test_another_format_or_length_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_idx(content, 3, "here")


@pytest.mark.parametrize("damage", ["cut", "flipped", "not gzip"])
def test_a_damaged_gzip_file_is_named(tmp_path: Path, damage: str) -> None:
    whole = gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)), mtime=0)
    damaged = {"cut": whole[:-20], "flipped": whole[:-6] + b"\x00\x01" + whole[-4:], "not gzip": whole[5:]}[damage]
    write(tmp_path, {"a.gz": damaged})
    with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path / 'a.gz'))} is not a whole gzip file: .*Delete it"):
        read_idx(tmp_path / "a.gz", 1)


@pytest.mark.parametrize(
    ("load", "directory"),
    [
        (load_mnist, "mnist"),
        (load_mnist, "MNIST/raw"),
        (load_fashion_mnist, "fashion_mnist"),
        (load_fashion_mnist, "FashionMNIST/raw"),
    ],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_files_are_found_in_both_layouts_and_both_forms(
    tmp_path: Path, load: Callable[..., ClassificationData], directory: str, compressed: bool
) -> None:
    files = idx_files()
    if not compressed:
        files = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in files.items()}
    write(tmp_path / directory, files)
    data = load(tmp_path, verify=False)
    assert data.x_train.shape == (7, 3, 2, 1)
    assert data.x_test.shape == (4, 3, 2, 1)
    assert (data.image_shape, data.scale, data.n_classes) == ((3, 2, 1), 255.0, 10)
    np.testing.assert_array_equal(data.x_train[:, 0, 0, 0], range(7))
    np.testing.assert_array_equal(data.x_train[2, :, :, 0], [[2, 13], [14, 15], [16, 17]])
    np.testing.assert_array_equal(data.y_train, [3, 6, 9, 2, 5, 8, 1])
    np.testing.assert_array_equal(data.y_test, [3, 6, 9, 2])


def test_unverified_files_say_so_in_the_name(tmp_path: Path) -> None:
    write(tmp_path / "mnist", idx_files())
    write(tmp_path / "fashion_mnist", idx_files())
    assert load_mnist(tmp_path, verify=False).name == "mnist (unverified)"
    assert load_fashion_mnist(tmp_path, verify=False).name == "fashion_mnist (unverified)"


@pytest.mark.parametrize("compressed", [True, False])
def test_other_files_are_refused_by_their_hash(tmp_path: Path, compressed: bool) -> None:
    files = idx_files()
    if not compressed:
        files = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in files.items()}
    write(tmp_path / "mnist", files)
    known = "440fcabf73cc546f" if compressed else "ba891046e6505d7a"
    with pytest.raises(ValueError, match=rf"train-images-idx3-ubyte.* is not the known file.*{known}.*verify=False"):
        load_mnist(tmp_path)


def test_the_first_directory_that_has_all_files_is_read(tmp_path: Path) -> None:
    files = idx_files()
    write(tmp_path / "MNIST/raw", files)
    write(tmp_path / "mnist", dict(list(idx_files(n_train=5).items())[:3]))
    assert len(load_mnist(tmp_path, verify=False).x_train) == 7
    write(tmp_path / "mnist", idx_files(n_train=5))
    assert len(load_mnist(tmp_path, verify=False).x_train) == 5


def test_what_is_missing_is_said_for_each_place(tmp_path: Path) -> None:
    files = idx_files()
    del files["t10k-labels-idx1-ubyte.gz"]
    write(tmp_path / "mnist", files)
    with pytest.raises(FileNotFoundError) as raised:
        load_mnist(tmp_path)
    message = str(raised.value)
    assert f"in {tmp_path / 'mnist'}: t10k-labels-idx1-ubyte.gz;" in message
    assert f"in {tmp_path / 'MNIST/raw'}: train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz" in message
    assert message.endswith("Put them there, with or without .gz, or load with download=True.")


def test_a_label_out_of_range_names_its_file(tmp_path: Path) -> None:
    files = idx_files()
    labels = np.array([1, 2, 3, 12, 5, 11, 7], dtype=np.uint8)
    write(tmp_path / "mnist", files | {"train-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(labels))})
    with pytest.raises(
        ValueError, match=r"train-labels-idx1-ubyte.gz .*between 0 and 9, but label 12 .* index 3 \(and 1"
    ):
        load_mnist(tmp_path, verify=False)
    assert load_mnist(tmp_path, verify=False, n_classes=13).n_classes == 13
    with pytest.raises(TypeError, match=r"n_classes must be a whole number ≥ 2, but 2.5"):
        load_mnist(tmp_path, verify=False, n_classes=2.5)  # type: ignore[arg-type]


def test_images_and_labels_must_belong_together(tmp_path: Path) -> None:
    write(tmp_path / "mnist", idx_files() | {"t10k-labels-idx1-ubyte.gz": gzip.compress(idx_bytes(labels_of(5)))})
    with pytest.raises(ValueError, match=r"t10k-images.* has 4 images, but .*t10k-labels.* has 5 labels"):
        load_mnist(tmp_path, verify=False)
    other = idx_files(shape=(2, 2))
    write(tmp_path / "mnist", idx_files() | {name: other[name] for name in other if name.startswith("t10k")})
    with pytest.raises(ValueError, match=r"x_test of 'mnist \(unverified\)' must be uint8 of shape \(N, 3, 2, 1\)"):
        load_mnist(tmp_path, verify=False)


def test_the_real_mnist() -> None:
    data = load_mnist(real_data())
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert data.name == "mnist"
    np.testing.assert_array_equal(np.bincount(data.y_train), counts)
    np.testing.assert_array_equal(np.bincount(data.y_test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    assert data.x_train.shape == (60000, 28, 28, 1)
    assert data.x_test.shape == (10000, 28, 28, 1)
    # The mean and standard deviation that everybody divides by, to the digits in which they are given.
    assert data.x_train.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert data.x_train.std() / 255 == pytest.approx(0.3081, abs=5e-5)


def test_the_real_fashion_mnist_and_without_gz(tmp_path: Path) -> None:
    folder = real_data()
    data = load_fashion_mnist(folder)
    np.testing.assert_array_equal(np.bincount(data.y_train), [6000] * 10)
    np.testing.assert_array_equal(np.bincount(data.y_test), [1000] * 10)
    assert data.x_train.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert data.x_train.std() / 255 == pytest.approx(0.3530, abs=5e-5)
    packed = sorted((folder / "fashion_mnist").glob("*.gz"))
    write(tmp_path / "fashion_mnist", {path.stem: gzip.decompress(path.read_bytes()) for path in packed})
    unpacked = load_fashion_mnist(tmp_path)
    assert unpacked.name == "fashion_mnist"
    np.testing.assert_array_equal(unpacked.x_test, data.x_test)


def test_the_one_is_not_taken_for_the_other(tmp_path: Path) -> None:
    (tmp_path / "mnist").symlink_to(real_data() / "fashion_mnist")
    with pytest.raises(ValueError, match="is not the known file"):
        load_mnist(tmp_path)
