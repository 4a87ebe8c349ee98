"""Everything that can be wrong with a study, found before its first run starts and told in one message."""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

from sb3_entropy.environments import find_env, full_id, import_packages
from sb3_entropy.errors import unknown
from sb3_entropy.plots.options import check_options
from sb3_entropy.policies.episodes import MODES
from sb3_entropy.presets.build import find_algorithm
from sb3_entropy.registry import FIGURES, JOBS, MEASURES
from sb3_entropy.studies.arm_checks import complaint, contradictions, misfits, misselected, unbuildable
from sb3_entropy.studies.criteria import Criterion, Number, Selection
from sb3_entropy.studies.document import Key, Problem
from sb3_entropy.studies.jobs import Job
from sb3_entropy.studies.plan import Plan, PlannedRun, job_of
from sb3_entropy.studies.published import misplaced
from sb3_entropy.studies.ranked import needs_range, ranked_cells
from sb3_entropy.studies.rules import POOLED, compared, is_share
from sb3_entropy.studies.spec import Study, TrainArm
from sb3_entropy.studies.variants import selected


def check_study(plan: Plan, done: Callable[[list[str]], bool] | None = None) -> tuple[PlannedRun, ...]:
    """
    :param plan: that of a study as it was read
    :param done: told the ids of an arm's runs in an environment, whether that arm need not be built again for a check;
        every arm is built if ``None``
    :return: its runs
    :raises ValueError: if an algorithm, environment, measure, figure or preset is unknown, a sweep or the decision
        contradicts itself, a published number belongs to nothing, or an arm cannot be built: all that is wrong, with
        line and key
    """
    study = plan.study
    named = [*_names(study)]  # first: it imports the packages that register environments
    stated = [*contradictions(plan), *_decision(plan), *misplaced(plan), *_figures(study), *_jobs(study)]
    if wrong := [*named, *stated, *misfits(plan)]:
        raise study.document.refusal(wrong)
    if wrong := [*unbuildable(plan, done or (lambda _: False))]:
        raise study.document.refusal(wrong)
    return plan.runs


def _names(study: Study) -> Iterator[Problem]:
    for index, package in enumerate(study.packages):
        if text := complaint(import_packages, [package]):
            yield ("packages", index), text
    names: dict[str, str] = {}
    for env_id in study.environments:
        if any(kind.in_gymnasium for kind in _kinds(study)) and (text := complaint(find_env, env_id)):
            yield ("environments", env_id), text
        elif (first := names.setdefault(full_id(env_id), env_id)) != env_id:
            yield ("environments", env_id), f"is the same environment as {first}, and would count twice; take one out"
    for name, arm in study.arms.items():
        if isinstance(arm, TrainArm) and (text := complaint(find_algorithm, arm.algo)):
            yield ("arms", name, "algo"), text
    for measure in study.measures:
        key: Key = ("measures", study.listed.index(measure)) if measure in study.listed else ("decision",)
        if measure not in MEASURES:
            yield key, unknown("measure", measure, MEASURES.keys())
        else:
            yield from _curves(study, measure, key)


def _jobs(study: Study) -> Iterator[Problem]:
    for name, arm in study.arms.items():
        for file in arm.keep:
            if file not in job_of(arm).keeps:
                yield ("arms", name, "keep"), unknown(f"file of job {arm.job!r}", file, job_of(arm).keeps)
    read = {key for kind in _kinds(study) for key in kind.study_keys}
    for key in {key for _, kind in JOBS.items() for key in kind.study_keys} - read:
        if key in study.document.values:
            yield (key,), f"no arm of this study reads {key}: its kinds of runs do not; take it out"


def _curves(study: Study, measure: str, key: Key) -> Iterator[Problem]:
    """A measure needs curves; those of a measure that observes are its own affair, and there for the others too."""
    recorded = [kind().curves(study) for kind in _kinds(study)]
    if any(curves.issuperset(MEASURES.get(measure).curves) for curves in recorded):
        return
    for curve in MEASURES.get(measure).curves:
        mode = curve.partition("/")[0]
        if mode in MODES and mode not in study.evaluation.modes:
            yield ("evaluation", "modes"), f"the measure {measure} needs the mode {mode!r}; add it"
        elif not any(curve in curves for curves in recorded):
            known = MEASURES.keys()
            records = [name for name in known if _observes(name) and curve in MEASURES.get(name).curves]
            place = f"add {records[0]} to measures, which records it" if records else "add it to evaluation: log"
            yield key, f"the measure {measure} needs the curve {curve!r}; {place}"


