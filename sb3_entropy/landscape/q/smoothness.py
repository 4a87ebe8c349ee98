"""
How smooth a surface over actions is, in numbers without units: the same for Q and for cQ + b, c > 0.

Distances are measured in sides of the box: L = 2 in the coordinates of [−1, 1]. Derivatives are differences between
neighbours of an even grid, integrals means over the grid; what is outside the box, NaN, is left out. Of a network of
ReLUs, whose slope jumps, the bend grows with the grid's resolution: compare surfaces on one grid.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

#: the side of [−1, 1]
SIDE = 2.0
#: a maximum counts if one has to go down by more than this share of the range to come to a higher one: more than the
#: jags of a slanting edge of the box, a cell's height
PROMINENCE = 0.05


@dataclass(frozen=True)
class Smoothness:
    """
    :param slope: ``L √(mean |∇Q|²) / (max Q − min Q)``, the root of Dirichlet's energy; 1 of a linear function of one
        coordinate, π/√2 of a whole wave, sin πx
    :param bend: ``L² √(mean ‖∇²Q‖²_F) / (max Q − min Q)``; 0 of a linear function, 8 of x², √2 π² of a whole wave
    :param n_maxima: how many local maxima, edges included, stand out by more than 5 % of the range
    :param variation: on a line ``Σ |ΔQ| / (max Q − min Q)``: 1 if Q is monotone, 2 at most with one maximum; NaN on a
        plane

    A constant is perfectly smooth: slope, bend and variation 0, one maximum.
    """

    slope: float
    bend: float
    n_maxima: int
    variation: float


def smoothness(surface: np.ndarray, steps: tuple[float, ...]) -> Smoothness:
    """
    :param surface: Q on an even grid, shape (R,) or (R, R), NaN outside the box
    :param steps: the distance of neighbours along each axis, in the coordinates of [−1, 1]
    :return: its smoothness
    :raises ValueError: if there are not as many steps as axes, or nothing finite
    """
    if surface.ndim not in (1, 2) or len(steps) != surface.ndim:
        raise ValueError(
            f"A surface has one or two axes and a step for each, but its shape is {surface.shape} and the steps are "
            f"{steps}."
        )
    if not np.isfinite(surface).any():
        raise ValueError("The surface is finite nowhere.")
    spread = float(np.nanmax(surface) - np.nanmin(surface))
    # Below the rounding of its numbers a surface has no shape.
    if spread <= 1e-12 * max(1.0, float(np.nanmax(np.abs(surface)))):
        return Smoothness(0.0, 0.0, 1, 0.0 if surface.ndim == 1 else float("nan"))
    unit = surface / spread
    firsts = [np.diff(unit, axis=axis) / (step / SIDE) for axis, step in enumerate(steps)]
    squares = [_mean_square(first) for first in firsts]
    seconds = [_mean_square(np.diff(unit, 2, axis=axis) / (step / SIDE) ** 2) for axis, step in enumerate(steps)]
    if surface.ndim == 2:
        seconds.append(2 * _mean_square(np.diff(firsts[0], axis=1) / (steps[1] / SIDE)))
    variation = float(np.nansum(np.abs(np.diff(unit)))) if surface.ndim == 1 else float("nan")
    return Smoothness(
        float(np.sqrt(sum(squares))), float(np.sqrt(sum(seconds))), count_maxima(surface, PROMINENCE), variation
    )


def count_maxima(surface: np.ndarray, prominence: float = PROMINENCE) -> int:
    """
    Flooded from above, a maximum ends where it meets a higher one; neighbours are those at a side or a corner.

    :param surface: shape (R,) or (R, R), NaN outside
    :param prominence: of the range, by which a maximum must stand above where it ends
    :return: how many do; the highest always
    """
    filled = np.where(np.isfinite(surface), surface, -np.inf)
    peaks = (filled == maximum_filter(filled, size=3, mode="nearest")) & np.isfinite(surface)
    if peaks.sum() <= 1:
        return 1
    least = prominence * float(np.nanmax(surface) - np.nanmin(surface))
    return _flooded(filled, least)


def _flooded(filled: np.ndarray, least: float) -> int:
    """:return: how many maxima are higher by more than ``least`` than where they meet a higher one (union–find)"""
    padded = np.pad(filled, 1, constant_values=-np.inf)
    strides = np.array(padded.strides) // padded.itemsize
    offsets = [int(step) for step in {int(a) for a in _offsets(strides)} if step]
    heights = padded.ravel().tolist()
    order = [int(i) for i in np.argsort(-padded, axis=None, kind="stable") if np.isfinite(heights[int(i)])]
    parents: dict[int, int] = {}

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    ended = 0
    tops = 0
    for index in order:
        parents[index] = index
        around = {root(index + step) for step in offsets if index + step in parents}
        if not around:
            tops += 1
            continue
        # Roots are the tops of their hills: the highest goes on.
        ranked = sorted(around, key=lambda top: -heights[top])
        for top in ranked[1:]:
            ended += heights[top] - heights[index] <= least
            parents[top] = ranked[0]
        parents[index] = ranked[0]
    return max(1, tops - ended)


def _offsets(strides: np.ndarray) -> np.ndarray:
    moves = np.stack(np.meshgrid(*[[-1, 0, 1]] * len(strides), indexing="ij"), axis=-1).reshape(-1, len(strides))
    return np.asarray(moves @ strides)


def _mean_square(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float((finite**2).mean()) if finite.size else 0.0
