"""How many of the scores lie above a threshold."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from sb3_entropy.statistics.methods import check_request
from sb3_entropy.statistics.scores import Array, all_finite, as_scores


def performance_profile(
    scores: ArrayLike, thresholds: ArrayLike, *, level: float = 0.95, rng: np.random.Generator | None = None
) -> tuple[Array, Array, Array]:
    """
    The share of all n·K scores above each threshold (the run-score distribution of Agarwal et al. 2021, section 4.2).

    The band is Wilson's interval of a proportion of n·K, at each threshold. The share varies less if the tasks differ,
    so with several tasks the band is on the safe side. It never has zero width.

    :param scores: shape (n, K) or (n,)
    :param thresholds: shape (M,)
    :param level: the nominal confidence at each threshold
    :param rng: not needed: nothing is resampled
    :return: share, lower and upper end, each of the shape (M,)
    :raises ValueError: if a number is not finite
    """
    check_request(level, "auto", 100)
    pooled = np.sort(as_scores(scores), axis=None)
    at = all_finite(np.atleast_1d(np.asarray(thresholds, dtype=np.float64)), "thresholds")
    size, z = pooled.size, float(ndtri((1 + level) / 2))
    share = 1 - np.searchsorted(pooled, at, side="right") / size
    centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2)) / (1 + z**2 / size)
    return share, np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)
