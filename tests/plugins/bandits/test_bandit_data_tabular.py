"""Tables: labels, splits and standardisation against scikit-learn's; data frames against its encoder."""

import sys
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sb3_entropy_bandits.data import tabular
from sb3_entropy_bandits.data.frame import split_frame
from sb3_entropy_bandits.data.split import stratified
from sklearn.datasets import load_wine
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler


def test_columns_are_standardised_by_the_training_rows_alone() -> None:
    x, y = load_wine(return_X_y=True)
    raw = tabular(x, y, standardise=False)
    data = tabular(x, y)
    assert (data.name, data.scale, data.image_shape, data.n_classes) == ("tabular", 1.0, None, 3)
    scaler = StandardScaler().fit(raw.x_train.astype(np.float64))
    np.testing.assert_allclose(data.x_train, scaler.transform(raw.x_train), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(data.x_test, scaler.transform(raw.x_test), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(data.y_test, raw.y_test)
    # Each class gives a fifth, and rows keep their labels.
    np.testing.assert_array_equal(np.bincount(data.y_test), np.round(np.bincount(y) / 5).astype(int))
    label_of = {row.tobytes(): label for row, label in zip(x.astype(np.float32), y, strict=True)}
    for rows, labels in ((raw.x_train, raw.y_train), (raw.x_test, raw.y_test)):
        assert [label_of[row.tobytes()] for row in rows] == labels.tolist()


def test_the_split_follows_its_share_and_seed() -> None:
    x, y = load_wine(return_X_y=True)
    tests = [tabular(x, y, split_seed=seed, test_share=share).x_test for seed, share in ((0, 0.2), (1, 0.2), (0, 0.5))]
    assert [len(test) for test in tests] == [36, 36, 90]
    assert not np.array_equal(tests[0], tests[1])
    np.testing.assert_array_equal(tabular(x, y).x_test, tests[0])


def test_a_column_that_all_but_never_changes_is_named() -> None:
    x = np.zeros((40, 2))
    x[:, 0] = np.arange(40)
    x[2, 1], x[1, 1] = 1e-30, 1e30
    y = np.arange(40) % 2
    in_test = next(s for s in range(50) if 1 in stratified(y, 0.2, s)[1] and 2 in stratified(y, 0.2, s)[0])
    with pytest.raises(
        ValueError, match=r"standardised in column 1: .* is 1.74e-31, nothing beside the 1e\+30 in row 1"
    ):
        tabular(x, y, split_seed=in_test)


def test_a_column_that_is_constant_in_training_is_centred_only() -> None:
    x = np.column_stack([np.arange(20.0), np.full(20, 0.1)])
    data = tabular(x, [0, 1] * 10)
    np.testing.assert_allclose(data.x_train[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(data.x_train[:, 0].std(), 1, rtol=1e-6)


@pytest.mark.parametrize(
    "labels",
    [
        ["pear", "apple", "fig", "apple"],
        [30, -1, 7, 7],
        [True, False, True, False],
        [2.0, 1.0, 5.0, 1.0],
        np.array(["b", "a", "c", "c"], dtype=object),
        pd.Series(["b", "a", "c", "c"]),
    ],
)
def test_labels_of_any_kind_are_numbered_in_sorted_order(labels: Any) -> None:
    x = np.arange(40.0)[:, np.newaxis]
    y = np.tile(np.asarray(labels), 10)
    data = tabular(x, y, standardise=False)
    expected = LabelEncoder().fit_transform(y)
    np.testing.assert_array_equal(data.y_train, expected[data.x_train[:, 0].astype(int)])
    np.testing.assert_array_equal(data.y_test, expected[data.x_test[:, 0].astype(int)])
    assert data.n_classes == len(set(y.tolist()))


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": [1.5, 2.5, -3.0, 4.0] * 5,
            "kind": pd.Categorical(["old", "new", "old", "old"] * 5, categories=["old", "new", "unseen"]),
            "town": ["Ulm", "Bern", "Graz", "Bern"] * 5,
            "paid": [True, False, False, True] * 5,
            "kept": pd.array([True, False, True, True] * 5, dtype="boolean"),
            "count": pd.array([3, 1, 2, 2] * 5, dtype="Int64"),
            "grade": ["good", "bad"] * 10,
        }
    )


def test_a_frames_columns_become_numbers() -> None:
    given = frame()
    features, labels = split_frame(given, "grade", 3)
    assert features.names == [
        *("size", "kind=old", "kind=new", "kind=unseen", "town=Bern", "town=Graz", "town=Ulm"),
        *("paid", "kept", "count"),
    ]
    kinds = OneHotEncoder(categories=[["old", "new", "unseen"]], sparse_output=False).fit_transform(given[["kind"]])
    towns = OneHotEncoder(sparse_output=False).fit_transform(given[["town"]])
    plain = given[["paid", "kept", "count"]].astype(float)
    np.testing.assert_array_equal(features.values, np.column_stack([given["size"], kinds, towns, plain]))
    assert labels.tolist() == ["good", "bad"] * 10
    data = tabular(frame=given, target="grade", standardise=False, name="towns")
    assert data.name == "towns"
    assert data.x_train.shape == (16, 10)
    bad = data.x_train[data.y_train == 0]
    assert set(bad[:, 0].tolist()) == {2.5, 4.0}  # the rows of "bad", the first in sorted order


@pytest.mark.parametrize(
    "pair", [(0.1 + 0.2, 0.3), (7e-20, 7e-20 * (1 + 1e-15)), np.float32([1 / 3, np.nextafter(np.float32(1 / 3), 1)])]
)
def test_a_column_that_differs_in_rounding_alone_is_centred_only(pair: Any) -> None:
    """Its standard deviation is a rounding or two, and a row that is off by .2 was 5e15 of them."""
    x, y = np.asarray(pair)[np.arange(41) % 2][:, np.newaxis], np.arange(41) % 2
    x[40] += 0.2
    seed = next(seed for seed in range(50) if 40 in stratified(y, 0.2, seed)[1])
    data = tabular(x, y, split_seed=seed)
    np.testing.assert_allclose(data.x_test[-1], 0.2, rtol=1e-5)
    np.testing.assert_allclose(data.x_train, 0, atol=1e-6)


def test_what_is_small_beside_its_level_is_standardised_as_ever() -> None:
    seconds = 1.7e9 + np.arange(40)[:, np.newaxis]
    np.testing.assert_allclose(tabular(seconds, np.arange(40) % 2).x_train.std(), 1, rtol=1e-6)


def test_no_column_is_lost_to_another_of_its_name() -> None:
    given = pd.DataFrame({"a": ["b", "c"] * 10, "a=b": np.arange(20.0), "y": ["no", "yes"] * 10})
    features, _ = split_frame(given, "y", 2)
    np.testing.assert_array_equal(features.values.T, [[1, 0] * 10, [0, 1] * 10, range(20)])
    codes = pd.DataFrame({"a": pd.Categorical([1, "1"] * 10), "y": [0, 1] * 10})
    np.testing.assert_array_equal(split_frame(codes, "y", 2)[0].values.T, [[1, 0] * 10, [0, 1] * 10])


@pytest.mark.parametrize(
    ("column", "rounding"),
    [
        ([Decimal(i) / 4 for i in range(20)], 2.0**-52),
        ([i / 4 for i in range(20)], 2.0**-52),
        (np.arange(20, dtype=np.float32) / 4, 2.0**-23),
        (pd.array(np.arange(20, dtype=np.float32) / 4, dtype="Float32"), 2.0**-23),
        (pd.Series([Fraction(i, 4) for i in range(20)], dtype=object), 2.0**-52),
    ],
)
def test_numbers_of_any_kind_are_one_column(column: Any, rounding: float) -> None:
    features, _ = split_frame(pd.DataFrame({"a": column, "y": [0, 1] * 10}), "y", 1)
    np.testing.assert_array_equal(features.values[:, 0], np.arange(20) / 4)
    assert features.rounding == [rounding]


def test_a_column_that_names_the_rows_is_refused() -> None:
    given = pd.DataFrame({"song": [f"s{i % 8001}" for i in range(10_000)], "y": [0, 1] * 5000})
    message = (
        r"'song' has 8001 categories in 10000 rows, .* at most 256 are allowed. .*drop\(columns='song'\).* "
        r"max_categories=8001"
    )
    with pytest.raises(ValueError, match=message):
        tabular(frame=given, target="y")
    few = given[: 2 * 300]
    with pytest.raises(ValueError, match="has 600 categories in 600 rows"):
        tabular(frame=few.astype({"song": "category"}), target="y")
    assert tabular(frame=few, target="y", max_categories=600).x_train.shape == (480, 600)
    with pytest.raises(ValueError, match="max_categories must be a whole number ≥ 1"):
        tabular(frame=few, target="y", max_categories=0)


@pytest.mark.parametrize("labels", [pd.array([5, 3] * 10, dtype="Int64"), pd.Categorical(["x", "a"] * 10)])
def test_pandas_own_kinds_of_labels(labels: Any) -> None:
    data = tabular(frame=frame().assign(grade=labels), target="grade", standardise=False)
    assert set(data.x_train[data.y_train == 0][:, 0].tolist()) == {2.5, 4.0}


WHOLE = 2**60 + np.arange(20)
CLOSE = 10**9 + np.arange(20)
HALVES = np.arange(20) / 2


@pytest.mark.parametrize(
    ("given", "column", "options"),
    [
        ({"x": WHOLE[:, np.newaxis]}, 0, {}),
        ({"x": np.uint64(2**63) + WHOLE.astype(np.uint64)[:, np.newaxis]}, 0, {}),
        ({"x": [[half, whole] for half, whole in zip(HALVES.tolist(), WHOLE.tolist(), strict=True)]}, 1, {}),
        ({"x": pd.DataFrame({"half": HALVES, "number": WHOLE})}, 1, {}),
        ({"x": [[2**63 + i, -i] for i in range(20)]}, 0, {}),
        ({"x": [[10**30 + i] for i in range(20)]}, 0, {}),
        ({"frame": pd.DataFrame({"half": HALVES, "number": WHOLE})}, "number", {}),
        ({"frame": pd.DataFrame({"number": pd.array(WHOLE, dtype="Int64")})}, "number", {}),
        ({"frame": pd.DataFrame({"number": pd.Series(WHOLE.tolist(), dtype=object)})}, "number", {}),
        ({"frame": pd.DataFrame({"number": [Decimal(i) for i in WHOLE.tolist()]})}, "number", {}),
        ({"x": np.column_stack([CLOSE * 0, CLOSE])}, 1, {"standardise": False}),
        ({"frame": pd.DataFrame({"half": HALVES, "number": CLOSE})}, "number", {"standardise": False}),
    ],
)
def test_whole_numbers_that_would_become_one_are_refused(
    given: dict[str, Any], column: object, options: dict[str, Any]
) -> None:
    y = [0, 1] * 10
    source = {"frame": given["frame"].assign(y=y), "target": "y"} if "frame" in given else given | {"y": y}
    kind, advice = ("float32", "standardise=True, subtract") if options else ("float64", "Subtract")
    message = rf"column {column!r} .* 20 different whole numbers, .* {kind} keeps only \d+ .*{advice} .*categor"
    with pytest.raises(ValueError, match=message):
        tabular(**source, **options)


def test_what_merges_by_ordinary_rounding_or_not_at_all_is_taken() -> None:
    y = np.arange(20) % 2
    rounded = 1 + np.arange(20) * 1e-9
    assert len(np.unique(tabular(rounded[:, np.newaxis], y, standardise=False).x_train)) == 1
    for column in (2**60 + 1024 * np.arange(20), np.full(20, 2**60 + 1), CLOSE.astype(np.float64) + 0.5):
        tabular(np.column_stack([column, y]), y)
    tabular(CLOSE[:, np.newaxis], y)
    tabular(2**24 + 2 * np.arange(20)[:, np.newaxis], y, standardise=False)


X = np.arange(20.0).reshape(10, 2)
Y = [0, 1] * 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"exactly one of x \(with y\), frame \(with target\) and openml, but none was given"),
        ({"x": X, "y": Y, "openml": "iris"}, r"exactly one of .* but x and openml was given"),
        ({"x": X}, r"y belongs to x and target to frame"),
        ({"x": X, "y": Y, "target": "a"}, r"y belongs to x and target to frame"),
        ({"frame": frame(), "target": "grade", "y": Y}, r"y belongs to x"),
        (
            {"x": [["a", 1]], "y": [1]},
            r"x must be numbers of shape \(N, d\), but is not: .*Texts .* need a pandas frame",
        ),
        ({"x": [1.0, 2.0], "y": [0, 1]}, r"x must have the shape \(N, d\) with .*, but has \(2,\)"),
        ({"x": np.zeros((3, 0)), "y": [0, 1, 0]}, r"but has \(3, 0\)"),
        (
            {"x": np.where(X == 5, np.nan, X), "y": Y},
            r"finite in float32, but nan stands in row 2, column 1 \(and 0 more",
        ),
        ({"x": np.where(X > 17, 1e39, X), "y": Y}, r"finite in float32, but 1e\+39 stands in row 9, column 0 \(and 1"),
        ({"x": [["1", "2_0"]] * 10, "y": Y}, r"x must be numbers .* but is not: '1' among them is a text"),
        ({"x": X * 1j, "y": Y}, r"x must be numbers .* is a complex"),
        ({"x": X.astype("datetime64[D]"), "y": Y}, r"x must be numbers .* is a date"),
        ({"x": [[1, 2]] * 9 + [[1]], "y": Y}, r"x must be numbers .* but is not: .*inhomogeneous"),
        ({"x": np.ma.masked_equal(X, 5), "y": Y}, r"x has masked entries"),
        ({"x": X, "y": np.ma.masked_equal(Y, 1)}, r"y has masked entries"),
        ({"x": pd.DataFrame(X)[::-1], "y": pd.Series(Y)}, r"x and y are pandas objects with different indices"),
        ({"x": X, "y": [1, "1"] * 5}, r"values of y cannot be sorted: 1 is a number and '1' is a text"),
        ({"x": X, "y": [True, 1, 0, 0, 0] * 2}, r"cannot be sorted: True is a truth value and 1 is a number"),
        ({"x": X, "y": ["a", np.nan] * 5}, r"y must be classes, but nan is among"),
        ({"x": X, "y": [None, "a"] * 5}, r"cannot be sorted: None is a NoneType and 'a' is a text"),
        ({"x": X, "y": ["a", "a "] * 5}, r"y has 'a' and 'a ', which differ in blanks"),
        ({"x": X, "y": Y[:9]}, r"y must have the shape \(10,\), a label for each row of x, but has \(9,\)"),
        ({"x": X, "y": np.zeros((10, 1))}, r"but has \(10, 1\)"),
        ({"x": X, "y": [0, 1.5] * 5}, r"y must be classes, but 1.5 is among its values. .*numpy.digitize"),
        ({"x": X, "y": [0, np.nan] * 5}, r"y must be classes, but nan is among"),
        ({"x": X, "y": [0, -np.inf] * 5}, r"y must be classes, but -inf is among"),
        ({"x": X, "y": np.array([0, "a"] * 5, dtype=object)}, r"values of y cannot be sorted: .*all of them texts"),
        ({"x": X, "y": ["a"] * 10}, r"y must have at least 2 classes, but all of its values are .*'a'"),
        ({"x": X, "y": Y, "test_share": 0}, r"test_share must be a number > 0 and ≤ 1, but 0"),
        ({"x": X, "y": Y, "test_share": 1}, r"test_share must be a number > 0 and < 1, but 1 was given"),
        ({"x": X, "y": Y, "test_share": 0.01}, r"test_share=0.01 leaves the test set empty: .* 10 rows"),
        ({"x": X, "y": Y, "split_seed": -1}, r"split_seed must be a whole number ≥ 0, but -1"),
        ({"frame": frame(), "target": "grad"}, r"Unknown target column 'grad'. Available: count, .* mean 'grade'"),
        ({"frame": frame()}, r"Unknown target column None"),
        ({"frame": frame()[["grade"]], "target": "grade"}, r"no column but the target 'grade'"),
        (
            {"frame": frame().assign(size=[1.0, None] * 10, town=[None, *["Ulm"] * 19]), "target": "grade"},
            r"lacks values in 'size' \(10\), 'town' \(1\). Fill them, or drop .*dropna",
        ),
        ({"frame": frame().assign(grade=["a", None] * 10), "target": "grade"}, r"lacks values in 'grade' \(10\)"),
        (
            {"frame": frame().assign(size=pd.Timestamp("2020-01-01")), "target": "grade"},
            r"column 'size' is of type datetime64.* must be numbers, truth values, categories or texts",
        ),
        (
            {"frame": frame().assign(town=["Ulm", 1] * 10), "target": "grade"},
            r"column 'town' mixes texts \('Ulm'\) and numbers \(1\). Make all of them one kind",
        ),
        (
            {"frame": frame().assign(town=["new", "1,5"] * 10), "target": "grade"},
            r"column 'town' is of texts, but '1,5' among them is a number, .*pandas.to_numeric.*astype\('category'\)",
        ),
        ({"frame": frame().assign(town=["Ulm", " NaN"] * 10), "target": "grade"}, r"' NaN' among them is a number, or"),
        ({"frame": frame().assign(town=["Ulm", ""] * 10), "target": "grade"}, r"'' among them is a number, or stands"),
        ({"frame": frame().assign(town=["Ulm", "Ulm "] * 10), "target": "grade"}, r"'town' has 'Ulm' and 'Ulm '"),
        (
            {"frame": frame().assign(town=pd.Categorical(["Red", "red ", "red", "Red"] * 5)), "target": "grade"},
            r"'town' has 'red' and 'red ', which .*Series.str.strip\(\).*astype\('category'\)",
        ),
        ({"frame": frame().assign(town=[date(2020, 1, 1)] * 20), "target": "grade"}, r"'town' is of type date, but"),
        ({"frame": frame().assign(town=[[]] * 20), "target": "grade"}, r"'town' is of type list, but must"),
        ({"frame": frame().assign(size=1j), "target": "grade"}, r"column 'size' is of type complex128"),
        (
            {"frame": frame().assign(size=-np.inf), "target": "grade"},
            r"-inf stands in row 0, column 'size' \(and 19 more",
        ),
        ({"frame": frame().rename(columns={"size": "town"}), "target": "grade"}, r"different names, .* are town, kind"),
        ({"frame": frame().assign(grade=["1", 1] * 10), "target": "grade"}, r"values of y cannot be sorted"),
        ({"frame": frame(), "target": "size"}, r"y must be classes, but 1.5 is among"),
    ],
)
def test_what_is_no_table_for_classification(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tabular(**given)


def test_types_are_checked() -> None:
    with pytest.raises(TypeError, match=r"frame must be a pandas DataFrame, but a dict was given. For arrays pass x"):
        tabular(frame={"a": [1]}, target="a")
    for wrong in (1.5, True):
        with pytest.raises(TypeError, match=rf"openml must be a name or an id, e.g. 'iris' or 61, but {wrong} was"):
            tabular(openml=wrong)  # type: ignore[arg-type]


def test_pandas_is_needed_for_frames_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given = frame()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"tabular\(frame=…\) needs pandas, .*: pip install pandas"):
        tabular(frame=given, target="grade")
    with pytest.raises(ImportError, match=r"tabular\(openml=…\) needs pandas"):
        tabular(openml="iris")
    assert tabular(X, Y).n_classes == 2