def _not_recorded(study: Study, measure: str, compared_arms: Iterable[str], where: Key) -> Iterator[Problem]:
    """Arms of a kind that does not record what another one does; where none does, that is told of the measure."""
    curves = set(MEASURES.get(measure).curves)
    if any(curves <= kind().curves(study) for kind in _kinds(study)):
        for name in sorted(set(study.arms).intersection(compared_arms)):
            if absent := sorted(curves - job_of(study.arms[name])().curves(study)):
                job = study.arms[name].job
                yield where, f"the runs of {name}, of the kind {job}, do not record {', '.join(absent)}"


def _kinds(study: Study) -> list[type[Job]]:
    return [JOBS.get(name) for name in dict.fromkeys(arm.job for arm in study.arms.values())]


def _observes(measure: str) -> bool:
    return MEASURES.get(measure).observer is not None


def _decision(plan: Plan) -> Iterator[Problem]:
    study = plan.study
    rules: list[tuple[Key, tuple[Criterion, ...]]] = [(("decision",), study.criteria), (("also",), study.exhibits)]
    rules += [(("changed", index, "decision"), change.criteria) for index, change in enumerate(study.changes)]
    for where, criteria in rules:
        for index, criterion in enumerate(criteria):
            yield from _criterion(plan, criterion, (*where, index))


def _criterion(plan: Plan, criterion: Criterion, where: Key) -> Iterator[Problem]:
    study = plan.study
    sides: list[tuple[Key, Selection]] = [(("treatment",), selection) for selection in criterion.treatments]
    sides += [(("control",), criterion.control)] if isinstance(criterion.control, Selection) else []
    sides += zip((("minus", "treatment"), ("minus", "control")), criterion.minus or (), strict=False)
    wrong = [problem for key, selection in sides for problem in misselected(study, selection, (*where, *key))]
    yield from wrong
    if not isinstance(criterion.environments, str):
        for env_id in criterion.environments:
            if env_id not in study.environments:
                yield (*where, "environments"), unknown("environment of the study", env_id, study.environments)
    if criterion.ranks_with is not None:
        yield from _ranking(plan, criterion, where, bool(wrong))
    elif not wrong and criterion.midpoint is None and not compared(plan, criterion):
        yield where, "no variant of the treatment has the settings of a variant of the control; name them"
    if criterion.expect not in ("greater", "less") and criterion.margin == 0:
        values: Any = study.document.values
        stated = reduce(lambda value, part: value[part], (*where, "expect"), values)  # "within" or "equivalent"
        yield where, f"expect: {stated} needs a margin: the greatest difference that does not count"
    if criterion.environments == POOLED and criterion.measure in MEASURES:
        if MEASURES.get(criterion.measure).unit != "return":
            text = f"score_range is one of returns, and {criterion.measure} is none; compare it with environments: each"
            yield (*where, "environments"), text
        for env_id, environment in study.environments.items():
            if environment.score_range is None:
                text = "environments: all puts normalised scores together; add score_range: [what is 0, what is 1]"
                yield ("environments", env_id), text
    if criterion.measure in MEASURES:
        yield from _against_a_number(plan, criterion, where)
        yield from _not_recorded(study, criterion.measure, {side.arm for _, side in sides}, (*where, "measure"))


def _ranking(plan: Plan, criterion: Criterion, where: Key, wrong: bool) -> Iterator[Problem]:
    study, gain, control = plan.study, criterion.ranks_with, criterion.control
    assert gain is not None
    place = (*where, "ranks_with")
    sides: list[tuple[str, Selection]] = [("over", gain.over), *(("best_of", each) for each in gain.best_of)]
    misnamed = [problem for key, each in sides for problem in misselected(study, each, (*place, key))]
    yield from misnamed
    if gain.measure in MEASURES:
        yield from _not_recorded(study, gain.measure, {each.arm for _, each in sides}, (*place, "measure"))
    if not isinstance(control, Number) or not -1 <= control.value <= 1:
        text = "a rank correlation is compared with a number from −1 to 1; write control: {value: 0, source: …}"
        yield (*where, "control"), text
    for key, usual in (
        ("midpoint", None),
        ("minus", None),
        ("share_at_least", None),
        ("share_at_most", None),
        ("statistic", "mean"),
    ):
        if (given := getattr(criterion, key)) != usual:
            yield (*where, key), f"ranks_with ranks means of cells, and {key} cannot stand beside it, but {given} does"
    if criterion.environments != "each":
        yield (*where, "environments"), "ranks_with ranks cells in all environments; take environments out"
    for name, key in ((criterion.measure, "measure"), (gain.measure, "ranks_with")):
        if name in MEASURES and needs_range(plan, name):
            for env_id, environment in study.environments.items():
                if environment.score_range is None:
                    text = f"{key} {name} is ranked across environments; add score_range: [what is 0, what is 1]"
                    yield ("environments", env_id), text
    if not (wrong or misnamed) and (told := complaint(ranked_cells, plan, criterion)):
        yield place, told


