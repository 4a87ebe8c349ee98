"""How often the intervals of the page contain the truth, as simulation has shown."""

import math
from collections.abc import Sequence

from sb3_entropy.statistics import coverage
from sb3_entropy.studies.report.tables import ScoreRow, statistic_of
from sb3_entropy.studies.report.wording import share
from sb3_entropy.studies.rules import POOLED
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.verdict import CriterionResult

#: the nominal level for which the coverage is tabulated
SIMULATED_LEVEL = 0.95


def coverage_note(study: Study, rows: Sequence[ScoreRow]) -> str:
    """
    :param study: a study
    :param rows: its scores
    :return: a sentence on how often such intervals contain the truth, for the case among these scores that is worst;
        empty without an interval, or if nobody has simulated such ones
    """
    if study.level != SIMULATED_LEVEL:
        return ""
    cases = {
        (row.n, statistic_of(study, measure), estimate.method)
        for row in rows
        for measure, estimate in row.estimates.items()
        if estimate is not None and row.n > 1
    }
    return _said(study, cases, tasks=1, paired=False)


def comparison_note(study: Study, criterion: CriterionResult) -> str:
    """
    :param study: a study
    :param criterion: a judged criterion
    :return: the same of the criterion's intervals, which are of paired differences
    """
    if study.level != SIMULATED_LEVEL or criterion.kind != "pair":
        return ""
    statistics = {each.name: each.statistic for each in (*study.criteria, *study.exhibits)}
    pooled = any(comparison.environment == POOLED for comparison in criterion.comparisons)
    cases = {
        (comparison.n, statistics.get(criterion.name, "mean"), comparison.difference.method)
        for comparison in criterion.comparisons
        if comparison.difference is not None
    }
    return _said(study, cases, tasks=len(study.environments) if pooled else 1, paired=True)


def _said(study: Study, cases: set[tuple[int, str, str]], tasks: int, paired: bool) -> str:
    found = {case: coverage(case[0], tasks, case[1], case[2], paired=paired) for case in sorted(cases)}
    known = {case: value for case, value in found.items() if not math.isnan(value)}
    if not known:
        return ""
    (n, statistic, method), worst = min(known.items(), key=lambda item: item[1])
    kind = "intervals of paired differences" if paired else "intervals"
    return (
        f"Such {kind}, nominally {100 * study.level:g} %, contain the truth in at least {share(worst)} of simulated "
        f"cases ({statistic}, n = {n}, method {method}, the worst of several shapes of scores)."
    )
