"""Tables of features with a class in each row: arrays, data frames, OpenML."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from sb3_entropy_bandits.data.classification import ClassificationData, Labels
from sb3_entropy_bandits.data.features import array_features
from sb3_entropy_bandits.data.frame import split_frame
from sb3_entropy_bandits.data.kinds import NUMBER, TEXT, check_texts, kind_of, kinds_of
from sb3_entropy_bandits.data.openml import fetch_openml
from sb3_entropy_bandits.data.split import stratified


def tabular(
    x: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    frame: Any = None,
    target: str | None = None,
    openml: str | int | None = None,
    test_share: float = 0.2,
    split_seed: int = 0,
    standardise: bool = True,
    max_categories: int = 256,
    folder: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> ClassificationData:
    """
    A table from one of three sources: arrays (``x`` and ``y``), a pandas frame (``frame`` and ``target``), or OpenML.

    Labels of any kind become 0, …, K−1 in sorted order. Of a frame, categorical and text columns become one column of
    zeros and ones a category. The test set keeps the share of each class. With ``standardise``, every column becomes
    (x − m) / s with the mean m and standard deviation s of the *training* rows; a column that is constant there, but
    for rounding, becomes x − m.

    What would be read as something else than it seems is an error: a column that mixes numbers and texts, numbers
    written as texts, texts that differ in blanks alone, masked entries, pandas objects of different indices, whole
    numbers so large that several become one in float64, or in float32 where they are not standardised.

    :param x: features, shape (N, d), numbers
    :param y: labels, shape (N,): whole numbers, texts or truth values
    :param frame: a pandas data frame
    :param target: the column of the labels; for OpenML, None stands for the data set's own target
    :param openml: a name (``"iris"``) or an id (``61``) at openml.org; the id says the version too
    :param test_share: the share of the test set, in (0, 1)
    :param split_seed: seed of the split
    :param standardise: whether columns are standardised
    :param max_categories: how many categories a column of a frame may have; more are an error that names it
    :param folder: the data folder, in which what comes from OpenML is kept, in ``openml/``; None for the one that the
        environment variable ``SB3_ENTROPY_DATA`` names
    :param name: what the data is called; None for ``"tabular"`` or ``"openml …"``
    :return: rows of float32, scale 1, image_shape None
    :raises ValueError: if not exactly one source is given, or what it gives is no table for classification
    :raises ImportError: if pandas or scikit-learn is needed and not installed
    :raises ConnectionError: if OpenML does not answer
    """
    given = [key for key, value in (("x", x), ("frame", frame), ("openml", openml)) if value is not None]
    if len(given) != 1:
        raise ValueError(
            "tabular needs exactly one of x (with y), frame (with target) and openml, but "
            f"{' and '.join(given) or 'none'} was given."
        )
    if (x is None) != (y is None) or (x is not None and target is not None):
        raise ValueError("y belongs to x and target to frame or openml: pass x and y, frame and target, or openml.")
    if openml is not None:
        frame, target = fetch_openml(openml, target, folder)
        name = name or f"openml {openml}"
    if frame is not None:
        features, y = split_frame(frame, target, max_categories)
    else:
        _check_alignment(x, y)
        features = array_features(x)
    labels, n_classes = _number(y, len(features.values))
    train, test = stratified(labels, test_share, split_seed)
    rows = features.standardised(train).astype(np.float32) if standardise else features.unstandardised()
    return ClassificationData(
        name or "tabular", rows[train], labels[train], rows[test], labels[test], n_classes, 1.0, None
    )


def _check_alignment(x: Any, y: Any) -> None:
    """pandas would pair rows by their index, NumPy by their place: both must say the same."""
    x_index: Any = getattr(x, "index", None)  # a list's is a method
    y_index: Any = getattr(y, "index", None)
    if hasattr(x_index, "equals") and hasattr(y_index, "equals") and not x_index.equals(y_index):
        raise ValueError(
            "x and y are pandas objects with different indices, so rows may belong together by index or by place. Give "
            "y.loc[x.index], or x.to_numpy() and y.to_numpy()."
        )


def _number(given: Any, n_rows: int) -> tuple[Labels, int]:
    """:return: labels 0, …, K−1 in the order of the sorted values, and K"""
    if np.ma.is_masked(given):
        raise ValueError("y has masked entries, and what stands under a mask is no label. Drop rows without a label.")
    # As objects: numbers and texts side by side must not all become texts.
    y = given if isinstance(given, np.ndarray) else np.array(given, dtype=object)
    if y.shape != (n_rows,):
        raise ValueError(f"y must have the shape ({n_rows},), a label for each row of x, but has {y.shape}.")
    kinds = kinds_of(y.tolist())
    numbers = [value for value in y.tolist() if kind_of(value) == NUMBER] if NUMBER in kinds else []
    fraction = next((number for number in numbers if not float(number).is_integer()), None)
    if fraction is not None:
        raise ValueError(
            f"y must be classes, but {fraction} is among its values. Cut a quantity into classes first, with "
            "numpy.digitize for example, and drop rows without a label."
        )
    try:
        if len(kinds) > 1:  # of which Python can sort some: True is 1
            raise TypeError(" and ".join(f"{value!r} is a {kind}" for kind, value in kinds.items()))
        values, labels = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"The values of y cannot be sorted: {error}. Make all of them texts or all of them whole numbers, and "
            "drop rows without a label."
        ) from error
    if len(values) < 2:
        raise ValueError(f"y must have at least 2 classes, but all of its values are {values[0]!r}.")
    if TEXT in kinds:
        check_texts(values.tolist(), "y")
    return labels.astype(np.int64), len(values)