def _against_a_number(plan: Plan, criterion: Criterion, where: Key) -> Iterator[Problem]:
    control = criterion.control
    if criterion.midpoint is not None:
        yield from _midpoint(plan, criterion, criterion.midpoint, where)
        return
    if isinstance(control, Number) and criterion.minus:
        yield (*where, "minus"), "an interaction has an arm on all four sides, but control is a number; take one out"
    if not is_share(criterion):
        return
    if None not in (criterion.share_at_least, criterion.share_at_most):
        yield (*where, "share_at_most"), "share_at_least stands here too; take one of them out"
    if not isinstance(control, Number):
        text = "a share of runs is compared with a number; write control: {value: …, source: …}, or compare the scores"
        yield (*where, "control"), text
    elif not 0 <= control.value <= 1:
        yield (*where, "control", "value"), f"a share must be between 0 and 1, but {control.value:g} was given"
    elif not any(0 < bound < 1 for bound in _bounds(criterion, control.value)):
        bounds = " and ".join(f"{bound:g}" for bound in _bounds(criterion, control.value))
        text = f"no share of runs lies on the other side of {bounds}, so that only one verdict is possible; "
        yield where, text + "number and margin must leave a bound between 0 and 1, without these"
    for key, usual in (("statistic", "mean"), ("environments", "each")):
        given = getattr(criterion, key)
        if given != usual:
            yield (*where, key), f"a share is counted in each environment; {key} must be {usual}, but {given} was given"


def _midpoint(plan: Plan, criterion: Criterion, key: str, where: Key) -> Iterator[Problem]:
    if not MEASURES.get(criterion.measure).yes_or_no:
        text = f"a midpoint is where half of the runs say yes, and {criterion.measure} is no yes or no"
        yield (*where, "measure"), text
    if not isinstance(criterion.control, Number):
        yield (*where, "control"), "a midpoint is compared with a number; write control: {value: …, source: …}"
    for name, usual in (
        ("minus", None),
        ("share_at_least", None),
        ("share_at_most", None),
        ("statistic", "mean"),
        ("environments", "each"),
    ):
        if getattr(criterion, name) != usual:
            yield (*where, name), f"a midpoint has no {name}; take it out"
    for selection in criterion.treatments:
        if key in selection.settings:
            text = f"a midpoint is found among all values of {key}; name {selection.arm} without one"
            yield (*where, "treatment"), text
        values = [variant.settings.get(key) for variant in selected(plan.variants, selection)]
        numbers = {value for value in values if isinstance(value, int | float) and not isinstance(value, bool)}
        if key not in selection.settings and (len(numbers) < 2 or len(numbers) < len(set(map(str, values)))):
            text = f"{selection.arm} must sweep {key} over two or more numbers, but it has {values}"
            yield (*where, "midpoint"), text


def _bounds(criterion: Criterion, number: float) -> list[float]:
    """With what a share is compared: of an equivalence two, of which one is enough to decide either way."""
    sides = {"greater": [1], "not_greater": [1], "less": [-1], "not_less": [-1]}.get(criterion.expect, [-1, 1])
    # 0.7 + 0.3 is 1, and 0.3 − 0.1 − 0.2 is 0, but for rounding.
    return [round(number + side * criterion.margin, 12) for side in sides]


def _figures(study: Study) -> Iterator[Problem]:
    swept = [*study.sweep, *(key for arm in study.arms.values() for key in arm.sweep)]
    criteria = [criterion.name for criterion in (*study.criteria, *study.exhibits)]
    known = {"measure": study.measures, "x": swept, "facet": swept, "criteria": criteria}
    for index, figure in enumerate(study.figures):
        name, options = figure["figure"], {key: value for key, value in figure.items() if key != "figure"}
        if name not in FIGURES:
            yield ("figures", index), unknown("figure", name, FIGURES.keys())
        elif text := complaint(check_options, name, options, known):
            yield ("figures", index), text
