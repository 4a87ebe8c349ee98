"""Whether a study's claim holds, by the rule that the study states."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import Difference, Interval, holm, paired_difference, probability_of_improvement
from sb3_entropy.studies.plan import Variant, variant_label, variants
from sb3_entropy.studies.spec import Criterion, Selection, Study

SUPPORTED, REFUTED, UNDECIDED = "supported", "refuted", "undecided"
POOLED = "all"
_REFUTED = {
    "greater": "less than {margin}",
    "less": "greater than −{margin}",
    "not_less": "less than −{margin}",
    "not_greater": "greater than {margin}",
    "equivalent": "outside ±{margin}",
}

#: scores of a variant in an environment by seed
Scores = Callable[[str, str, str], dict[int, float]]


@dataclass(frozen=True)
class ComparisonResult:
    """
    Treatment minus control.

    :param treatment: the variant's label
    :param control: the other variant's
    :param environment: where; ``"all"`` for normalised scores of all environments together
    :param difference: the difference with its interval; ``None`` with fewer than two pairs of runs
    :param p_adjusted: one-sided p of what is expected, after Holm's correction over the criterion's comparisons
    :param improvement: probability that a run of the treatment is better than a run of the control: has the higher
        score, or the lower one if the measure says that lower is better
    :param outcome: ``"supported"``, ``"refuted"`` or ``"undecided"``, which it is as long as a run of a stated seed is
        missing, has failed or has no finite score
    :param n: pairs of runs
    """

    treatment: str
    control: str
    environment: str
    difference: Difference | None
    p_adjusted: float
    improvement: Interval | None
    outcome: str
    n: int


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
    """

    name: str
    rule: str
    measure: str
    unit: str
    outcome: str
    comparisons: tuple[ComparisonResult, ...]


@dataclass(frozen=True)
class Verdict:
    """
    :param outcome: of the claim: supported if every criterion is, refuted if one is, else undecided
    :param criteria: those that decide
    :param exhibits: other comparisons, which decide nothing
    """

    outcome: str
    criteria: tuple[CriterionResult, ...]
    exhibits: tuple[CriterionResult, ...] = ()


def judge(study: Study, scores: Scores) -> Verdict:
    """
    Holm's correction is over the comparisons of a criterion for what is expected, and over those of all deciding
    criteria for its opposite, since one refuted criterion refutes the claim.

    :param study: the study
    :param scores: called with a variant's label, an environment and a measure
    :return: the verdict, from the runs of the seeds that the study states
    """
    decisive = [_compare_all(study, criterion, scores) for criterion in study.criteria]
    against = _corrected([found.against for of_criterion in decisive for found in of_criterion])
    criteria = []
    for criterion, found in zip(study.criteria, decisive, strict=True):
        mine, against = against[: len(found)], against[len(found) :]
        criteria.append(_judged(study, criterion, found, mine))
    exhibits = []
    for criterion in study.exhibits:
        found = _compare_all(study, criterion, scores)
        exhibits.append(_judged(study, criterion, found, _corrected([each.against for each in found])))
    outcome = _together([criterion.outcome for criterion in criteria], "all")
    return Verdict(outcome, tuple(criteria), tuple(exhibits))


def compared(study: Study, criterion: Criterion) -> list[tuple[Variant, Variant]]:
    """
    :param study: the study
    :param criterion: a part of its rule
    :return: every variant of the treatment with every variant of the control that has the same values of the
        hyperparameters that both sweep, save those for which the criterion names a value on both sides
    """
    pairs: dict[tuple[str, str], tuple[Variant, Variant]] = {}
    for selection in criterion.treatments:
        fixed = selection.settings.keys() & criterion.control.settings.keys()
        for treatment in _selected(study, selection):
            for control in _selected(study, criterion.control):
                common = (treatment.settings.keys() & control.settings.keys()) - fixed
                same = all(treatment.settings[key] == control.settings[key] for key in common)
                if same and treatment.label != control.label:
                    pairs[treatment.label, control.label] = (treatment, control)
    return list(pairs.values())


def _selected(study: Study, selection: Selection) -> list[Variant]:
    return [
        variant
        for variant in variants(study)
        if variant.arm.name == selection.arm
        and all(variant.settings.get(key) == value for key, value in selection.settings.items())
    ]


