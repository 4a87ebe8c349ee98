"""The methods by which intervals are made."""

import numpy as np

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.statistics.aggregates import TrimmedMean
from sb3_entropy.statistics.bootstrap import BiasCorrected, Expanded, Studentized
from sb3_entropy.statistics.confidence import Confidence, Percentile, Point, StudentT
from sb3_entropy.statistics.draws import Draws
from sb3_entropy.statistics.sample import Sample
from sb3_entropy.statistics.scores import Array

METHODS = ("auto", "t", "studentized", "percentile", "expanded", "bca")
REPLICATES = 5000
#: fewer at each point of a curve, of which there are many
CURVE_REPLICATES = 2000

#: points, as a mask of the shape (P,), their confidence distribution and its method
Piece = tuple[np.ndarray, Confidence, str]


def check_request(level: float, method: str, replicates: int) -> None:
    """
    :param level: of an interval, in (0, 1)
    :param method: one of ``METHODS``
    :param replicates: of the bootstrap, at least 100
    :raises ValueError: if one of them is something else
    """
    check_number("level", level, low=0, high=1, open_low=True)
    if level == 1:
        raise ValueError("level must be below 1, but 1 was given: that interval is the whole line.")
    check_choice("method", method, METHODS)
    check_number("replicates", replicates, low=100, integer=True)


class Methods:
    """
    Confidence distributions of one sample by any method, all from the same bootstrap replicates.

    :param sample: at least two runs
    :param replicates: of the bootstrap, if a method needs one
    :param rng: where its draws come from
    """

    def __init__(self, sample: Sample, replicates: int, rng: np.random.Generator):
        self.sample = sample
        self.varies: np.ndarray = sample.varies()
        self.draws = Draws(sample.at(self.varies), replicates, rng)

    def automatic(self) -> str:
        """:return: the method that covered best in simulation, see the table in the documentation"""
        statistic = self.sample.statistic
        if not isinstance(statistic, TrimmedMean) or statistic.share:
            return "expanded"
        # A difference of paired means is nearly symmetric, however skewed the scores are. Bootstrap-t of four runs is
        # several times as wide as Student's interval, and covers hardly more.
        return "studentized" if self.sample.control is None and self.sample.runs > 4 else "t"

    def by(self, method: str) -> list[Piece]:
        """
        :param method: one of ``METHODS``
        :return: pieces that share the points among them
        :raises ValueError: if the method cannot be applied to the statistic
        """
        chosen = self.automatic() if method == "auto" else method
        statistic = self.sample.statistic
        if chosen not in ("expanded", "percentile") and not isinstance(statistic, TrimmedMean):
            raise ValueError(
                f"The method {chosen!r} is known for the mean, the IQM and the optimality gap, but the statistic is "
                f"{statistic.name!r}. Use 'expanded' or 'percentile'."
            )
        found: list[Piece] = []
        if not self.varies.all():
            constant = self.sample.at(~self.varies)
            found.append((~self.varies, Point(constant.value(), constant.runs), "none"))
        if self.varies.any():
            found += [(_within(self.varies, at), made, name) for at, made, name in _varying(self.draws, chosen)]
        return found

    def bounds(self, level: float, method: str) -> tuple[Array, Array, list[str]]:
        """
        :param level: the nominal confidence
        :param method: one of ``METHODS``
        :return: lower and upper end, each of the shape (P,), and P methods
        """
        low, high = np.empty(len(self.varies)), np.empty(len(self.varies))
        names = [""] * len(self.varies)
        for points, confidence, name in self.by(method):
            low[points], high[points] = confidence.end((1 - level) / 2), confidence.end((1 + level) / 2)
            for point in np.flatnonzero(points):
                names[point] = name
        return low, high, names


def _varying(draws: Draws, method: str) -> list[Piece]:
    sample = draws.sample
    everywhere = np.ones(len(sample.scores), dtype=bool)
    if method == "percentile":
        return [(everywhere, Percentile(draws.values), method)]
    if method == "expanded":
        return [(everywhere, Expanded(draws.values, sample.runs), method)]
    if method == "bca":
        return [(everywhere, BiasCorrected(draws.values, sample.value(), sample.contributions()), method)]
    value, (error, freedom) = sample.value(), sample.standard_error()
    known = error > 0
    found: list[Piece] = []
    if not known.all():
        # All that varies is trimmed away: the bootstrap still knows that it might not have been.
        rest = draws.at(~known)
        found.append((~known, Expanded(rest.values, sample.runs), "expanded"))
    if known.any():
        estimate = value[known], error[known], freedom[known]
        chosen = StudentT(*estimate) if method == "t" else Studentized(*estimate, draws.at(known).ratios)
        found.append((known, chosen, method))
    return found


def _within(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """:return: the mask ``inner``, over the points of ``outer``, as one over all points"""
    mask = outer.copy()
    mask[outer] = inner
    return mask
