"""A study as it stands in its YAML: a claim, the runs that test it, and the rule that decides it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sb3_entropy.studies.document import Document, parse_document, read_document

DEFAULT_POINTS = 20
DEFAULT_EPISODES = 10
DEFAULT_LEVEL = 0.95


@dataclass(frozen=True)
class EnvironmentSpec:
    """
    An environment of a study.

    :param env_id: Gymnasium's id
    :param env_kwargs: its settings
    :param hyperparams: hyperparameters of every arm in this environment
    :param timesteps: environment steps a run; the study's if ``None``
    :param score_range: what counts as 0 and as 1 where scores of several environments are put together
    """

    env_id: str
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    hyperparams: dict[str, Any] = field(default_factory=dict)
    timesteps: int | None = None
    score_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class ArmSpec:
    """
    One of the things that are compared.

    :param name: its name in figures
    :param algo: the algorithm's key
    :param preset: whose preset is the basis: ``"own"``, another algorithm's key, or the path of a YAML; ``None``: none
    :param hyperparams: what goes over the preset and the study's hyperparameters
    :param sweep: values by hyperparameter: one variant of the arm for every combination
    """

    name: str
    algo: str
    preset: str | None = None
    hyperparams: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationSpec:
    """
    When and how a policy is evaluated during training.

    :param points: how many evaluations, evenly spaced, the last after the last update
    :param episodes: episodes an evaluation and mode
    :param modes: ``"deterministic"``, ``"stochastic"`` or both
    :param log: keys of the training's log to keep at these points
    """

    points: int = DEFAULT_POINTS
    episodes: int = DEFAULT_EPISODES
    modes: tuple[str, ...] = ("deterministic", "stochastic")
    log: tuple[str, ...] = ("train/ent_coef",)


@dataclass(frozen=True)
class Selection:
    """
    Some variants of an arm.

    :param arm: the arm's name
    :param settings: the values of swept hyperparameters that they have; all values of those not named
    """

    arm: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Number:
    """
    A number with which runs are compared, taken to be known exactly.

    :param value: the number, in the measure's unit; a share of runs where shares are compared
    :param source: who says it, and of what
    """

    value: float
    source: str


@dataclass(frozen=True)
class Criterion:
    """
    A part of the rule that decides a claim: a difference that is expected, treatment minus control.

    Every variant of the treatment is compared with the variant of the control that has the same values of the
    hyperparameters that both sweep, in every environment; seeds are paired. Against a number there is nothing to pair.

    :param measure: the measure's name
    :param treatments: what is claimed to differ, the key ``treatment``: one or several
    :param control: from what: an arm, or a number
    :param expect: ``"greater"``, ``"less"``, ``"not_less"``, ``"not_greater"`` or ``"equivalent"``, in the YAML also
        ``within``
    :param margin: for ``"greater"`` and ``"less"`` the least difference that counts, else the greatest that does not
    :param minus: treatment and control of another pair, whose difference is subtracted: an interaction
    :param share_at_least: compare the share of runs that score at least this with a number; no share if ``None``
    :param share_at_most: the same of runs that score at most this
    :param statistic: ``"mean"`` or ``"iqm"``
    :param environments: ``"each"``, or ``"all"``: normalised scores of all of them together
    :param require: whether ``"all"`` comparisons must agree or ``"any"`` one is enough
    :param name: what it is called in the report
    """

    measure: str
    treatments: tuple[Selection, ...]
    control: Selection | Number
    expect: str
    margin: float = 0.0
    minus: tuple[Selection, Selection] | None = None
    share_at_least: float | None = None
    share_at_most: float | None = None
    statistic: str = "mean"
    environments: str = "each"
    require: str = "all"
    name: str = ""


@dataclass(frozen=True)
class Change:
    """
    What was changed after the runs had been seen.

    :param why: what was changed, and why
    :param claim: the claim as it stood before; empty if it stood as it does
    :param criteria: the key ``decision``: the rule as it stood before; empty if it stood as it does
    """

    why: str
    claim: str = ""
    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True)
class Published:
    """
    What the source itself reports.

    :param note: how it came by its numbers
    :param numbers: by measure and arm or, in a study with several environments, by environment, measure and arm
    """

    note: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """
    A study. Its fields are the keys of its YAML.

    :param name: the file's name without its ending
    :param document: the YAML, for messages and for the report
    :param criteria: the key ``decision``: the rule; the claim holds if all of them do
    :param exhibits: the key ``also``: comparisons that are reported and decide nothing
    :param published: the source's numbers, which are reported beside ours and decide nothing
    :param changes: the key ``changed``: what was changed after the runs, the oldest first; judged beside the rule as it
        stands, and decides nothing
    :param packages: modules that register environments when they are imported
    """

    name: str
    claim: str
    source: str
    environments: dict[str, EnvironmentSpec]
    seeds: tuple[int, ...]
    arms: dict[str, ArmSpec]
    criteria: tuple[Criterion, ...]
    document: Document
    exhibits: tuple[Criterion, ...] = ()
    published: Published = Published()
    changes: tuple[Change, ...] = ()
    question: str = ""
    remarks: str = ""
    finding: str = ""
    vec_env: str = "dummy"
    timesteps: int | None = None
    evaluation: EvaluationSpec = EvaluationSpec()
    hyperparams: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, list[Any]] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    figures: tuple[dict[str, Any], ...] = ()
    level: float = DEFAULT_LEVEL
    packages: tuple[str, ...] = ()


def read_study(path: Path) -> Study:
    """
    :param path: a YAML file
    :return: the study. Whether it can be run is another question: :func:`~sb3_entropy.studies.check.check_study`
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is not YAML, or a key is unknown, missing or of a wrong type
    """
    return _study(path.stem, read_document(path))


def parse_study(name: str, text: str, origin: str) -> Study:
    """
    :param name: the study's name
    :param text: its YAML
    :param origin: where that comes from, for messages
    :return: the study
    :raises ValueError: if it is not YAML, or a key is unknown, missing or of a wrong type
    """
    return _study(name, parse_document(text, origin))


def _study(name: str, document: Document) -> Study:
    values = dict(document.values)
    environments = values.pop("environments")
    if isinstance(environments, list):
        environments = dict.fromkeys(environments)
    seeds = values.pop("seeds")
    figures = values.pop("figures", ["learning_curves", "differences"])
    criteria, exhibits = _criteria(values.pop("decision")), _criteria(values.pop("also", []))
    changes = tuple(
        Change(change["why"], change.get("claim", ""), _criteria(change.get("decision", [])))
        for change in values.pop("changed", [])
    )
    compared = (*criteria, *exhibits, *(criterion for change in changes for criterion in change.criteria))
    measures = values.pop("measures", [])
    return Study(
        name=name,
        document=document,
        environments={env_id: _environment(env_id, given or {}) for env_id, given in environments.items()},
        seeds=tuple(map(int, seeds)) if isinstance(seeds, list) else tuple(range(int(seeds))),
        arms={arm: ArmSpec(arm, **given) for arm, given in values.pop("arms").items()},
        criteria=criteria,
        exhibits=exhibits,
        published=_published(values.pop("published", {})),
        evaluation=_evaluation(values.pop("evaluation", {})),
        changes=changes,
        measures=tuple(dict.fromkeys([*measures, *(criterion.measure for criterion in compared)])),
        figures=tuple({"figure": figure} if isinstance(figure, str) else dict(figure) for figure in figures),
        timesteps=int(values.pop("timesteps")) if "timesteps" in values else None,
        packages=tuple(values.pop("packages", [])),
        **values,
    )


def _environment(env_id: str, given: dict[str, Any]) -> EnvironmentSpec:
    values = dict(given)
    if "score_range" in values:
        low, high = values["score_range"]
        values["score_range"] = (float(low), float(high))
    if "timesteps" in values:
        values["timesteps"] = int(values["timesteps"])
    return EnvironmentSpec(env_id, **values)


def _evaluation(given: dict[str, Any]) -> EvaluationSpec:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else int(value) for key, value in given.items()
    }
    return EvaluationSpec(**values)


def _criteria(given: list[dict[str, Any]]) -> tuple[Criterion, ...]:
    return tuple(_criterion(criterion) for criterion in given)


def _criterion(given: dict[str, Any]) -> Criterion:
    values = dict(given)
    name = values.pop("name", f"{values['measure']} {values['expect']}")
    treatment, control, minus = values.pop("treatment"), values.pop("control"), values.pop("minus", None)
    # "within ±margin of" is what is said of a number, "equivalent" of two arms.
    expect = values.pop("expect").replace("within", "equivalent")
    return Criterion(
        name=name,
        treatments=tuple(_selection(each) for each in (treatment if isinstance(treatment, list) else [treatment])),
        control=Number(float(control["value"]), control["source"]) if _is_number(control) else _selection(control),
        minus=(_selection(minus["treatment"]), _selection(minus["control"])) if minus else None,
        expect=expect,
        **values,
    )


def _is_number(control: str | dict[str, Any]) -> bool:
    return isinstance(control, dict) and "arm" not in control


def _published(given: dict[str, Any]) -> Published:
    numbers = dict(given)
    return Published(numbers.pop("note", ""), numbers)


def _selection(given: str | dict[str, Any]) -> Selection:
    if isinstance(given, str):
        return Selection(given)
    settings = dict(given)
    return Selection(settings.pop("arm"), settings)
