"""Whether a study's claim holds, by the rule that the study states."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sb3_entropy.plots.settings import short
from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import (
    Difference,
    Interval,
    difference_from,
    holm,
    midpoint_difference,
    paired_difference,
    probability_of_improvement,
    share_difference,
)
from sb3_entropy.studies.criteria import Criterion, Number
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.ranked import ranked, ranked_cells, ranking_in_words
from sb3_entropy.studies.rules import POOLED, Compared, compared, is_share, number_text, rule_in_words
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.variants import variant_label

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
#: scores of a variant in an environment by seed
Scores = Callable[[str, str, str], dict[int, float]]


@dataclass(frozen=True)
class ComparisonResult:
    """
    Treatment minus control.

    :param treatment: the variant's label; of an interaction the difference in words
    :param control: the other variant's, or a number; of an interaction the difference that is subtracted
    :param environment: where; ``"all"`` for normalised scores of all environments together
    :param difference: the difference with its interval; ``None`` with fewer than two pairs of runs
    :param p_adjusted: one-sided p of what is expected, after Holm's correction over the criterion's comparisons
    :param improvement: probability that a run of the treatment is better than a run of the control: has the higher
        score, or the lower one if the measure says that lower is better; ``None`` unless these are two variants
    :param outcome: ``"supported"``, ``"refuted"`` or ``"undecided"``, which it is as long as a run of a stated seed is
        missing, has failed or has no finite score
    :param n: pairs of runs; runs against a number, seeds of an interaction, and runs a dose of a midpoint
    :param sides: the variants' labels: the treatment's, the control's unless it is a number, and those of the pair that
        an interaction subtracts
    """

    treatment: str
    control: str
    environment: str
    difference: Difference | None
    p_adjusted: float
    improvement: Interval | None
    outcome: str
    n: int
    sides: tuple[str, ...]


@dataclass(frozen=True)
class CriterionResult:
    """
    A part of the rule, and what became of it.

    :param name: its name
    :param rule: the rule in words
    :param measure: the measure's name
    :param unit: of the differences
    :param outcome: ``"supported"``, ``"refuted"`` or ``"undecided"``
    :param comparisons: what it rests on
    :param kind: what is compared: ``"pair"``, ``"interaction"``, or with a number ``"number"``, ``"share"``,
        ``"midpoint"`` or ``"rank"``
    """

    name: str
    rule: str
    measure: str
    unit: str
    outcome: str
    comparisons: tuple[ComparisonResult, ...]
    kind: str = "pair"


@dataclass(frozen=True)
class Verdict:
    """
    :param outcome: of the claim: supported if every criterion is, refuted if one is, else undecided
    :param criteria: those that decide
    :param exhibits: other comparisons, which decide nothing
    :param former: by the rule as it stood before each of the study's changes; ``None`` if that stood as it does after
    """

    outcome: str
    criteria: tuple[CriterionResult, ...]
    exhibits: tuple[CriterionResult, ...] = ()
    former: tuple["Verdict | None", ...] = ()


def judge(plan: Plan, scores: Scores) -> Verdict:
    """
    Holm's correction is over the comparisons of a criterion for what is expected, and over those of all deciding
    criteria for its opposite, since one refuted criterion refutes the claim.

    :param plan: a study's
    :param scores: called with a variant's label, an environment and a measure
    :return: the verdict, from the runs of the seeds that the study states
    """
    study, exhibits = plan.study, []
    for criterion in study.exhibits:
        found = _compare_all(plan, criterion, scores)
        exhibits.append(_judged(study, criterion, found, _corrected([each.against for each in found])))
    former = tuple(_by(plan, change.criteria, scores) if change.criteria else None for change in study.changes)
    return replace(_by(plan, study.criteria, scores), exhibits=tuple(exhibits), former=former)


def _by(plan: Plan, rule: Sequence[Criterion], scores: Scores) -> Verdict:
    decisive = [_compare_all(plan, criterion, scores) for criterion in rule]
    against = _corrected([found.against for of_criterion in decisive for found in of_criterion])
    criteria = []
    for criterion, found in zip(rule, decisive, strict=True):
        mine, against = against[: len(found)], against[len(found) :]
        criteria.append(_judged(plan.study, criterion, found, mine))
    return Verdict(_together([criterion.outcome for criterion in criteria], "all"), tuple(criteria))


@dataclass(frozen=True)
class _Found:
    """A comparison before the correction: p of what is expected, and of its opposite; NaN if there are too few runs."""

    treatment: str
    control: str
    environment: str
    difference: Difference | None = None
    improvement: Interval | None = None
    expected: float = float("nan")
    against: float = float("nan")
    n: int = 0
    complete: bool = False
    sides: tuple[str, ...] = ()


def _compare_all(plan: Plan, criterion: Criterion, scores: Scores) -> list[_Found]:
    if criterion.ranks_with is not None:
        return [_rank(plan, criterion, scores)]
    named = criterion.environments
    environments = [POOLED] if named == POOLED else list(plan.study.environments if named == "each" else named)
    return [
        _compare(plan.study, criterion, scores, sides, environment)
        for sides in compared(plan, criterion)
        for environment in environments
    ]


def _judged(study: Study, criterion: Criterion, found: list[_Found], against: np.ndarray) -> CriterionResult:
    one_sided = (1 - study.level) / 2
    comparisons = []
    for each, p, opposed in zip(found, _corrected([each.expected for each in found]), against, strict=True):
        outcome = SUPPORTED if p <= one_sided else REFUTED if opposed <= one_sided else UNDECIDED
        comparisons.append(
            ComparisonResult(
                treatment=each.treatment,
                control=each.control,
                environment=each.environment,
                difference=each.difference,
                p_adjusted=float(p),
                improvement=each.improvement,
                # Runs that fail or are not done yet would be left out by chance at best.
                outcome=outcome if each.complete else UNDECIDED,
                n=each.n,
                sides=each.sides,
            )
        )
    return CriterionResult(
        name=criterion.name,
        rule=(rule_in_words if criterion.ranks_with is None else ranking_in_words)(criterion, study.level),
        measure=criterion.measure,
        unit=_unit(criterion),
        outcome=_together([comparison.outcome for comparison in comparisons], criterion.require),
        comparisons=tuple(comparisons),
        kind=_kind(criterion),
    )


def _together(outcomes: Sequence[str], require: str) -> str:
    """With ``"all"``, one refutation refutes; with ``"any"``, one success is enough."""
    first, last = (REFUTED, SUPPORTED) if require == "all" else (SUPPORTED, REFUTED)
    if first in outcomes:
        return first
    return last if outcomes and all(outcome == last for outcome in outcomes) else UNDECIDED


def _corrected(p_values: Iterable[float]) -> np.ndarray:
    """Holm's correction over the comparisons that could be made; 1 for the others."""
    given = np.array(list(p_values), dtype=float)
    made = np.isfinite(given)
    adjusted = np.ones(len(given))
    if made.any():
        adjusted[made] = holm(given[made])
    return adjusted


