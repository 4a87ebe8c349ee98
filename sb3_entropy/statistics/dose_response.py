"""The dose at which half of the runs respond: the midpoint of a logistic curve."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, log_expit, ndtr, ndtri, xlogy

from sb3_entropy.errors import check_number
from sb3_entropy.statistics.differences import Difference
from sb3_entropy.statistics.methods import REPLICATES, check_request
from sb3_entropy.statistics.scores import Array


def midpoint_difference(
    doses: ArrayLike, passed: ArrayLike, runs: ArrayLike, number: float, *, margin: float = 0.0, level: float = 0.95
) -> Difference:
    """
    The midpoint m of P(yes | dose x) = 1/(1 + exp(−b(x − m))) minus a number, by profile likelihood.

    With ℓ(m) the greatest log-likelihood of any slope b of the sign that the data have, the signed root
    r = ±√(2(ℓ(m̂) − ℓ(m))) is compared with the normal distribution (Venzon and Moolgavkar 1988, *A Method for Computing
    Profile-Likelihood-Based Confidence Intervals*): m is in the interval where 2(ℓ(m̂) − ℓ(m)) ≤ χ²₁. That holds where
    nobody at the doses up to one and everybody from the next on says yes: the best slope is infinite then, and the
    interval what lies between these doses, or a little more of few runs. Slope and intercept of Wald's interval are
    infinite there. m̂ is then the middle of all that are best. Where the slope may be 0, an end is infinite, as in
    Fieller's. In (b, −bm) the log-likelihood is concave, so that of either sign of b these sets have no gaps.

    :param doses: x, K ≥ 2 different numbers
    :param passed: how many say yes at each, shape (K,)
    :param runs: of how many, shape (K,)
    :param number: what is subtracted from the midpoint
    :param margin: what the difference is compared with
    :param level: the nominal confidence
    :return: the difference; its value is NaN where yes is as frequent at low as at high doses, with p-values of 1: also
        where all say yes or nobody does, as nothing tells then on which side of the doses half of the runs would
    :raises ValueError: if shapes differ, doses are not finite or equal, counts are none, or an argument is none of what
        is allowed
    """
    check_request(level, "auto", REPLICATES)
    check_number("number", number)
    check_number("margin", margin)
    x, k, n = _checked(doses, passed, runs)
    lean = float(((x - np.average(x, weights=n)) * k).sum())
    if abs(lean) <= 1e-12 * float(abs(x).max()) * float(n.sum()):
        return _difference((math.nan, -math.inf, math.inf), (1.0, 1.0), number, margin, level, n)
    # A falling curve is a rising one of −x.
    sign = -1.0 if lean < 0 else 1.0
    order = np.argsort(sign * x)
    curve = _Rising((sign * x)[order], k[order], n[order])
    limit = float(ndtri((1 + level) / 2)) ** 2
    low, high = curve.end(limit, -1), curve.end(limit, 1)
    value, asked = curve.best, sign * (number + margin)
    r = math.copysign(math.sqrt(curve.distance(asked)), value - asked)
    p_above, p_below = float(ndtr(-r)), float(ndtr(r))
    ends, p = (value, low, high), (p_above, p_below)
    if sign < 0:
        ends, p = (-value, -high, -low), (p_below, p_above)
    return _difference(ends, p, number, margin, level, n)


def _difference(
    ends: tuple[float, float, float], p: tuple[float, float], number: float, margin: float, level: float, n: Array
) -> Difference:
    value, low, high = (end - number for end in ends)
    return Difference(value, low, high, level, "profile", int(n.min()), p[0], p[1], margin)


@dataclass(frozen=True)
class _Rising:
    """
    A curve with b ≥ 0.

    :param x: doses, rising
    :param k: how many say yes
    :param n: of how many
    """

    x: Array
    k: Array
    n: Array

    @property
    def bounds(self) -> tuple[float, float]:
        """:return: the greatest dose with a no and the least with a yes; −∞ and ∞ where there is none"""
        no, yes = self.x[self.k < self.n], self.x[self.k > 0]
        return float(no.max(initial=-math.inf)), float(yes.min(initial=math.inf))

    @cached_property
    def best(self) -> float:
        """:return: m̂; of several the middle, of a half-line its end"""
        no, yes = self.bounds
        if no <= yes:
            return (no + yes) / 2 if math.isfinite(no + yes) else yes if math.isfinite(yes) else no
        intercept, slope = self._fit()
        return -intercept / slope

    @cached_property
    def greatest(self) -> float:
        """:return: ℓ(m̂)"""
        no, yes = self.bounds
        if no < yes:
            return 0.0
        if no == yes:  # there, and nowhere else, are both: the curve is a step that has any height at that dose
            (k,), (n,) = self.k[self.x == no], self.n[self.x == no]
            return float(xlogy(k, k / n) + xlogy(n - k, 1 - k / n))
        return self._log_likelihood(*self._fit())

    def distance(self, m: float) -> float:
        """:return: 2(ℓ(m̂) − ℓ(m)) ≥ 0"""
        return max(0.0, 2 * (self.greatest - self._profile(m)))

    def end(self, limit: float, side: int) -> float:
        """:return: how far from m̂ to a side the distance is no more than the limit; infinite if it always is"""
        best, span = self.best, float(np.ptp(self.x))
        # Where both are at one dose, ℓ jumps there: towards one side it falls from ℓ(m̂), on the other it is less.
        inside = best + side * 1e-9 * span
        if self.distance(inside) > limit:
            return best
        beyond = best + side * span
        while self.distance(beyond) <= limit:
            beyond += side * 2 * abs(beyond - best)
            if abs(beyond - best) > 1e6 * span:
                return side * math.inf
        return float(brentq(lambda m: self.distance(m) - limit, inside, beyond, xtol=1e-12 * span))

    def _profile(self, m: float) -> float:
        """ℓ(m) = max over b ≥ 0, a concave function of b: where its derivative changes sign, or at one of the ends."""
        away = self.x - m
        steepest = 1e3 / max(float(abs(away)[away != 0].min()), 1e-9 * float(np.ptp(self.x)))

        def rise(b: float) -> float:
            return float(((self.k - self.n * expit(b * away)) * away).sum())

        slope = 0.0
        if rise(0.0) > 0:
            fine = 1e-12 / float(np.ptp(self.x))
            slope = steepest if rise(steepest) >= 0 else float(brentq(rise, 0.0, steepest, xtol=fine))
        return self._log_likelihood(-slope * m, slope)

    def _log_likelihood(self, intercept: float, slope: float) -> float:
        at = intercept + slope * self.x
        return float((self.k * log_expit(at) + (self.n - self.k) * log_expit(-at)).sum())

    def _fit(self) -> tuple[float, float]:
        """Intercept and slope of the greatest likelihood, where both are finite, by Newton's method."""
        # In standardised doses, so that the steps are of one size.
        middle, scale = float(self.x.mean()), float(self.x.std())
        design = np.stack([np.ones_like(self.x), (self.x - middle) / scale])
        at = np.zeros(2)

        def value(of: Array) -> float:
            logits = of @ design
            return float((self.k * log_expit(logits) + (self.n - self.k) * log_expit(-logits)).sum())

        for _ in range(200):
            p = expit(at @ design)
            score = design @ (self.k - self.n * p)
            step = np.linalg.solve((design * (self.n * p * (1 - p))) @ design.T, score)
            while value(at + step) < value(at) and abs(step).max() > 1e-12:
                step = step / 2
            at = at + step
            if abs(step).max() <= 1e-12 * (1 + abs(at).max()):
                break
        return float(at[0] - at[1] * middle / scale), float(at[1] / scale)


def _checked(doses: ArrayLike, passed: ArrayLike, runs: ArrayLike) -> tuple[Array, Array, Array]:
    x, k, n = (np.asarray(each, dtype=np.float64) for each in (doses, passed, runs))
    if x.ndim != 1 or x.shape != k.shape or x.shape != n.shape:
        raise ValueError(f"doses, passed and runs must have one shape (K,), but {x.shape}, {k.shape}, {n.shape} were.")
    if len(np.unique(x)) < max(2, len(x)) or not np.isfinite(x).all():
        raise ValueError(f"doses must be two or more different finite numbers, but {x.tolist()} was given.")
    whole = (k == np.round(k)) & (n == np.round(n))
    if not (whole & (k >= 0) & (k <= n) & (n >= 1)).all():
        raise ValueError(
            f"passed must be whole numbers from 0 to runs, and runs at least 1, but {k.tolist()} of {n.tolist()} was "
            "given. Leave out doses without runs."
        )
    return x, k, n
