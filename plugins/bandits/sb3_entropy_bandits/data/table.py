"""Tables of features with a class in each row: arrays, data frames, OpenML."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from sb3_entropy_bandits.data.classification import ClassificationData, Labels
from sb3_entropy_bandits.data.frame import split_frame
from sb3_entropy_bandits.data.openml import fetch_openml
from sb3_entropy_bandits.data.split import stratified

Features = npt.NDArray[np.float64]


def tabular(
    x: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    frame: Any = None,
    target: str | None = None,
    openml: str | int | None = None,
    test_share: float = 0.2,
    split_seed: int = 0,
    standardise: bool = True,
    folder: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> ClassificationData:
    """
    A table from one of three sources: arrays (``x`` and ``y``), a pandas frame (``frame`` and ``target``), or OpenML.

    Labels of any kind become 0, …, K−1 in sorted order. Of a frame, categorical and text columns become one column of
    zeros and ones a category. The test set keeps the share of each class. With ``standardise``, every column becomes
    (x − m) / s with the mean m and standard deviation s of the *training* rows; a column that is constant there
    becomes x − m.

    :param x: features, shape (N, d), numbers
    :param y: labels, shape (N,): whole numbers, texts or truth values
    :param frame: a pandas data frame
    :param target: the column of the labels; for OpenML, None stands for the data set's own target
    :param openml: a name (``"iris"``) or an id (``61``) at openml.org; the id says the version too
    :param test_share: the share of the test set, in (0, 1)
    :param split_seed: seed of the split
    :param standardise: whether columns are standardised
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
    columns: list[str] | None = None
    if frame is not None:
        x, y, columns = split_frame(frame, target)
    features = _features(x, columns)
    labels, n_classes = _number(np.asarray(y), len(features))
    train, test = stratified(labels, test_share, split_seed)
    if standardise:
        features = _standardised(features, features[train])
    rows = features.astype(np.float32)
    return ClassificationData(
        name or "tabular", rows[train], labels[train], rows[test], labels[test], n_classes, 1.0, None
    )


def _features(x: Any, columns: list[str] | None) -> Features:
    try:
        features = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"x must be numbers of shape (N, d), but is not: {error}. Texts and categories need a pandas frame: pass "
            "frame= and target=."
        ) from error
    if features.ndim != 2 or features.size == 0:
        raise ValueError(f"x must have the shape (N, d) with N ≥ 1 and d ≥ 1, but has {features.shape}.")
    bad = np.argwhere(~(np.abs(features) <= np.finfo(np.float32).max))
    if len(bad):
        row, column = bad[0]
        place = f"column {columns[column]!r}" if columns else f"column {column}"
        raise ValueError(
            f"x must be finite in float32, but {features[row, column]} stands in row {row}, {place} (and "
            f"{len(bad) - 1} more). Fill or drop such rows first."
        )
    return features


def _number(y: npt.NDArray[Any], n_rows: int) -> tuple[Labels, int]:
    """:return: labels 0, …, K−1 in the order of the sorted values, and K"""
    if y.shape != (n_rows,):
        raise ValueError(f"y must have the shape ({n_rows},), a label for each row of x, but has {y.shape}.")
    fraction = next((value for value in y.tolist() if isinstance(value, float) and not value.is_integer()), None)
    if fraction is not None:
        raise ValueError(
            f"y must be classes, but {fraction} is among its values. Cut a quantity into classes first, with "
            "numpy.digitize for example, and drop rows without a label."
        )
    try:
        values, labels = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"The values of y cannot be sorted: {error}. Make all of them texts or all of them whole numbers, and "
            "drop rows without a label."
        ) from error
    if len(values) < 2:
        raise ValueError(f"y must have at least 2 classes, but all of its values are {values[0]!r}.")
    return labels.astype(np.int64), len(values)


def _standardised(features: Features, training: Features) -> Features:
    std = training.std(axis=0)
    constant = (training == training[0]).all(axis=0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        scaled: Features = (features - training.mean(axis=0)) / np.where(constant, 1.0, std)
        wrong = ~np.isfinite(scaled.astype(np.float32)).all(axis=0)
    if wrong.any():
        column = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"Column {column} of x cannot be standardised: in the training rows its standard deviation is "
            f"{std[column]:g}, next to its values nothing. Leave the column out, or give standardise=False."
        )
    return scaled
