"""Scores of one group of runs, or how many of them pass, against a number."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, betaincinv

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.aggregates import find_statistic
from sb3_entropy.statistics.differences import Difference, of_sample
from sb3_entropy.statistics.methods import REPLICATES, check_request
from sb3_entropy.statistics.sample import Sample
from sb3_entropy.statistics.scores import as_scores


def difference_from(
    x: ArrayLike,
    number: float,
    statistic: str = "iqm",
    *,
    margin: float = 0.0,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Difference:
    """
    The statistic of x minus a number, which is taken to be known exactly. The interval is that of
    :func:`~sb3_entropy.statistics.interval`, moved by the number.

    :param x: shape (n, K): n runs of K tasks, or (n,)
    :param number: what is subtracted
    :param statistic: as for :func:`~sb3_entropy.statistics.interval`
    :param margin: what the difference is compared with, in the unit of the scores
    :param level: the nominal confidence
    :param rng: where the bootstrap's draws come from
    :return: the difference
    :raises ValueError: if scores are not finite, or an argument is none of what is allowed
    """
    check_request(level, "auto", REPLICATES)
    check_number("number", number)
    check_number("margin", margin)
    sample = Sample(find_statistic(statistic), (as_scores(x) - number)[None])
    return of_sample(sample, (margin,), level, "auto", REPLICATES, rng)[0]


def share_difference(passed: int, runs: int, number: float, *, margin: float = 0.0, level: float = 0.95) -> Difference:
    """
    The share of runs that pass minus a number, exact at every n: the interval of Clopper and Pearson (1934), its ends
    quantiles of Beta(k, n − k + 1) and Beta(k + 1, n − k), and the tails of the binomial distribution as p-values.
    So a one-sided p is at most (1 − level)/2 just where that end of the interval is beyond the margin.

    :param passed: how many runs pass, k
    :param runs: how many there are, n
    :param number: the share from which theirs may differ, in [0, 1]
    :param margin: what the difference is compared with; where number + margin is below 0 or above 1, every share is
        surely above or below it: one p-value is 0 and the other 1
    :param level: the nominal confidence, which is the least that the interval has
    :return: the difference
    :raises ValueError: if k is not in 0 … n, the number is no share, or an argument is none of what is allowed
    """
    check_request(level, "auto", REPLICATES)
    check_number("runs", runs, low=1, integer=True)
    check_number("passed", passed, low=0, high=runs, integer=True)
    check_number("number", number, low=0, high=1)
    check_number("margin", margin)
    tail = (1 - level) / 2
    low = float(betaincinv(passed, runs - passed + 1, tail)) if passed else 0.0
    high = float(betaincinv(passed + 1, runs - passed, 1 - tail)) if passed < runs else 1.0
    against = min(max(number + margin, 0.0), 1.0)
    beyond = abs(number + margin - against) > 4 * float(np.finfo(float).eps)  # 0.7 + 0.3 may be 1 but for rounding
    # P(K ≥ k | p) = P(n − K ≤ n − k | 1 − p): no difference of numbers near 1.
    p_greater, p_less = float(bdtr(runs - passed, runs, 1 - against)), float(bdtr(passed, runs, against))
    if beyond:
        p_greater, p_less = against, 1 - against
    return Difference(
        value=passed / runs - number,
        low=low - number,
        high=high - number,
        level=level,
        method="exact",
        n=runs,
        p_greater=p_greater,
        p_less=p_less,
        margin=margin,
    )