def _kind(criterion: Criterion) -> str:
    if criterion.ranks_with is not None:
        return "rank"
    if criterion.midpoint is not None:
        return "midpoint"
    if is_share(criterion):
        return "share"
    return "number" if isinstance(criterion.control, Number) else "interaction" if criterion.minus else "pair"


def _unit(criterion: Criterion) -> str:
    if criterion.ranks_with is not None:
        return "rank correlation"
    if criterion.midpoint is not None:
        return short(criterion.midpoint)
    if is_share(criterion):
        return "share of runs"
    return "normalised score" if criterion.environments == POOLED else MEASURES.get(criterion.measure).unit


def _compare(study: Study, criterion: Criterion, scores: Scores, sides: Compared, environment: str) -> _Found:
    columns = _columns(study, criterion, scores, sides, environment)
    n, (treatment, control) = len(columns[0]), _named(criterion, sides)
    labels = tuple(side.label for side in sides)
    cell = _Found(treatment, control, environment, n=n, complete=n == len(study.seeds), sides=labels)
    if n < 2:
        return cell
    improvement = None
    if len(columns) == 2 and criterion.midpoint is None:
        x, y = columns if MEASURES.get(criterion.measure).higher_is_better is not False else columns[::-1]
        improvement = probability_of_improvement(x, y, level=study.level, rng=np.random.default_rng(0))
    result, expected, against = _tested(criterion, partial(_difference, criterion, sides, columns, study.level))
    return replace(cell, difference=result, improvement=improvement, expected=expected, against=against)


