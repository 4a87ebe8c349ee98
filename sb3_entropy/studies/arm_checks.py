"""What is wrong with the arms of a study: sweeps that contradict each other, hyperparameters, what cannot be built."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sb3_entropy.environments import find_env
from sb3_entropy.errors import unknown
from sb3_entropy.presets.build import find_algorithm
from sb3_entropy.studies.criteria import Selection
from sb3_entropy.studies.document import Key, Problem
from sb3_entropy.studies.plan import Plan, PlannedRun, job_of
from sb3_entropy.studies.spec import Arm, EnvironmentSpec, Study, TrainArm
from sb3_entropy.studies.variants import Variant


def complaint(check: Callable[..., Any], *arguments: Any) -> str | None:
    """
    :param check: raises if something is wrong with its arguments
    :return: what is wrong, as the check itself says it; anything that a third party's code raises counts
    """
    try:
        check(*arguments)
    except Exception as error:
        text = str(error) or type(error).__name__
        ours = isinstance(error, (ValueError, TypeError, FileNotFoundError))
        return text if ours else f"{type(error).__name__}: {text}"
    return None


def contradictions(plan: Plan) -> Iterator[Problem]:
    """
    :param plan: a study's
    :return: hyperparameters that are swept twice, or swept in one place and fixed in one that is no less specific;
        variants that cannot be told apart
    """
    study = plan.study
    yield from _of_arms(study)
    for key in study.sweep:
        if _fixed(study.hyperparams, key):
            yield ("sweep", key), f"{key} is swept, and fixed in the study's hyperparams; take one of them out"
    swept = {**study.sweep, **{key: values for arm in study.arms.values() for key, values in arm.sweep.items()}}
    for key in swept:
        for inner in swept:
            if inner.startswith(f"{key}."):
                yield ("sweep", inner), f"{inner} is swept, and {key} as a whole too; take one of them out"
        for env_id, environment in study.environments.items():
            if _fixed(environment.hyperparams, key):
                text = f"{key} is fixed for this environment, and swept; take one of them out"
                yield ("environments", env_id, "hyperparams"), text
    labels = [variant.label for variant in plan.variants]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        yield ("arms",), f"two variants have the name {label!r}; rename an arm"


def _of_arms(study: Study) -> Iterator[Problem]:
    for name, arm in study.arms.items():
        given = study.document.values["arms"][name]
        fixed = {**given, **given.get("hyperparams", {})}
        for key in arm.sweep:
            if key in study.sweep:
                text = f"{key} is swept by the study too (the key sweep); take one of them out"
                yield ("arms", name, "sweep", key), text
            if _fixed(fixed, key):
                text = f"{key} is swept, and fixed in the arm's hyperparams; take one of them out"
                yield ("arms", name, "sweep", key), text
        for key in study.sweep:
            if _fixed(fixed, key):
                text = f"{key} is fixed here, and swept by the study; take one of them out"
                yield ("arms", name, "hyperparams"), text


def _fixed(hyperparams: dict[str, Any], key: str) -> bool:
    value: Any = hyperparams
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def misfits(plan: Plan) -> Iterator[Problem]:
    """
    :param plan: a study's
    :return: what is wrong with the hyperparameters of those of its arms and environments that there are; once if it
        stands in a layer that several arms share
    """
    study, found = plan.study, list[tuple[Key, str, str, str]]()
    for cell in plan.cells:
        variant, environment, kind = cell.variant, cell.environment, job_of(cell.variant.arm)
        if isinstance(variant.arm, TrainArm) and complaint(find_algorithm, variant.arm.algo):
            continue
        text = complaint(kind().check, cell)
        if text is None:
            yield from _unmet(plan, variant, environment)
        if text is None or (kind.in_gymnasium and complaint(find_env, environment.env_id)):
            continue
        where = _blamed(study, variant, environment, text)
        if where[0] == "arms":
            found.append((where, variant.label, environment.env_id, f": {text}"))
        else:
            yield where, text
    yield from _told_once(study, found)


def _unmet(plan: Plan, variant: Variant, environment: EnvironmentSpec) -> Iterator[Problem]:
    """What is wrong with the arms that a variant needs, in words that are the same for all variants of its arm."""
    text = complaint(plan.inputs_of, variant)
    if text is None:
        return
    study, arm, wrong = plan.study, variant.arm, list[Problem]()
    job = job_of(arm)()
    for key in job.needs if complaint(job.settings_of, variant) is None else ():
        asked: Selection = getattr(job.settings_of(variant), key)
        where = _blamed(study, variant, environment, key)
        wrong += misselected(study, asked, where, [*study.arms][: [*study.arms].index(arm.name)])
        if asked.arm in study.arms:
            chosen = {name: variant.settings[name] for name in plan.choosing(variant) if name not in asked.settings}
            wrong += misselected(study, Selection(arm=asked.arm, **chosen), ("arms", arm.name, "sweep"))
    yield from wrong or [(_blamed(study, variant, environment, text), text)]


def misselected(
    study: Study, selection: Selection, where: Key, among: Iterable[str] | None = None
) -> Iterator[Problem]:
    """
    :param study: a study
    :param selection: some variants of one of its arms, as its YAML asks for them
    :param where: the place that asks
    :param among: the arms that it may ask for; all if ``None``
    :return: an arm that there is not, a hyperparameter that is not swept, or not with that value
    """
    known = [*study.arms] if among is None else [*among]
    if selection.arm not in known:
        kind = "arm above it" if selection.arm in study.arms else "arm"
        yield where, unknown(kind, selection.arm, known)
        return
    sweep = {**study.sweep, **study.arms[selection.arm].sweep}
    for key, value in selection.settings.items():
        if key not in sweep:
            yield (*where, key), unknown("swept hyperparameter", key, sweep)
        elif value not in sweep[key]:
            yield (*where, key), f"{value!r} is not swept. Swept: {', '.join(map(str, sweep[key]))}."


def _told_once(study: Study, mistakes: Iterable[tuple[Key, str, str, str]]) -> Iterator[Problem]:
    """What is wrong with a variant in several environments is one problem; of each: key, variant, environment, what."""
    where: dict[tuple[Key, str, str], list[str]] = {}
    for key, label, env_id, text in mistakes:
        where.setdefault((key, label, text), []).append(env_id)
    for (key, label, text), env_ids in where.items():
        every = len(env_ids) == len(study.environments) > 1
        yield key, f"{label} in {'every environment' if every else ', '.join(env_ids)}{text}"


def _blamed(study: Study, variant: Variant, environment: EnvironmentSpec, text: str) -> Key:
    """The layer that holds the key of which the message speaks, the uppermost first."""
    layers: list[tuple[Key, Mapping[str, Any]]] = [
        (("arms", variant.arm.name, "sweep"), {**variant.arm.sweep}),
        (("sweep",), study.sweep),
        *_own_layers(study, variant),
        (("environments", environment.env_id, "hyperparams"), environment.hyperparams),
        (("hyperparams",), study.hyperparams),
    ]
    words = re.findall(r"[A-Za-z_][\w.]*", text)
    for word in words[:8]:
        for where, layer in layers:
            found = next((key for key in layer if word in (key, key.rpartition(".")[2])), None)
            if found is not None:
                return (*where, found)
    if "evaluation" in words[:1]:
        return ("evaluation", "points")
    return ("arms", variant.arm.name)


def _own_layers(study: Study, variant: Variant) -> list[tuple[Key, Mapping[str, Any]]]:
    where = ("arms", variant.arm.name)
    if isinstance(variant.arm, TrainArm):
        return [((*where, "hyperparams"), variant.arm.hyperparams)]
    given = study.document.values["arms"][variant.arm.name]
    # of the kind alone: a message may well speak of a job or a sweep
    return [(where, {key: value for key, value in given.items() if key not in Arm.keys_and_meanings()})]


def unbuildable(plan: Plan, done: Callable[[list[str]], bool]) -> Iterator[Problem]:
    """
    :param plan: a study's
    :param done: told the ids of an arm's runs in an environment, whether that arm need not be built
    :return: the arms that cannot be built, or at which a measure cannot look
    """
    cells: dict[tuple[str, str], list[PlannedRun]] = {}
    looked_at: set[tuple[str, str]] = set()
    found: list[tuple[Key, str, str, str]] = []
    for run in plan.runs:
        cells.setdefault(run.place, []).append(run)
    for (label, env_id), of_cell in cells.items():
        if done([run.run_id for run in of_cell]):
            continue
        arm = of_cell[0].variant.arm.name
        look = (arm, env_id) not in looked_at
        if text := complaint(of_cell[0].job().build, of_cell[0].definition, look):
            found.append((("arms", arm), label, env_id, f" cannot be built: {text}"))
        looked_at.add((arm, env_id))
    yield from _told_once(plan.study, found)
