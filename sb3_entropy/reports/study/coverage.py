"""How often the intervals of the page contain the truth, as simulation has shown."""

import math
from collections.abc import Sequence

from sb3_entropy.reports.study.tables import ScoreRow, statistic_of
from sb3_entropy.reports.wording import share
from sb3_entropy.statistics import coverage, simulated
from sb3_entropy.studies.rules import POOLED
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.verdict import CriterionResult

#: the nominal level for which the coverage is tabulated
SIMULATED_LEVEL = 0.95
#: of :func:`~sb3_entropy.statistics.midpoint_difference`, by its slow test
MIDPOINTS = (
    "Such intervals of midpoints, nominally 95 %, contain the truth in at least 91 % of simulated cases (8 doses of 5 "
    "or 10 runs, steep and flat curves)."
)


def coverage_note(study: Study, rows: Sequence[ScoreRow], fewest: int = 2) -> str:
    """
    :param study: a study
    :param rows: its scores
    :param fewest: runs of which an interval is shown
    :return: a sentence on how often such intervals contain the truth, for the case among these scores that is worst;
        empty without an interval, or if nobody has simulated such ones
    """
    if study.level != SIMULATED_LEVEL:
        return ""
    cases = {
        (row.counts[measure], statistic_of(study, measure), estimate.method)
        for row in rows
        for measure, estimate in row.estimates.items()
        if estimate is not None and row.counts[measure] >= fewest
    }
    return _said(study, cases, tasks=1, paired=False)


def comparison_note(study: Study, criterion: CriterionResult) -> str:
    """
    :param study: a study
    :param criterion: a judged criterion
    :return: the same of the criterion's intervals, which are of paired differences or, against a number, of scores;
        that nobody has simulated those of an interaction; nothing of shares, whose intervals are exact
    """
    if study.level == SIMULATED_LEVEL and criterion.kind == "midpoint":
        found = any(comparison.difference is not None for comparison in criterion.comparisons)
        return MIDPOINTS if found else ""
    if study.level != SIMULATED_LEVEL or criterion.kind == "share":
        return ""
    if criterion.kind == "rank":
        return "In simulations with 8 to 12 cells of 5 runs such intervals contained the truth in 95 to 99 %."
    if criterion.kind == "interaction":
        found = any(comparison.difference is not None for comparison in criterion.comparisons)
        return "How often such intervals of interactions contain the truth was not simulated." if found else ""
    statistics: dict[str, str] = {each.name: each.statistic for each in (*study.criteria, *study.exhibits)}
    pooled = any(comparison.environment == POOLED for comparison in criterion.comparisons)
    cases = {
        (comparison.n, statistics.get(criterion.name, "mean"), comparison.difference.method)
        for comparison in criterion.comparisons
        if comparison.difference is not None
    }
    tasks = len(study.environments) if pooled else 1
    return _said(study, cases, tasks, paired=criterion.kind == "pair")


def _said(study: Study, cases: set[tuple[int, str, str]], tasks: int, paired: bool) -> str:
    found = {case: coverage(case[0], tasks, case[1], case[2], paired=paired) for case in sorted(cases)}
    known = {case: value for case, value in found.items() if not math.isnan(value)}
    kind = "intervals of paired differences" if paired else "intervals"
    nominal = f"nominally {100 * study.level:g} %"
    said = []
    if known:
        (n, statistic, method), worst = min(known.items(), key=lambda item: item[1])
        said.append(
            f"Such {kind}, {nominal}, contain the truth in at least {share(worst)} of simulated cases ({statistic}, "
            f"n = {n}, method {method}, the worst of several shapes of scores)."
        )
    for n, statistic, method in (case for case in found if case not in known):
        around = _around(n, tasks, simulated(statistic, method, paired=paired))
        if not around:
            continue
        # The least n alone: it is the one that a reader has most reason to doubt.
        at = [f"{share(coverage(k, of, statistic, method, paired=paired))} for {_case(k, of)}" for k, of in around]
        such = "Those" if known else f"Such {kind}, {nominal},"
        said.append(
            f"{such} were not simulated for {_case(n, tasks)} ({statistic}, method {method}); the nearest that were "
            f"contain the truth in at least {' and '.join(at)}."
        )
        break
    return " ".join(said)


def _around(n: int, tasks: int, cases: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """:return: of the simulated cases (n, K) those next to n, on either side, for the nearest K"""
    if not cases:
        return []
    of = min({k for _, k in cases}, key=lambda k: (abs(k - tasks), k))
    numbers = sorted(k for k, j in cases if j == of)
    if n in numbers:
        return [(n, of)]
    below, above = [k for k in numbers if k < n], [k for k in numbers if k > n]
    return [(k, of) for k in (*below[-1:], *above[:1])]


def _case(n: int, tasks: int) -> str:
    return f"n = {n}" if tasks == 1 else f"n = {n} and {tasks} environments"