def rule_in_words(criterion: Criterion, level: float) -> str:
    """
    :param criterion: a part of a rule
    :param level: the confidence level
    :return: the rule as a sentence
    """
    *others, last = map(_described, criterion.treatments)
    treatment = f"each of {', '.join(others)} and {last}" if others else last
    control = _described(criterion.control)
    where = "on normalised scores of all environments together" if criterion.environments == POOLED else ""
    what = f"the {criterion.statistic} {criterion.measure} of {treatment}"
    margin = f"{criterion.margin:g}"
    if criterion.expect == "equivalent":
        expected = f"{what} is within ±{margin} of that of {control}"
        risk = f"two one-sided tests at {(1 - level) / 2:.1%} each"
    elif criterion.expect.startswith("not"):
        direction = "below" if criterion.expect == "not_less" else "above"
        expected = f"{what} lies no more than {margin} {direction} that of {control}"
        risk = f"one-sided at {(1 - level) / 2:.1%}"
    else:
        direction = "above" if criterion.expect == "greater" else "below"
        amount = f"more than {margin} " if criterion.margin else ""
        expected = f"{what} lies {amount}{direction} that of {control}"
        risk = f"one-sided at {(1 - level) / 2:.1%}"
    opposite = _REFUTED[criterion.expect].format(margin=margin)
    if criterion.margin == 0:
        opposite = opposite.replace("−0", "0")
    parts = [expected, where, f"in {criterion.require} of the comparisons", f"paired by seed, {risk} after Holm"]
    sentence = ", ".join(part for part in parts if part)
    return f"{sentence[0].upper()}{sentence[1:]}. Refuted if the difference is shown to be {opposite}."


def _described(selection: Selection) -> str:
    return f"“{variant_label(selection.arm, selection.settings)}”"


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


def _compare_all(study: Study, criterion: Criterion, scores: Scores) -> list[_Found]:
    environments = [POOLED] if criterion.environments == POOLED else list(study.environments)
    return [
        _compare(study, criterion, scores, _Found(treatment.label, control.label, environment))
        for treatment, control in compared(study, criterion)
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
            )
        )
    return CriterionResult(
        name=criterion.name,
        rule=rule_in_words(criterion, study.level),
        measure=criterion.measure,
        unit="normalised score" if criterion.environments == POOLED else MEASURES.get(criterion.measure).unit,
        outcome=_together([comparison.outcome for comparison in comparisons], criterion.require),
        comparisons=tuple(comparisons),
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


def _compare(study: Study, criterion: Criterion, scores: Scores, cell: _Found) -> _Found:
    """:return: the comparison of what ``cell`` names"""
    x, y = _paired(study, criterion, scores, cell)
    n = len(x)
    complete = n == len(study.seeds)
    if n < 2:
        return replace(cell, n=n)

    def difference(margin: float) -> Difference:
        rng = np.random.default_rng(0)
        return paired_difference(x, y, criterion.statistic, margin=margin, level=study.level, rng=rng)

    better, worse = (y, x) if MEASURES.get(criterion.measure).higher_is_better is False else (x, y)
    improvement = probability_of_improvement(better, worse, level=study.level, rng=np.random.default_rng(0))
    margin = criterion.margin
    if criterion.expect == "equivalent":
        above, below = difference(-margin), difference(margin)
        result = difference(0.0)
        expected, against = max(above.p_greater, below.p_less), min(1.0, 2 * min(below.p_greater, above.p_less))
    else:
        result = difference(margin if criterion.expect in ("greater", "not_greater") else -margin)
        expected, against = result.p_greater, result.p_less
        if criterion.expect in ("less", "not_greater"):
            expected, against = against, expected
    return replace(
        cell, difference=result, improvement=improvement, expected=expected, against=against, n=n, complete=complete
    )


def _paired(study: Study, criterion: Criterion, scores: Scores, cell: _Found) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the stated seeds that both have finished, in every environment that counts: twice (n, tasks)."""
    environments = list(study.environments) if cell.environment == POOLED else [cell.environment]
    labels = (cell.treatment, cell.control)
    tables = [[scores(label, env_id, criterion.measure) for env_id in environments] for label in labels]
    seeds = sorted(set(study.seeds).intersection(*(of_env for table in tables for of_env in table)))
    columns = [np.array([[of_env[seed] for of_env in table] for seed in seeds], dtype=float) for table in tables]
    x, y = (column.reshape(len(seeds), len(environments)) for column in columns)
    if cell.environment == POOLED:
        ranges = np.array([study.environments[env_id].score_range for env_id in environments], dtype=float)
        x, y = ((column - ranges[:, 0]) / (ranges[:, 1] - ranges[:, 0]) for column in (x, y))
    known = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    return x[known], y[known]
