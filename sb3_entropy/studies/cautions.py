"""What should make a reader of a verdict careful. Nothing here decides."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import skew

from sb3_entropy.statistics import sign_flip, size
from sb3_entropy.statistics.sign_flip import MOST_PAIRS
from sb3_entropy.studies.criteria import Criterion, Number
from sb3_entropy.studies.paired import Pairs, Scores
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.verdict import ComparisonResult, CriterionResult

#: below this ratio of standard deviations, and with at least so many runs, an arm is steadier than the other
RATIO, FEWEST_FOR_RATIO = 1 / 3, 3
#: beyond this skewness, and with at least so many pairs, there is a tail
SKEWNESS, FEWEST_FOR_TAIL = 1.0, 5
#: comparisons that are named
MOST_NAMED = 4
#: towards which side the claim points: the difference is to be above (1), below (−1), or neither (0)
SIDES = {"greater": 1, "not_less": 1, "less": -1, "not_greater": -1, "equivalent": 0}

Named = tuple[ComparisonResult, Pairs]


def cautions(study: Study, scores: Scores, stated: Criterion, judged: CriterionResult) -> list[str]:
    """
    :param study: a study
    :param scores: of its runs
    :param stated: a part of its rule
    :param judged: what became of it
    :return: sentences: where an arm's spread is under a third of the other's, where the differences' tail points away
        from what is claimed, and the exact sign-flip p where values tie
    """
    named = [(c, pairs) for c in judged.comparisons if (pairs := scores.pairs(stated, c)) is not None]
    found = [make(study, stated, named) for make in (_spreads, _tails, _ties)]
    return [sentence for sentence in found if sentence]


def blind_spot(study: Study) -> str:
    """
    :param study: a study
    :return: what neither its tests nor a caution can show, for its number of seeds
    """
    n = len(study.seeds)
    return (
        "What neither a test nor a caution can show is a failure that did not happen: an arm that fails in one of five "
        f"runs shows none in {100 * 0.8**n:.2g} % of studies of {n} {'run' if n == 1 else 'runs'}."
    )


def spread_ratio(pairs: Pairs) -> float:
    """
    :param pairs: of runs
    :return: the smaller standard deviation divided by the larger one; NaN if neither arm varies
    """
    small, large = sorted(column.std(ddof=1) for column in pairs.columns)
    return float(small / large) if large > 0 else float("nan")


def tail(pairs: Pairs, side: int) -> float:
    """
    :param pairs: of runs
    :param side: where the claim points, 1 or −1, or 0 for an equivalence
    :return: the sample skewness G₁ of the differences, counted positive where their tail points away from the claimed
        side; of an equivalence, whose bounds lie on both sides, its size; 0 without variance
    """
    differences = pairs.differences
    if np.ptp(differences) <= 1e-9 * np.abs(differences).max(initial=0.0):
        return 0.0
    found = float(skew(differences, bias=False))
    return -side * found if side else abs(found)


def ties(pairs: Pairs, number: bool = False) -> bool:
    """
    :param pairs: of runs
    :param number: whether the control is a number
    :return: whether two runs of an arm have the same score, or two of a pair
    """
    arms = pairs.columns[:1] if number else pairs.columns
    return any(len(np.unique(column)) < len(column) for column in arms) or bool((pairs.differences == 0).any())


def _spreads(study: Study, stated: Criterion, named: Sequence[Named]) -> str:
    if isinstance(stated.control, Number) or stated.minus is not None:
        return ""  # there are not two arms
    apart = [
        (c, f"{pairs.columns[0].std(ddof=1):.3g} against {pairs.columns[1].std(ddof=1):.3g}", pairs.n)
        for c, pairs in named
        if pairs.n >= FEWEST_FOR_RATIO and spread_ratio(pairs) < RATIO
    ]
    if not apart:
        return ""
    tasks = max(pairs.treatment.shape[1] for _, pairs in named)
    risk = _risk(stated.statistic, min(n for _, _, n in apart), tasks)
    return (
        f"An arm's spread is under a third of the other's: {_listed(study, [(c, text) for c, text, _ in apart])} "
        f"(standard deviations of treatment and control). {risk}"
    )


def _risk(statistic: str, n: int, tasks: int) -> str:
    """What simulation says of such arms: at this number of runs or, if that was not simulated, at those around it."""
    name = {"iqm": "IQMs"}.get(statistic, f"{statistic}s")
    if tasks > 1:
        return f"What that does to a test of {name} over {tasks} environments was not simulated."
    cases = {k: max(size(k, statistic, ratio) for ratio in (0.3, 0.0)) for k in {n, *_around(n)}}
    known = [f"{100 * cases[k]:.1f} % of studies of {k} runs" for k in sorted(cases) if not math.isnan(cases[k])]
    if not known:
        return f"What that does to a test of {name} was not simulated."
    missing = f"; {n} runs were not simulated" if math.isnan(cases[n]) else ""
    return (
        f"One-sided tests of {name} at 2.5 % then find a difference that is not there in up to "
        f"{' and '.join(known)} (simulated{missing})."
    )


def _around(n: int) -> set[int]:
    simulated = (5, 6, 10, 20)
    if n in simulated:
        return set()
    below, above = [k for k in simulated if k < n], [k for k in simulated if k > n]
    return {*below[-1:], *above[:1]}


def _tails(study: Study, stated: Criterion, named: Sequence[Named]) -> str:
    side = SIDES[stated.expect]
    away = [
        (c, f"skewness {skewness if side == 0 else -side * skewness:.1f}".replace("-", "−"))
        for c, pairs in named
        if pairs.n >= FEWEST_FOR_TAIL and (skewness := tail(pairs, side)) >= SKEWNESS
    ]
    if not away:
        return ""
    where = "points away from what is claimed" if side else "points to one side"
    return (
        f"The differences' tail {where}: {_listed(study, away)}. Runs far out there are rare, count against "
        "the claim, and are what a few seeds may miss."
    )


def _ties(study: Study, stated: Criterion, named: Sequence[Named]) -> str:
    number = isinstance(stated.control, Number)
    tied = [(c, _sign_flip(stated, pairs)) for c, pairs in named if ties(pairs, number) and pairs.n <= MOST_PAIRS]
    if not tied:
        return ""
    return (
        f"Values tie. The exact sign-flip test, before any correction: {_listed(study, tied)}. It assumes that the "
        "differences are symmetric, and with fewer than six that are not the margin its p is at least 2⁻⁵ = 0.031, so "
        "that it cannot decide at 2.5 %."
    )


def _sign_flip(stated: Criterion, pairs: Pairs) -> str:
    margin = stated.margin
    if stated.expect == "equivalent":
        above, below = sign_flip(pairs.differences, -margin), sign_flip(pairs.differences, margin)
        p, least = max((above.p_greater, above.least), (below.p_less, below.least))
    else:
        found = sign_flip(pairs.differences, margin if stated.expect in ("greater", "not_greater") else -margin)
        p, least = (found.p_greater if SIDES[stated.expect] > 0 else found.p_less), found.least
    return f"p = {p:.2g}, at least {least:.2g}" if least > 0.001 else f"p = {p:.2g}"


def _listed(study: Study, found: Sequence[tuple[ComparisonResult, str]]) -> str:
    texts = [f"{called(c, study)}: {text}" for c, text in found[:MOST_NAMED]]
    more = f"; and {len(found) - MOST_NAMED} more comparisons" if len(found) > MOST_NAMED else ""
    return "; ".join(texts) + more


def called(comparison: ComparisonResult, study: Study) -> str:
    """
    :param comparison: of two arms
    :param study: whose
    :return: its name, e.g. ``SPPO, ent_coef=0.1 − PPO``, with the environment if there are several
    """
    where = f" in {comparison.environment}" if len(study.environments) > 1 else ""
    return f"{comparison.treatment} − {comparison.control}{where}"
