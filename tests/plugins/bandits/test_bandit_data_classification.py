"""ClassificationData's checks, loading by name, the data folder, and the digits."""

import re
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bandit_data_files import idx_files, write
from sb3_entropy_bandits.data import ClassificationData, load_classification, load_digits, load_mnist, tabular
from sb3_entropy_bandits.data.folder import data_folder
from sb3_entropy_bandits.data.split import every_nth, stratified
from sklearn.datasets import load_digits as sklearn_digits


def fields(**replaced: Any) -> dict[str, Any]:
    """:return: 4 and 2 images of 2×3 pixels and 3 colours, in 3 classes"""
    images = np.arange(6 * 18, dtype=np.uint8).reshape(6, 2, 3, 3)
    labels = np.array([0, 2, 1, 1, 2, 0])
    return {
        "name": "mine",
        "x_train": images[:4],
        "y_train": labels[:4],
        "x_test": images[4:],
        "y_test": labels[4:],
        "n_classes": 3,
        "scale": 255.0,
        "image_shape": (2, 3, 3),
    } | replaced


def rows(**replaced: Any) -> dict[str, Any]:
    x = np.linspace(-1, 2, 12, dtype=np.float32).reshape(6, 2)
    return fields(x_train=x[:4], x_test=x[4:], scale=1.0, image_shape=None) | replaced


