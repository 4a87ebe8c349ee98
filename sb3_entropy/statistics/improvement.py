"""The probability that a run of one algorithm beats a run of another."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from sb3_entropy.statistics.intervals import Interval
from sb3_entropy.statistics.methods import check_request
from sb3_entropy.statistics.scores import Array, as_scores


def probability_of_improvement(
    x: ArrayLike, y: ArrayLike, *, level: float = 0.95, rng: np.random.Generator | None = None
) -> Interval:
    """
    ``θ = P(X > Y) + ½ P(X = Y)`` for independent runs X and Y, the mean over tasks (Agarwal et al. 2021, section 4.3):
    in each task the statistic of Mann and Whitney divided by n·m.

    The interval is Wilson's (1927) of a proportion, with an effective number of trials N: so many that their variance
    θ(1 − θ)/N would be that of θ̂ (see :func:`variance`), and with Student's t of K (n + m − 2) degrees of freedom
    for z. N is at most K (n + m), and at most K min(n, m) where every x is above every y: then nothing is known of the
    variance, and it may be that of failures which a single algorithm has. So the ends are never equal.

    Runs that are paired and so positively correlated make the interval wider than it need be.

    :param x: shape (n, K): n runs of K tasks, or (n,)
    :param y: shape (m, K) or (m,)
    :param level: the nominal confidence
    :param rng: not needed: nothing is resampled
    :return: the probability with its interval, within [0, 1]
    :raises ValueError: if x and y have different tasks, or a score is not finite
    """
    check_request(level, "auto", 100)
    ours, theirs = as_scores(x, "x"), as_scores(y, "y")
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"x and y must have the same tasks, but {ours.shape[1]} and {theirs.shape[1]} were given.")
    value, low, high = wilson(ours[None], theirs[None], level)
    return Interval(float(value[0]), float(low[0]), float(high[0]), level, "wilson")


def wilson(x: Array, y: Array, level: float) -> tuple[Array, Array, Array]:
    """
    :param x: shape (P, n, K)
    :param y: shape (P, m, K)
    :param level: the nominal confidence
    :return: θ̂, lower and upper end, each of the shape (P,)
    """
    runs, fewer, tasks = x.shape[1] + y.shape[1], min(x.shape[1], y.shape[1]), x.shape[2]
    wins, spread = variance(x, y)
    share = wins.mean(axis=-1)
    # As if half a run of all had gone the other way, at least.
    binomial = np.maximum(share * (1 - share), (1 - 1 / (runs * tasks)) / (runs * tasks))
    # How far θ̂ is from 0 or 1, where one run of the fewer is far enough.
    known = np.minimum(np.minimum(share, 1 - share) * fewer * tasks, 1)
    most = tasks * (fewer + (runs - fewer) * known)
    trials = np.minimum(binomial * tasks**2 / spread.sum(axis=-1), most)
    t = stdtrit(tasks * max(runs - 2, 1), (1 + level) / 2)
    centre = (share + t**2 / (2 * trials)) / (1 + t**2 / trials)
    half = t * np.sqrt(share * (1 - share) / trials + t**2 / (4 * trials**2)) / (1 + t**2 / trials)
    # At θ̂ = 0 and 1 one end is θ̂ itself, but for rounding.
    return share, np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)


def variance(x: Array, y: Array) -> tuple[Array, Array]:
    """
    θ̂ of each task with its variance: that of the placements, ``Var(Pᵢ)/n + Var(Qⱼ)/m`` (DeLong et al. 1988) with
    ``Pᵢ`` the share of all y that xᵢ is above, ``Qⱼ`` that of all x which are above yⱼ, averaged with one more
    observation's worth of its upper bound ``θ(1 − θ)/min(n, m)`` (Birnbaum and Klose 1957). That keeps it above 0.

    :param x: shape (..., n, K)
    :param y: shape (..., m, K)
    :return: θ̂ and variance, both of the shape (..., K)
    """
    n, m = x.shape[-2], y.shape[-2]
    fewer = min(n, m)
    above = (1 + np.sign(x[..., :, None, :] - y[..., None, :, :])) / 2
    wins = above.mean(axis=(-3, -2))
    bound = np.maximum(wins * (1 - wins), 1 / (4 * fewer)) / fewer
    if fewer == 1:
        return wins, bound
    placed = above.mean(axis=-2).var(axis=-2, ddof=1) / n + above.mean(axis=-3).var(axis=-2, ddof=1) / m
    return wins, (fewer * placed + bound) / (fewer + 1)
