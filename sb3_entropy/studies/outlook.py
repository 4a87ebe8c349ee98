"""What would decide an undecided comparison: how many seeds, by the spread that was seen, and whether longer runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, chi2, nct
from scipy.stats import t as student

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics.aggregates import STATISTICS, TrimmedMean
from sb3_entropy.statistics.sample import Sample
from sb3_entropy.studies.cautions import SIDES, called
from sb3_entropy.studies.criteria import Criterion, Number
from sb3_entropy.studies.paired import Pairs, Scores
from sb3_entropy.studies.results import RunView
from sb3_entropy.studies.rules import POOLED, is_share
from sb3_entropy.studies.verdict import UNDECIDED, ComparisonResult, CriterionResult

#: the chance that planned seeds show a difference as large as the one that was seen
POWER = 0.8
#: how sure the larger spread is an upper limit
SURE = 0.8
MOST_SEEDS = 1000
#: comparisons that are written out
MOST_SHOWN = 6
#: of the evaluation points: what counts as late
LATE = 0.25
#: of a late change: what is left of a trend at least without its largest step, and nothing of a single jump
GRADUAL = 0.25


@dataclass(frozen=True)
class Needed:
    """
    :param effect: by how much the difference lies on one side of the margin
    :param supports: whether that is the claimed side
    :param spread: standard deviation of a pair's, or against a number of a run's, contribution to the difference
    :param limit: below this it lies with a confidence of 80 %
    :param seeds: how many show the effect in four of five studies, if the spread is as seen; ``None``: over 1000
    :param seeds_at_most: if the spread is the limit
    :param shown: the effect that the seeds so far would show as often, by the spread as seen
    """

    effect: float
    supports: bool
    spread: float
    limit: float
    seeds: int | None
    seeds_at_most: int | None
    shown: float


def outlook(scores: Scores, stated: Criterion, judged: CriterionResult) -> list[str]:
    """
    :param scores: of a study's runs
    :param stated: a part of its rule
    :param judged: what became of it
    :return: sentences: what its undecided comparisons would need; none if it is decided
    """
    if judged.outcome != UNDECIDED:
        return []
    if stated.ranks_with is not None:
        return [_cells_for_ranks(judged)]
    undecided = [c for c in judged.comparisons if c.outcome == UNDECIDED]
    lines = [_seeds(scores, stated, c, len(judged.comparisons)) for c in undecided[:MOST_SHOWN]]
    if len(undecided) > MOST_SHOWN:
        lines.append(f"{len(undecided) - MOST_SHOWN} more comparisons are undecided.")
    if any(2 <= c.n == len(scores.results.study.seeds) for c in undecided[:MOST_SHOWN]):
        lines.append(
            "Plan with the larger number, and run all of them before looking again: whoever adds seeds until something "
            "comes out finds what is not there more often than the level says."
        )
    return lines + _steps(scores, judged, undecided)


def needed(pairs: Pairs, stated: Criterion, comparisons: int, level: float) -> Needed | None:
    """
    Seeds are planned by Student's t with the power 80 %, at the level of Holm's first step. The spread of few runs is
    itself uncertain: its upper limit is s √(f/χ²), with f degrees of freedom and the 20 % quantile of χ² (Browne 1995).

    :param pairs: of runs, at least two
    :param stated: the criterion
    :param comparisons: how many it has
    :param level: the study's
    :return: what would decide; ``None`` if the differences do not vary
    """
    statistic = STATISTICS[stated.statistic]
    assert isinstance(statistic, TrimmedMean)
    sample = Sample(statistic, pairs.treatment[None], pairs.control[None])
    (error,), (freedom,) = sample.standard_error()
    if not error > 0:
        return None
    spread = float(error) * math.sqrt(pairs.n)
    limit = spread * math.sqrt(freedom / chi2.ppf(1 - SURE, freedom))
    value, side = float(sample.value()[0]), SIDES[stated.expect]
    if side:
        margin = stated.margin if stated.expect in ("greater", "not_greater") else -stated.margin
        effect = side * (value - margin)
    else:
        effect = stated.margin - abs(value)
    # Both bounds of an equivalence are to be shown at once; outside of it there are two sides.
    alpha = (1 - level) / 2 / comparisons / (1 if side or effect > 0 else 2)
    power = POWER if side or effect < 0 else (1 + POWER) / 2

    def seeds(sd: float) -> int | None:
        return seeds_needed(abs(effect) / sd, alpha, power, stated.statistic)

    shown = _effect_shown(pairs.n, alpha, power, stated.statistic) * spread
    return Needed(abs(effect), effect > 0, spread, limit, seeds(spread), seeds(limit), shown)


def seeds_needed(effect: float, alpha: float, power: float, statistic: str = "mean") -> int | None:
    """
    :param effect: in standard deviations, ≥ 0
    :param alpha: level of the one-sided test
    :param power: the chance that it shows the effect
    :param statistic: ``"mean"``, or ``"iqm"``, whose error has fewer degrees of freedom
    :return: the least number of pairs, 2 ≤ n ≤ 1000; ``None`` if it is more
    """
    numbers = np.arange(2, MOST_SEEDS + 1)
    enough = np.flatnonzero(_powers(numbers, effect, alpha, statistic) >= power)
    return int(numbers[enough[0]]) if enough.size else None


def _powers(numbers: np.ndarray, effect: float, alpha: float, statistic: str) -> np.ndarray:
    freedom = _freedom(numbers, statistic)
    return np.asarray(nct.sf(student.isf(alpha, freedom), freedom, effect * np.sqrt(numbers)))


def _freedom(numbers: np.ndarray, statistic: str) -> np.ndarray:
    """As in :func:`~sb3_entropy.statistics.sample.standard_error`, for one task."""
    cut = (0.25 * numbers).astype(int) if statistic == "iqm" else 0
    return np.asarray(np.maximum(numbers - 2 * cut - 1, (numbers - 1) / 2))


def _effect_shown(n: int, alpha: float, power: float, statistic: str) -> float:
    """The effect in standard deviations that n pairs show with this power, to a thousandth of itself."""
    low, high = 0.0, 1.0
    at = np.array([n])
    while _powers(at, high, alpha, statistic)[0] < power:
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _powers(at, middle, alpha, statistic)[0] < power else (low, middle)
    return high


def _seeds(scores: Scores, stated: Criterion, comparison: ComparisonResult, comparisons: int) -> str:
    study = scores.results.study
    name = called(comparison, study)
    lacking = len(study.seeds) - comparison.n
    number = isinstance(stated.control, Number)
    if lacking:
        of = "runs" if number else "seeds" if stated.minus else "pairs of runs"
        return (
            f"{name}: {lacking} of {len(study.seeds)} {of} are missing, have failed or have no finite score. "
            "There is no verdict before they are there."
        )
    pairs = scores.pairs(stated, comparison)
    if comparison.n > 1 and is_share(stated):
        return _runs_for_share(stated, comparison, comparisons, study.level)
    if comparison.n > 1 and stated.midpoint is not None:
        return (
            f"{name}: what narrows the interval of a midpoint is values between those at which few runs say yes and "
            "most do, and more seeds there."
        )
    if pairs is None or pairs.n < 2:
        return f"{name}: one seed says nothing about spread. Run at least two, to see what would decide."
    found = needed(pairs, stated, comparisons, study.level)
    if found is None:
        those = "runs" if number else "differences"
        return f"{name}: the {those} do not vary, so that they do not tell how many seeds would decide."
    mean = {"iqm": "interquartile mean"}.get(stated.statistic, stated.statistic)
    what, each = (mean, "run") if number else (f"difference of the {mean}s", "seed" if stated.minus else "pair")
    direction = "on the claimed side" if found.supports else "on the side that would refute it"
    seen = (
        f"{name}: the {what} is {found.effect:.3g} from the margin, {direction}; its standard "
        f"deviation a {each} is {found.spread:.3g} (80 % sure: below {found.limit:.3g})."
    )
    if found.seeds is None:
        plan = f"If that is the truth, it takes more than {MOST_SEEDS} seeds: seeds alone will not decide."
    else:
        most = f"{found.seeds_at_most}" if found.seeds_at_most else f"more than {MOST_SEEDS}"
        plan = (
            f"If that is the truth, {found.seeds} seeds show it in four of five studies, {most} if the spread is the "
            "larger one."
        )
    return f"{seen} {plan} The {pairs.n} seeds so far show {found.shown:.3g} or more as often."


def _cells_for_ranks(judged: CriterionResult) -> str:
    (found,) = judged.comparisons
    if found.difference is None:
        return "No seed is finished in all cells. There is no verdict before one is."
    return (
        f"The interval of a rank correlation of {found.n} cells is wide mostly because there are so few: more cells "
        "narrow it, more seeds hardly."
    )


def _runs_for_share(stated: Criterion, comparison: ComparisonResult, comparisons: int, level: float) -> str:
    """By the exact binomial test, at the share that was seen."""
    assert comparison.difference is not None
    assert isinstance(stated.control, Number)
    seen = comparison.difference.value + stated.control.value
    sign = -1 if stated.expect in ("less", "not_greater") else 1
    margin = stated.margin if stated.expect in ("greater", "less") else -stated.margin
    bound = stated.control.value + sign * margin
    name = f"{comparison.treatment} − {comparison.control}"
    if stated.expect == "equivalent" or seen == bound or not 0 < bound < 1:
        return f"{name}: a share of {seen:.3g} of {comparison.n} runs passes; more seeds narrow its interval."
    alpha = (1 - level) / 2 / comparisons
    # The share that passes against a bound below it, or that of those that do not pass.
    p, q = (seen, bound) if seen > bound else (1 - seen, 1 - bound)
    numbers = np.arange(2, MOST_SEEDS + 1)
    powers = binom.sf(binom.isf(alpha, numbers, q), numbers, p)
    enough = np.flatnonzero(powers < POWER)
    n = int(numbers[enough[-1]]) + 1 if enough.size else 2
    many = f"{n} seeds show" if n <= MOST_SEEDS else f"it takes more than {MOST_SEEDS} seeds to show"
    return (
        f"{name}: a share of {seen:.3g} of {comparison.n} runs passes, against {bound:.3g}. If that is the truth, "
        f"{many} it in four of five studies, by the exact test."
    )


def _steps(scores: Scores, judged: CriterionResult, undecided: list[ComparisonResult]) -> list[str]:
    """Whether the curve that the measure reads still moved in the last quarter of the runs, in every environment."""
    study = scores.results.study
    if judged.measure not in MEASURES or not MEASURES.get(judged.measure).curves:
        return []
    labels = {label for c in undecided for label in c.sides}
    open_in = {c.environment for c in undecided}
    told = []
    for environment in study.environments:
        if open_in & {environment, POOLED}:
            runs = [r for r in scores.results.runs if r.arm in labels and r.environment == environment]
            sentence = _late_change(runs, MEASURES.get(judged.measure).curves[0])
            told.append(f"{environment}: {sentence}" if sentence and len(study.environments) > 1 else sentence)
    return [sentence for sentence in told if sentence]


def _late_change(runs: Sequence[RunView], name: str) -> str:
    curves = [r.curves[name][np.isfinite(r.curves[name])] for r in runs if name in r.curves]
    changes, ranges, ends = [], [], []
    for curve in curves:
        late = max(1, int(LATE * len(curve)))
        if len(curve) >= 2 * late + 1:
            changes.append(float(curve[-late:].mean() - curve[-2 * late : -late].mean()))
            ranges.append(float(np.ptp(curve)))
            ends.append(curve[-2 * late :])
    if len(changes) < 2:
        return ""
    mean, typical, span = float(np.mean(changes)), float(np.median(changes)), float(np.median(ranges))
    error = float(np.std(changes, ddof=1)) / math.sqrt(len(changes))
    said = f"in the last quarter of training {name} changed by {typical:+.4g} in the median run, of {span:.4g} in all"
    said = said.replace("-", "−")
    if abs(mean) > student.isf(0.025, len(changes) - 1) * error and abs(typical) > 0.05 * span:
        sign = 1 if typical > 0 else -1
        if float(np.median([_without_largest_step(sign * end) for end in ends])) < GRADUAL * abs(typical):
            return f"The curves moved late, but in a single step: {said}. Whether longer runs go on so is not known."
        verb = "rise" if typical > 0 else "fall"
        return f"The curves still {verb}: {said}. Longer runs may show another difference."
    return f"The curves no longer move clearly: {said}. More seeds rather than longer runs."


def _without_largest_step(late: np.ndarray) -> float:
    """By how much the mean of the second half exceeds that of the first, but for the increment that adds most to it."""
    half = len(late) // 2
    weights = np.minimum(np.arange(1, 2 * half), np.arange(2 * half - 1, 0, -1)) / half
    steps = weights * np.diff(late)  # they add up to the difference
    return float(steps.sum() - steps.max())