def test_what_fits_is_kept_and_cannot_be_written_to() -> None:
    for given in (fields(), rows()):
        data = ClassificationData(**given)
        np.testing.assert_array_equal(data.x_train, given["x_train"])
        for field in ("x_train", "y_train", "x_test", "y_test"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(data, field)[0] = 0
            kept = getattr(data, field).copy()
            given[field][...] = 77  # the caller's own array can be written to, and is another
            np.testing.assert_array_equal(getattr(data, field), kept)
        with pytest.raises(FrozenInstanceError):
            data.scale = 2.0  # type: ignore[misc]


NAN = np.array([[0, 1], [np.nan, np.inf], [1, 1], [2, 2]], dtype=np.float32)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (fields(n_classes=1), ValueError, "n_classes must be a whole number ≥ 2, but 1"),
        (fields(n_classes=3.0), TypeError, "n_classes must be a whole number"),
        (fields(scale=0), ValueError, "scale must be a number > 0"),
        (fields(y_test=[2, 0]), TypeError, r"y_test of 'mine' must be a NumPy array, but a list was given. np.asarray"),
        (
            fields(y_train=np.array([0, 2, 1], dtype=np.int64)),
            ValueError,
            r"y_train of 'mine' .* \(4,\).* is int64 of.*3",
        ),
        (fields(y_train=np.array([0, 2, 1, 1], dtype=np.int32)), ValueError, "y_train .*must be int64.*but is int32"),
        (
            fields(y_test=np.array([0, 3])),
            ValueError,
            r"labels in y_test of 'mine' .* 0 and 2, but label 3 .* index 1 ",
        ),
        (fields(y_train=np.array([0, -1, 5, 1])), ValueError, r"label -1 stands at index 1 \(and 1 more are outside"),
        (fields(y_train=np.ma.masked_equal([0, 2, 1, 1], 2)), ValueError, r"y_train of 'mine' has masked entries"),
        (
            fields(image_shape=(3, 2, 3)),
            ValueError,
            r"x_train of 'mine' must be uint8 of shape \(N, 3, 2, 3\), N ≥ 1, but",
        ),
        (
            fields(image_shape=None),
            ValueError,
            r"x_train .* float32 of shape \(N, d\).* is uint8 of shape \(4, 2, 3, 3\)",
        ),
        (fields(x_test=np.zeros((2, 2, 3, 3))), ValueError, r"x_test of 'mine' must be uint8 .* but is float64"),
        (fields(x_test=np.zeros((0, 2, 3, 3), np.uint8), y_test=np.zeros(0, np.int64)), ValueError, "x_test .*N ≥ 1"),
        (rows(x_train=np.zeros((4, 2))), ValueError, r"x_train of 'mine' must be float32 .*, but is float64"),
        (rows(x_test=np.zeros((2, 3), np.float32)), ValueError, r"same shape but .* they are \(4, 2\) and \(2, 3\)"),
        (
            rows(x_train=NAN),
            ValueError,
            r"x_train of 'mine' must be finite, but nan stands in row 1, column 0 \(and 1 more",
        ),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ClassificationData(**given)


def test_the_digits_are_scikit_learns() -> None:
    data = load_digits()
    source = sklearn_digits()
    assert (data.name, data.image_shape, data.scale, data.n_classes) == ("digits", (8, 8, 1), 16.0, 10)
    assert (len(data.x_train), len(data.x_test)) == (1442, 355)
    stored = {
        (image.astype(np.uint8).tobytes(), label) for image, label in zip(source.images, source.target, strict=True)
    }
    ours = [*zip(data.x_train, data.y_train, strict=True), *zip(data.x_test, data.y_test, strict=True)]
    assert {(image.tobytes(), label) for image, label in ours} == stored
    assert data.x_train.max() == data.x_test.max() == 16
    # Every fifth of each class, in the order of the file.
    np.testing.assert_array_equal(np.bincount(data.y_test), np.bincount(source.target) // 5)
    zeros = source.images[source.target == 0]
    np.testing.assert_array_equal(data.x_test[data.y_test == 0][..., 0], zeros[4::5])


def test_every_nth_of_each_class() -> None:
    train, test = every_nth(np.array([0, 1, 1, 0, 1, 1, 0, 1]), 2)
    assert train.tolist() == [0, 1, 4, 6, 7]
    assert test.tolist() == [2, 3, 5]


def test_a_stratified_split_keeps_the_shares_and_loses_nobody() -> None:
    y = np.repeat([0, 1, 2], [50, 30, 1])
    train, test = stratified(y, 0.3, seed=5)
    assert sorted([*train, *test]) == list(range(81))
    assert np.bincount(y[test], minlength=3).tolist() == [15, 9, 0]  # the only one of its class is to be learned from
    assert stratified(y, 0.3, seed=5)[1].tolist() == test.tolist()
    assert stratified(y, 0.3, seed=6)[1].tolist() != test.tolist()


def test_the_same_arguments_give_the_same_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "one/mnist", idx_files(n_train=5))
    write(tmp_path / "two/mnist", idx_files(n_train=6))
    monkeypatch.setenv("SB3_ENTROPY_DATA", str(tmp_path / "one"))
    one = load_classification("mnist", verify=False)
    assert len(one.x_train) == 5
    assert load_classification("mnist", folder=tmp_path / "two/../one", verify=False) is one
    assert load_classification("mnist", verify=False, n_classes=11) is not one
    monkeypatch.setenv("SB3_ENTROPY_DATA", str(tmp_path / "two"))
    assert len(load_classification("mnist", verify=False).x_train) == 6
    monkeypatch.chdir(tmp_path / "one")
    assert load_classification("mnist", folder=".", verify=False) is one
    assert load_classification("digits") is load_classification("digits", folder="anywhere", download=True)


def test_arrays_pass_through_by_name_and_are_not_remembered() -> None:
    x = np.arange(20.0).reshape(10, 2)
    y = ["a", "b"] * 5
    data = load_classification("tabular", x=x, y=y)
    np.testing.assert_array_equal(data.x_train, tabular(x, y).x_train)
    assert load_classification("tabular", x=x, y=y) is not data


def test_names_and_options_are_checked() -> None:
    with pytest.raises(
        ValueError, match=r"Unknown data set 'mnits'. Available: cifar10, digits, .* Did you mean 'mnist'"
    ):
        load_classification("mnits")
    message = r"Unknown option of the data set 'cifar10' 'sorce'. Available: base_url, .* Did you mean 'source'"
    with pytest.raises(ValueError, match=message):
        load_classification("cifar10", sorce="npz")
    with pytest.raises(ValueError, match=r"Unknown option of the data set 'digits' 'verify'. Available: none"):
        load_classification("digits", verify=False)


def test_without_a_folder_nothing_else_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "mnist", idx_files())
    monkeypatch.chdir(tmp_path)
    message = r"No data folder is given to look for mnist/train-images.* Pass folder='…', .* SB3_ENTROPY_DATA,"
    monkeypatch.delenv("SB3_ENTROPY_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=message):
        load_mnist(verify=False)
    monkeypatch.setenv("SB3_ENTROPY_DATA", "")
    with pytest.raises(FileNotFoundError, match=message):
        load_mnist(verify=False)
    nowhere = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError, match=rf"data folder {re.escape(str(nowhere))} does not exist; mnist/train"):
        load_classification("mnist", folder=nowhere)
    monkeypatch.setenv("SB3_ENTROPY_DATA", str(nowhere))
    with pytest.raises(FileNotFoundError, match=r"does not exist; cifar10/.*SB3_ENTROPY_DATA, to a folder that exists"):
        load_classification("cifar10")
    assert not nowhere.exists()


def test_the_argument_comes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SB3_ENTROPY_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder(None, "x") == tmp_path
    assert data_folder(tmp_path / "new", "x", create=True) == tmp_path / "new"
    assert data_folder("~/new", "x") == tmp_path / "new"


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"The data set 'digits' needs scikit-learn, .*: pip install scikit-learn"):
        load_digits()
