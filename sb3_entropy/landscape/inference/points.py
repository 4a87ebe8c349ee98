"""What a point is: from both ends of the Hessian's spectrum, and from nothing else."""

from dataclasses import dataclass

from sb3_entropy.errors import check_number
from sb3_entropy.statistics import Interval

KINDS = (
    "maximum",
    "maximum (not strict)",
    "maximum-like",
    "minimum",
    "minimum (not strict)",
    "minimum-like",
    "saddle",
    "flat",
    "not critical",
    "undetermined",
)


@dataclass(frozen=True)
class PointClass:
    """
    :param kind: one of ``KINDS``
    :param lowest: the smallest eigenvalue of the Hessian
    :param highest: the largest
    :param sentence: the same in words
    """

    kind: str
    lowest: Interval
    highest: Interval
    sentence: str


def exactly(value: float) -> Interval:
    """
    :param value: a number without error
    :return: it as an interval
    """
    check_number("value", value)
    return Interval(float(value), float(value), float(value), 1.0, "none")


def classify_point(
    lowest: Interval,
    highest: Interval,
    slope: Interval | None = None,
    *,
    tolerance: float = 0.0,
    slope_tolerance: float = 0.0,
    found: bool = False,
) -> PointClass:
    """
    A point is a (strict local) maximum if the largest eigenvalue of the Hessian is below 0, a minimum if the smallest
    is above it, a saddle if the smallest is below and the largest above, and nothing of it unless the slope is 0 (the
    second-order sufficient conditions). So each end must be on its side of ±tolerance with its whole interval; else the
    point is undetermined. Random directions cannot show it: see
    :func:`~sb3_entropy.landscape.inference.random_curvature_std`.

    Without noise (intervals of one point) an end may be 0 within the tolerance. A maximum with such an end is
    ``"maximum (not strict)"``: second order does not exclude it, and does not show it.

    Where eigenvectors were found from noisy returns, on other episodes than the intervals are from, an interval is that
    of the curvature along *a* direction, which lies between the two eigenvalues. That can show a saddle. It cannot show
    that there is no direction of positive curvature: what would be a maximum is ``"maximum-like"`` then.

    :param lowest: the smallest eigenvalue of the Hessian
    :param highest: the largest
    :param slope: the slope along the direction in which it is largest; ``None`` if the point is known to be critical
    :param tolerance: of eigenvalues, in their unit: what counts as 0
    :param slope_tolerance: of the slope, likewise
    :param found: whether the intervals are of curvatures along directions that were found from noisy returns
    :return: the class; ``"not critical"`` if the whole interval of the slope is beyond its tolerance
    :raises ValueError: if an interval has no ends, or a tolerance is negative
    """
    check_number("tolerance", tolerance, low=0)
    check_number("slope_tolerance", slope_tolerance, low=0)
    for name, given in (("lowest", lowest), ("highest", highest), ("slope", slope)):
        if given is not None and not given.low <= given.high:
            raise ValueError(
                f"{name} must have low ≤ high, but {given.low!r} and {given.high!r} were given. One episode alone has "
                "no interval: give two or more."
            )
    kind = _kind(lowest, highest, tolerance)
    if found and kind.partition(" ")[0] in ("maximum", "minimum"):
        kind = f"{kind.partition(' ')[0]}-like"
    if slope is not None and (slope.low > slope_tolerance or slope.high < -slope_tolerance):
        kind = "not critical"
    return PointClass(kind, lowest, highest, _sentence(kind, lowest, highest, slope))


def _kind(lowest: Interval, highest: Interval, tolerance: float) -> str:
    if highest.high < -tolerance:
        return "maximum"
    if lowest.low > tolerance:
        return "minimum"
    if lowest.high < -tolerance and highest.low > tolerance:
        return "saddle"
    if lowest.low == lowest.high and highest.low == highest.high:
        # Free of noise: what is left has at least one end within the tolerance.
        if highest.high <= tolerance:
            return "flat" if lowest.low >= -tolerance else "maximum (not strict)"
        return "minimum (not strict)"
    return "undetermined"


def _sentence(kind: str, lowest: Interval, highest: Interval, slope: Interval | None) -> str:
    ends = f"the lowest curvature is {interval_text(lowest)}, the highest {interval_text(highest)}"
    if slope is not None:
        ends += f", the slope is {interval_text(slope)}"
    return f"{kind[0].upper()}{kind[1:]}: {ends}."


def interval_text(interval: Interval) -> str:
    """
    :param interval: an estimate
    :return: the estimate with its ends in three digits, or alone where it has no error
    """
    if interval.low == interval.high:
        return f"{interval.value:.3g}"
    return f"{interval.value:.3g} [{interval.low:.3g}, {interval.high:.3g}]"
