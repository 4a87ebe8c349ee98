"""Features and labels out of a pandas data frame."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sb3_entropy.errors import unknown
from sb3_entropy_bandits.data.requirements import require


def split_frame(frame: Any, target: str | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any], list[str]]:
    """
    Numbers and truth values become one column each; categories and texts one column of zeros and ones a category, in
    the order of the categories, named ``column=category``.

    :param frame: a pandas data frame
    :param target: its column of labels
    :return: features (N, d), labels (N,) as they stand there, and the names of the d columns
    :raises TypeError: if it is not a pandas data frame
    :raises ValueError: if there is no such column, a cell is missing, or a column is of another kind
    """
    pd = require("pandas", "tabular(frame=…)")
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"frame must be a pandas DataFrame, but a {type(frame).__name__} was given. For arrays pass x and y."
        )
    names = [str(column) for column in frame.columns]
    if len(set(names)) < len(names):
        raise ValueError(f"The columns of the frame must have different names, but they are {', '.join(names)}.")
    if target is None or target not in frame.columns:
        raise ValueError(unknown("target column", target, names))
    missing = {str(column): int(n) for column, n in frame.isna().sum().items() if n}
    if missing:
        raise ValueError(
            f"The frame lacks values in {', '.join(f'{column!r} ({n})' for column, n in missing.items())}. "
            "Fill them, or drop those rows with frame.dropna(), first."
        )
    columns = {name: values for column in frame.columns if column != target for name, values in _columns(frame[column])}
    if not columns:
        raise ValueError(f"The frame has no column but the target {target!r}: there are no features.")
    return np.column_stack(list(columns.values())), _labels(frame[target]), list(columns)


def _labels(series: Any) -> npt.NDArray[Any]:
    # As objects: numbers and texts side by side must not all become texts.
    return np.array(series.tolist(), dtype=object)


def _columns(series: Any) -> list[tuple[str, npt.NDArray[np.float64]]]:
    pd = require("pandas", "tabular(frame=…)")
    types, name = pd.api.types, str(series.name)
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = list(series.cat.categories)
    elif types.is_numeric_dtype(series.dtype) and series.dtype.kind != "c":  # truth values count as numeric
        return [(name, series.to_numpy(dtype=np.float64))]
    elif types.is_string_dtype(series.dtype) or types.is_object_dtype(series.dtype):
        categories = sorted(series.unique(), key=str)
    else:
        raise ValueError(
            f"The column {name!r} is of type {series.dtype}, but must be numbers, truth values, categories or texts. "
            "Convert or drop it first."
        )
    values = series.to_numpy(dtype=object)
    return [(f"{name}={category}", (values == category).astype(np.float64)) for category in categories]
