"""The median and an interval for it that assumes nothing of the distribution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """
    A median with its interval.

    :param median: of the sample
    :param low: the lower end
    :param high: the upper end
    :param coverage: the probability that the interval holds the true median, exact for any continuous distribution
    """

    median: float
    low: float
    high: float
    coverage: float


def median_interval(sample: Sequence[float], confidence: float = 0.95) -> Interval:
    """
    The interval between two order statistics, that of the sign test.

    The number of n independent values below the true median is binomial (n, ½). So the k-th smallest and the k-th
    largest value enclose it with probability ``1 − 2 P(Binomial(n, ½) < k)``; k is the largest for which this is at
    least ``confidence``. Below six values not even the extremes reach 95 %: then they are the interval, and
    ``coverage`` says what it is worth.

    :param sample: independent values
    :param confidence: the least coverage that is wanted
    :return: the median and its interval
    :raises ValueError: if the sample is empty
    """
    if not sample:
        raise ValueError("The median of no values was asked for. Give at least one.")
    values = sorted(sample)
    n = len(values)
    k = 1
    while 2 * (k + 1) <= n and _coverage(n, k + 1) >= confidence:
        k += 1
    middle = (values[(n - 1) // 2] + values[n // 2]) / 2
    return Interval(middle, values[k - 1], values[n - k], _coverage(n, k))


def _coverage(n: int, k: int) -> float:
    """``1 − 2 P(Binomial(n, ½) < k)``."""
    return 1 - 2 * sum(math.comb(n, below) for below in range(k)) / 2**n
