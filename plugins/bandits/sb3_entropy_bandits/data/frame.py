"""Features and labels out of a pandas data frame."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from sb3_entropy.errors import check_number, unknown
from sb3_entropy_bandits.data.features import Features, column_of
from sb3_entropy_bandits.data.kinds import NUMBER, TEXT, TRUTH_VALUE, check_texts, is_numeral, kinds_of
from sb3_entropy_bandits.data.requirements import require

Column = tuple[str, npt.NDArray[np.float64], float]


def split_frame(frame: Any, target: str | None, max_categories: int) -> tuple[Features, npt.NDArray[Any]]:
    """
    Numbers and truth values become one column each; categories and texts one column of zeros and ones a category, in
    the order of the categories, named ``column=category``.

    :param frame: a pandas data frame
    :param target: its column of labels
    :param max_categories: how many categories a column may have
    :return: d features of N rows, and the labels (N,) as they stand there
    :raises TypeError: if it is not a pandas data frame
    :raises ValueError: if there is no such column, a cell is missing, or a column is of another kind, mixes kinds, has
        too many categories, texts that are numbers, or whole numbers of which float64 makes one
    """
    pd = require("pandas", "tabular(frame=…)")
    check_number("max_categories", max_categories, low=1, integer=True)
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
    # A list: column=category may be the name of another column, too.
    columns = [
        made for column in frame.columns if column != target for made in _columns(pd, frame[column], max_categories)
    ]
    if not columns:
        raise ValueError(f"The frame has no column but the target {target!r}: there are no features.")
    features = Features(
        np.column_stack([values for _, values, _ in columns]),
        np.array([rounding for _, _, rounding in columns]),
        [name for name, _, _ in columns],
    )
    # As objects: numbers and texts side by side must not all become texts.
    return features, np.array(frame[target].tolist(), dtype=object)


def _columns(pd: Any, series: Any, max_categories: int) -> Iterator[Column]:
    types, name = pd.api.types, str(series.name)
    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = list(series.cat.categories)
        check_texts(categories, f"The column {name!r}")
        yield from _one_hot(pd, series, categories, max_categories)
    elif types.is_numeric_dtype(series.dtype) and series.dtype.kind != "c":  # truth values count as numeric
        yield _numbers(series)
    elif types.is_string_dtype(series.dtype) or types.is_object_dtype(series.dtype):
        kinds = kinds_of(series)
        if len(kinds) > 1:
            raise ValueError(
                f"The column {name!r} mixes {' and '.join(f'{kind}s ({value!r})' for kind, value in kinds.items())}. "
                "Make all of them one kind, with pandas.to_numeric or Series.astype(str) for example."
            )
        if kinds.keys() <= {NUMBER, TRUTH_VALUE}:
            yield _numbers(series)
        elif TEXT in kinds:
            yield from _one_hot(pd, series, _texts(series), max_categories)
        else:
            raise _other_type(name, *kinds)
    else:
        raise _other_type(name, series.dtype)


def _other_type(name: str, given: object) -> ValueError:
    return ValueError(
        f"The column {name!r} is of type {given}, but must be numbers, truth values, categories or texts. Convert or "
        "drop it first."
    )


def _numbers(series: Any) -> Column:
    values, rounding = column_of(str(series.name), series.to_numpy())
    return str(series.name), values, rounding


def _texts(series: Any) -> list[str]:
    """:return: the texts of a column, each once, sorted"""
    texts = sorted(series.unique())
    numeral = next(filter(is_numeral, texts), None)
    if numeral is not None:
        raise ValueError(
            f"The column {series.name!r} is of texts, but {numeral!r} among them is a number, or stands for one that "
            "is missing. Convert it with pandas.to_numeric; or, if the texts are names of categories, with "
            "Series.astype('category')."
        )
    check_texts(texts, f"The column {series.name!r}")
    return texts


def _one_hot(pd: Any, series: Any, categories: list[Any], max_categories: int) -> Iterator[Column]:
    if len(categories) > max_categories:
        raise ValueError(
            f"The column {series.name!r} has {len(categories)} categories in {len(series)} rows, and each would become "
            f"a column of its own; at most {max_categories} are allowed. If it names the rows, drop it with "
            f"frame.drop(columns={series.name!r}); else put rare categories together, or pass "
            f"max_categories={len(categories)}."
        )
    codes = np.asarray(pd.Categorical(series, categories=categories).codes)
    for code, category in enumerate(categories):
        yield f"{series.name}={category}", (codes == code).astype(np.float64), 0.0
