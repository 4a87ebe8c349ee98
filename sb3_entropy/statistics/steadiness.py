"""What a learning curve was worth, how far it fell, and how far runs lie apart."""

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.statistics.scores import Array


def area_under_curve(steps: ArrayLike, values: ArrayLike) -> float | Array:
    """
    The area under the curve by the trapezoidal rule, divided by the span of its steps: the mean value over training.

    :param steps: ascending, shape (T,)
    :param values: shape (..., T); a NaN makes its curve's area NaN
    :return: shape (...), a number for one curve, in the unit of the values; the value itself if T = 1
    :raises ValueError: if the steps do not ascend, or their number is not that of the values
    """
    at, curve = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if at.ndim != 1 or not at.size or curve.shape[-1:] != at.shape:
        raise ValueError(
            f"values must have one number for each step along the last axis, but {at.shape} steps and {curve.shape} "
            "values were given."
        )
    if not (np.diff(at) > 0).all() or not np.isfinite(at).all():
        raise ValueError("steps must ascend strictly and be finite. Sort the curve by its steps first.")
    area = np.trapezoid(curve, at, axis=-1) / (at[-1] - at[0]) if at.size > 1 else curve[..., 0]
    return float(area) if np.ndim(area) == 0 else np.asarray(area)


def drawdown(values: ArrayLike) -> float | Array:
    """
    The largest fall of a curve below its best so far, max over s ≤ t of values[s] − values[t]. 0 if it never falls.

    :param values: shape (..., T); a NaN makes its curve's drawdown NaN
    :return: shape (...), a number for one curve, ≥ 0, in the unit of the values
    :raises ValueError: if there is no point
    """
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim == 0 or not curve.shape[-1]:
        raise ValueError(f"values must have at least one point along the last axis, but {curve.shape} was given.")
    fall = (np.maximum.accumulate(curve, axis=-1) - curve).max(axis=-1)
    return float(fall) if np.ndim(fall) == 0 else np.asarray(fall)


def dispersion(scores: ArrayLike) -> float | Array:
    """
    The interquartile range across runs: how far the middle half of them lies apart.

    :param scores: shape (n, ...), runs first
    :return: shape (...), a number for one task, in the unit of the scores
    :raises ValueError: if there is no run
    """
    runs = np.asarray(scores, dtype=np.float64)
    if runs.ndim == 0 or not runs.shape[0]:
        raise ValueError(f"scores must have at least one run along the first axis, but {runs.shape} was given.")
    low, high = np.quantile(runs, [0.25, 0.75], axis=0)
    return float(high - low) if runs.ndim == 1 else np.asarray(high - low)
