"""An estimate of a policy's value with its interval."""

from dataclasses import dataclass

import numpy as np

from sb3_entropy.errors import check_choice
from sb3_entropy.offline.checking import Array, check_generator
from sb3_entropy.statistics import interval as interval_of

#: the names of the intervals here, and the methods of :func:`sb3_entropy.statistics.interval`
INTERVALS = {"t": "t", "bootstrap": "studentized"}


@dataclass(frozen=True)
class OffPolicyEstimate:
    """
    What a policy would earn a round, told from the log of another.

    :param value: the estimate, in units of reward
    :param low: the lower end of the interval; NaN for a log of one round
    :param high: the upper end
    :param standard_error: of the value; NaN for a log of one round
    :param method: the estimator
    :param n: how many rounds the log has
    :param effective_sample_size: (Σ wᵢ)²/Σ wᵢ² of the weights, after clipping; of the direct method, which uses none,
        of the weights that the others would use
    :param level: the nominal confidence
    """

    value: float
    low: float
    high: float
    standard_error: float
    method: str
    n: int
    effective_sample_size: float
    level: float


def estimate_of_terms(
    terms: Array,
    method: str,
    effective_sample_size: float,
    level: float,
    interval: str,
    rng: np.random.Generator | None,
) -> OffPolicyEstimate:
    """
    The mean of n independent terms Yᵢ, its standard error s/√n, and an interval: Ȳ ± t_{n−1} s/√n, or bootstrap-t,
    where quantiles of (Ȳ* − Ȳ)/(s*/√n) take the place of Student's. The latter follows the skewness that large weights
    make.

    :param terms: Y, shape (n,)
    :param method: the estimator's name
    :param effective_sample_size: of its weights
    :param level: the nominal confidence, in (0, 1)
    :param interval: ``"t"`` or ``"bootstrap"``
    :param rng: where the bootstrap's draws come from
    :return: the estimate
    :raises TypeError: if ``level`` is no number
    :raises ValueError: if ``level`` or ``interval`` is none of what is allowed, or the bootstrap has no generator
    """
    check_choice("interval", interval, INTERVALS)
    if interval == "bootstrap" and rng is None:
        raise ValueError("interval='bootstrap' draws at random. Give rng, e.g. numpy.random.default_rng(0).")
    if rng is not None:
        check_generator(rng)
    n = len(terms)
    unused = np.random.default_rng(0)
    found = interval_of(terms, "mean", level=level, method=INTERVALS[interval], rng=unused if rng is None else rng)
    error = float(terms.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return OffPolicyEstimate(found.value, found.low, found.high, error, method, n, effective_sample_size, level)
