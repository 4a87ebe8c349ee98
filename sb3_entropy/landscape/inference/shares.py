"""What a sample of random directions says of all directions: bounds of shares."""

from dataclasses import dataclass

from sb3_entropy.errors import check_number
from sb3_entropy.statistics import share_difference


@dataclass(frozen=True)
class ShareBound:
    """
    :param count: directions that were found
    :param directions: K, of which
    :param share: count/K
    :param low: the lower end of the two-sided interval
    :param high: its upper end
    :param upper: the one-sided upper bound
    :param level: the confidence of either
    :param sentence: the same in words
    """

    count: int
    directions: int
    share: float
    low: float
    high: float
    upper: float
    level: float
    sentence: str


def share_of_directions(
    count: int, directions: int, *, level: float = 0.95, what: str = "improve detectably", alpha: float, n: int
) -> ShareBound:
    """
    Exact bounds (Clopper and Pearson 1934) of the share of all directions on the sphere that would be found as these K
    independent ones were, with *these* episodes: it holds given the random numbers that the directions share. It bounds
    what is detectable at this α and n, not what there is. The count must be that of a test of each direction by itself,
    or corrected for K; either is a share that would be found at that.

    :param count: directions that were found
    :param directions: K
    :param level: the confidence, in (½, 1)
    :param what: what was found of them, for the sentence
    :param alpha: the step
    :param n: episodes a direction
    :return: the bounds, with a sentence: the upper bound where nothing was found, else the interval
    :raises ValueError: if the count is not in 0 … K, or an argument is none of what is allowed
    """
    check_number("level", level, low=0.5, high=1, open_low=True)
    if level == 1:
        raise ValueError("level must be below 1, but 1 was given: that bound is 1.")
    check_number("alpha", alpha, low=0, open_low=True)
    check_number("n", n, low=1, integer=True)
    two_sided = share_difference(count, directions, 0.0, level=level)
    upper = share_difference(count, directions, 0.0, level=2 * level - 1).high
    given = f"({100 * level:g} %, {count} of {directions}, given these episodes)"
    if count == 0:
        text = f"At most {_percent(upper)} % of directions {what} at α = {alpha:g} and n = {n} {given}."
    else:
        text = (
            f"{_percent(two_sided.value)} % [{_percent(two_sided.low)}, {_percent(two_sided.high)}] of directions "
            f"{what} at α = {alpha:g} and n = {n} {given}."
        )
    return ShareBound(count, directions, two_sided.value, two_sided.low, two_sided.high, upper, level, text)


def _percent(share: float) -> str:
    return f"{100 * share:.2g}" if share < 0.995 else f"{100 * share:.4g}"
