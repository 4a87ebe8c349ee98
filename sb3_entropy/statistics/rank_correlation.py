"""Whether one number of many cells ranks them as another does, each known from a few runs."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.confidence import Percentile
from sb3_entropy.statistics.differences import Difference
from sb3_entropy.statistics.methods import REPLICATES, check_request
from sb3_entropy.statistics.scores import Array

#: of fewer cells no interval is made
FEWEST = 4


def rank_correlation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    margin: float = 0.0,
    level: float = 0.95,
    replicates: int = REPLICATES,
    rng: np.random.Generator,
) -> Difference:
    """
    Spearman's ρ over C cells between the means of n runs: ``ρ = corr(rank x̄, rank ȳ)``, ties sharing their mean rank.
    Of M alternatives the one with the greatest mean counts in each cell, ``ȳ = max_m mean_runs y_m``, which is too
    great on average by what chance adds to a maximum.

    The interval is that of a bootstrap in two stages: cells, then runs within each of them, x and y of a run together;
    the best alternative is chosen anew every time. In simulations with 8 to 12 cells of 5 runs it contained the truth
    in 95 to 99 % at 95 %. It is of other cells like these and of other runs in them, and wide for so few; the truth,
    that of infinitely many such cells, is itself weakened by the noise in the means of n runs.

    :param x: shape (C, n)
    :param y: shape (C, n) or (C, n, M), row i of a cell from the same seed as in x
    :param margin: what ρ is compared with
    :param level: the nominal confidence
    :param replicates: B of the bootstrap
    :param rng: where its draws come from
    :return: ρ, as a difference from 0 whose n is C, its interval inside [−1, 1]. 0 with NaN as ends, and p-values of 1,
        if there are fewer than four cells or one of both does not vary
    :raises ValueError: if the shapes differ, a number is not finite, or an argument is none of what is allowed
    """
    check_request(level, "auto", replicates)
    check_number("margin", margin, low=-1, high=1)
    ours, theirs = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    theirs = theirs[..., None] if theirs.ndim == 2 else theirs
    if ours.ndim != 2 or theirs.ndim != 3 or ours.shape != theirs.shape[:2] or not theirs.size:
        raise ValueError(
            f"x must have the shape (C, n) and y (C, n) or (C, n, M), but {np.shape(x)} and {np.shape(y)} were given."
        )
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise ValueError("x and y must be finite, but they are not. Leave out cells without a number.")
    cells, runs = ours.shape
    value = float(_spearman(ours.mean(axis=1)[None], theirs.mean(axis=1).max(axis=1)[None])[0])
    if cells < FEWEST or np.isnan(value):
        nan = float("nan")
        return Difference(0.0 if np.isnan(value) else value, nan, nan, level, "none", cells, 1.0, 1.0, margin)
    of = rng.integers(cells, size=(replicates, cells))
    seeds = rng.integers(runs, size=(replicates, cells, runs))
    chosen = (of[:, :, None], seeds)
    drawn = _spearman(ours[chosen].mean(axis=2), theirs[chosen].mean(axis=2).max(axis=2))
    # Cells that are all one: of no relation.
    known = Percentile(np.nan_to_num(drawn, nan=0.0)[:, None])
    ends = (float(known.end(share)[0]) for share in ((1 - level) / 2, (1 + level) / 2))
    low, high = (float(np.clip(end, -1.0, 1.0)) for end in ends)
    p_greater, p_less = float(known.at_most(margin)[0]), float(known.at_least(margin)[0])
    return Difference(value, low, high, level, "two-stage", cells, p_greater, p_less, margin)


def _spearman(x: Array, y: Array) -> Array:
    """:return: ρ of each row, NaN where one side does not vary"""
    a, b = (rankdata(each, axis=1) - (each.shape[1] + 1) / 2 for each in (x, y))
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))
