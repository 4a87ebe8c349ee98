"""Features of a table: finite numbers, their rounding, their names; and how they are standardised."""

from dataclasses import dataclass
from decimal import Decimal
from numbers import Rational
from typing import Any

import numpy as np
import numpy.typing as npt

from sb3_entropy_bandits.data.kinds import NUMBER, TRUTH_VALUE, kinds_of

Numbers = npt.NDArray[np.float64]

#: a standard deviation of so many roundings of a column's largest value is nothing but rounding
ROUNDINGS = 16
#: beyond so many standard deviations, float32 cannot tell values apart that are one standard deviation apart
FARTHEST = 1 / float(np.finfo(np.float32).eps)

#: up to here, 2²⁴, float32 holds every whole number
EVERY_WHOLE = 2 / float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False)
class Features:
    """
    :param values: shape (N, d)
    :param rounding: the relative rounding of each column's numbers, shape (d,), 0 where they are whole
    :param names: the columns' names, or their numbers
    :raises ValueError: if the shape is another, or a number is not finite in float32
    """

    values: Numbers
    rounding: Numbers
    names: list[str] | list[int]

    def __post_init__(self) -> None:
        bad = np.argwhere(~(np.abs(self.values) <= np.finfo(np.float32).max))
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"x must be finite in float32, but {self.values[row, column]} stands in row {row}, "
                f"column {self.names[column]!r} (and {len(bad) - 1} more). Fill or drop such rows first."
            )

    def unstandardised(self) -> npt.NDArray[np.float32]:
        """
        :return: the values, shape (N, d)
        :raises ValueError: if float32 makes one number of several whole ones in a column
        """
        rounded = self.values.astype(np.float32)
        for column in np.flatnonzero(self.rounding == 0):
            _refuse_merged(
                self.names[column],
                self.values[:, column],
                rounded[:, column],
                "Give standardise=True, subtract an offset from them, such as the smallest",
            )
        return rounded

    def standardised(self, training: npt.NDArray[np.int64]) -> Numbers:
        """
        (x − m) / s with the mean m and the standard deviation s of the training rows; x − m where these differ in
        nothing but rounding, s ≤ 16·ε·max|x|.

        :param training: indices of the training rows
        :return: shape (N, d)
        :raises ValueError: if a value lies so far off, in units of s, that float32 keeps nothing of the others' spread
        """
        rows = self.values[training]
        mean, std = rows.mean(axis=0), rows.std(axis=0)
        constant = (rows == rows[0]).all(axis=0) | (std <= ROUNDINGS * self.rounding * np.abs(rows).max(axis=0))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            scaled: Numbers = (self.values - mean) / np.where(constant, 1.0, std)
        wrong = ~((np.abs(scaled) < FARTHEST) | constant).all(axis=0)
        if wrong.any():
            column = int(wrong.argmax())
            row = int(np.abs(scaled[:, column]).argmax())
            raise ValueError(
                f"x cannot be standardised in column {self.names[column]!r}: in the training rows the standard "
                f"deviation is {std[column]:.3g}, nothing beside the {self.values[row, column]:.6g} in row {row}. "
                "Leave the column or the row out, or give standardise=False."
            )
        return scaled


def rounding_of(column: npt.NDArray[Any]) -> float:
    """:return: the relative rounding ε of a column's numbers; of Python's, that of float64, or 0 if all are whole"""
    if column.dtype.kind in "biu" or (column.dtype.kind == "O" and all(map(_is_whole, column))):
        return 0.0
    return float(np.finfo(column.dtype if column.dtype.kind == "f" else np.float64).eps)


def _is_whole(number: Any) -> bool:
    if isinstance(number, Decimal):
        return number.is_finite() and number == number.to_integral_value()
    return isinstance(number, np.bool_) or (isinstance(number, Rational) and number.denominator == 1)


def column_of(name: str | int, numbers: npt.NDArray[Any]) -> tuple[Numbers, float]:
    """
    :param name: the column's name, or its number
    :param numbers: shape (N,)
    :return: the same as float64, and their rounding
    :raises ValueError: if float64 makes one number of several whole ones
    """
    values, rounding = numbers.astype(np.float64), rounding_of(numbers)
    if rounding == 0:
        _refuse_merged(name, numbers, values, "Subtract an offset from them, such as the smallest")
    return values, rounding


def _refuse_merged(name: str | int, whole: npt.NDArray[Any], values: npt.NDArray[Any], advice: str) -> None:
    """:raises ValueError: if whole numbers that differ are the same among the values, the same in another type"""
    if np.abs(values).max() <= EVERY_WHOLE:
        return
    before, after = len(set(whole.tolist())), len(np.unique(values))
    if after < before:
        raise ValueError(
            f"The column {name!r} has {before} different whole numbers, of which {values.dtype} keeps only {after} "
            f"apart. {advice}; or, if they name categories, make them texts or categories of a pandas frame, with "
            "Series.astype('category')."
        )


def array_features(x: Any) -> Features:
    """
    :param x: numbers or truth values, shape (N, d)
    :return: the features
    :raises ValueError: if they are something else, masked or not finite, the shape is another, or float64 makes one
        number of several whole ones
    """
    if np.ma.is_masked(x):
        raise ValueError("x has masked entries, and what stands under a mask is no data. Fill or drop such rows first.")
    try:
        array = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise _no_numbers(str(error)) from error
    if array.dtype.kind not in "biuf":
        found = kinds_of(array.ravel().tolist())
        other = next((kind for kind in found if kind not in (NUMBER, TRUTH_VALUE)), None)
        if other is not None:
            raise _no_numbers(f"{found[other]!r} among them is a {other}")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"x must have the shape (N, d) with N ≥ 1 and d ≥ 1, but has {array.shape}.")
    values, d = array.astype(np.float64), array.shape[1]
    rounding = np.array([rounding_of(array[:, column]) for column in range(d)])
    for column in np.flatnonzero(np.abs(values).max(axis=0) > EVERY_WHOLE).tolist():
        if column_of(column, _as_given(x, array, column))[1] == 0:
            rounding[column] = 0
    return Features(values, rounding, list(range(d)))


def _as_given(x: Any, array: npt.NDArray[Any], column: int) -> npt.NDArray[Any]:
    """NumPy makes floats of whole numbers that stand beside floats in a list or a frame; here they are still whole."""
    if hasattr(x, "iloc"):
        given: npt.NDArray[Any] = x.iloc[:, column].to_numpy()
        return given
    return np.array([row[column] for row in x], dtype=object) if isinstance(x, list | tuple) else array[:, column]


def _no_numbers(reason: str) -> ValueError:
    return ValueError(
        f"x must be numbers of shape (N, d), but is not: {reason}. Texts and categories need a pandas frame: pass "
        "frame= and target=."
    )