def _tested(criterion: Criterion, difference: Callable[[float], Difference]) -> tuple[Difference, float, float]:
    """The difference, compared with the margin, p of what is expected and of its opposite."""
    margin = criterion.margin
    if criterion.expect == "equivalent":
        above, below = difference(-margin), difference(margin)
        expected, against = max(above.p_greater, below.p_less), min(1.0, 2 * min(below.p_greater, above.p_less))
        return difference(0.0), expected, against
    result = difference(margin if criterion.expect in ("greater", "not_greater") else -margin)
    if criterion.expect in ("less", "not_greater"):
        return result, result.p_less, result.p_greater
    return result, result.p_greater, result.p_less


def _rank(plan: Plan, criterion: Criterion, scores: Scores) -> _Found:
    """All cells together; the number of seeds that are finished in all of them is not told."""
    cells, control = ranked_cells(plan, criterion), criterion.control
    assert isinstance(control, Number)
    labels = tuple(dict.fromkeys(cell.measured.label for cell in cells))
    found = _Found("rank correlation", number_text(control), POOLED, sides=labels)
    first, complete = ranked(plan, criterion, scores)
    if first is None:
        return found

    def difference(margin: float) -> Difference:
        moved, _ = ranked(plan, criterion, scores, margin)
        assert moved is not None
        return moved

    result, expected, against = _tested(criterion, difference)
    return replace(found, difference=result, expected=expected, against=against, n=len(cells), complete=complete)


def _named(criterion: Criterion, sides: Compared) -> tuple[str, str]:
    """Both sides of the minus sign."""
    if isinstance(criterion.control, Number) and criterion.midpoint is not None:
        rest = {key: value for key, value in sides[0].settings.items() if key != criterion.midpoint}
        return variant_label(sides[0].arm.name, rest), number_text(criterion.control)
    if isinstance(criterion.control, Number):
        return sides[0].label, number_text(criterion.control)
    if criterion.minus is None:
        return sides[0].label, sides[1].label
    first, second, third, fourth = (side.label for side in sides)
    return f"({first} − {second})", f"({third} − {fourth})"


def _difference(
    criterion: Criterion, sides: Compared, columns: Sequence[np.ndarray], level: float, margin: float
) -> Difference:
    """Compared with the margin; ``columns`` has the scores of each side."""
    control, statistic, rng = criterion.control, criterion.statistic, np.random.default_rng(0)
    if isinstance(control, Number):
        if criterion.midpoint is not None:
            doses = [float(side.settings[criterion.midpoint]) for side in sides]
            yes, runs = [float(column.sum()) for column in columns], [len(column) for column in columns]
            return midpoint_difference(doses, yes, runs, control.value, margin=margin, level=level)
        if is_share(criterion):
            passed = int(_passes(criterion, columns[0]).sum())
            return share_difference(passed, len(columns[0]), control.value, margin=margin, level=level)
        return difference_from(columns[0], control.value, statistic, margin=margin, level=level, rng=rng)
    x, y = columns if criterion.minus is None else (columns[0] - columns[1], columns[2] - columns[3])
    return paired_difference(x, y, statistic, margin=margin, level=level, rng=rng)


def _passes(criterion: Criterion, scores: np.ndarray) -> np.ndarray:
    """Which runs count as a yes."""
    if criterion.share_at_most is not None:
        return np.asarray(scores <= criterion.share_at_most)
    return np.asarray(scores >= (1 if criterion.share_at_least is None else criterion.share_at_least))


def _columns(
    study: Study, criterion: Criterion, scores: Scores, sides: Compared, environment: str
) -> tuple[np.ndarray, ...]:
    """Scores of the stated seeds that all sides have finished, in every environment that counts: (n, tasks) a side."""
    environments = list(study.environments) if environment == POOLED else [environment]
    tables = [[scores(side.label, env_id, criterion.measure) for env_id in environments] for side in sides]
    seeds = sorted(set(study.seeds).intersection(*(of_env for table in tables for of_env in table)))
    columns = [np.array([[of_env[seed] for of_env in table] for seed in seeds], dtype=float) for table in tables]
    columns = [column.reshape(len(seeds), len(environments)) for column in columns]
    if environment == POOLED:
        ranges = np.array([study.environments[env_id].score_range for env_id in environments], dtype=float)
        columns = [(column - ranges[:, 0]) / (ranges[:, 1] - ranges[:, 0]) for column in columns]
    known = np.isfinite(columns).all(axis=(0, 2))
    if MEASURES.get(criterion.measure).yes_or_no:
        known &= np.isin(columns, (0, 1)).all(axis=(0, 2))
    return tuple(column[known] for column in columns)
