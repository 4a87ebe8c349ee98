"""What is wrong with the arms of a study: sweeps that contradict each other, hyperparameters, what cannot be built."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sb3_entropy.environments import find_env
from sb3_entropy.policies.looking import own_randomness
from sb3_entropy.presets.build import UNSUPPORTED, find_algorithm, make_envs, make_model
from sb3_entropy.presets.check import check_preset
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.document import Key, Problem
from sb3_entropy.studies.plan import PlannedRun, Variant, hyperparameters, training_length, variants
from sb3_entropy.studies.schema import SEED_STRIDE
from sb3_entropy.studies.spec import EnvironmentSpec, Study
from sb3_entropy.studies.training import look_at


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


def contradictions(study: Study) -> Iterator[Problem]:
    """
    :param study: a study
    :return: hyperparameters that are swept twice, or swept in one place and fixed in one that is no less specific;
        variants that cannot be told apart
    """
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
    labels = [variant.label for variant in variants(study)]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        yield ("arms",), f"two variants have the name {label!r}; rename an arm"


def _of_arms(study: Study) -> Iterator[Problem]:
    for name, arm in study.arms.items():
        for key in arm.sweep:
            if key in study.sweep:
                text = f"{key} is swept by the study too (the key sweep); take one of them out"
                yield ("arms", name, "sweep", key), text
            if _fixed(arm.hyperparams, key):
                text = f"{key} is swept, and fixed in the arm's hyperparams; take one of them out"
                yield ("arms", name, "sweep", key), text
        for key in study.sweep:
            if _fixed(arm.hyperparams, key):
                text = f"{key} is fixed here, and swept by the study; take one of them out"
                yield ("arms", name, "hyperparams"), text


def _fixed(hyperparams: dict[str, Any], key: str) -> bool:
    value: Any = hyperparams
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def misfits(study: Study) -> Iterator[Problem]:
    """
    :param study: a study
    :return: what is wrong with the hyperparameters of those of its arms and environments that there are; once if it
        stands in a layer that several arms share
    """
    found: list[tuple[Key, str, str, str]] = []
    for variant in variants(study):
        if complaint(find_algorithm, variant.arm.algo):
            continue
        for environment in study.environments.values():
            text = complaint(_check_cell, study, variant, environment)
            if text is None or complaint(find_env, environment.env_id):
                continue
            where = _blamed(study, variant, environment, text)
            if where[0] == "arms":
                found.append((where, variant.label, environment.env_id, f": {text}"))
            else:
                yield where, text
    yield from _told_once(study, found)


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
        (("arms", variant.arm.name, "hyperparams"), variant.arm.hyperparams),
        (("environments", environment.env_id, "hyperparams"), environment.hyperparams),
        (("hyperparams",), study.hyperparams),
    ]
    words = re.findall(r"[A-Za-z_][\w.]*", text)
    for word in words[:8]:
        for where, layer in layers:
            found = next((key for key in layer if key.rpartition(".")[2] == word), None)
            if found is not None:
                return (*where, found)
    if "evaluation" in words[:1]:
        return ("evaluation", "points")
    return ("arms", variant.arm.name)


def _check_cell(study: Study, variant: Variant, environment: EnvironmentSpec) -> None:
    hyperparams = hyperparameters(study, variant, environment)
    for key in UNSUPPORTED:
        if hyperparams.get(key):
            raise ValueError(f"{key} cannot be used in a study. Take it out.")
    timesteps = training_length(study, environment, hyperparams)
    algo = variant.arm.algo
    check_preset(algo, find_algorithm(algo), {**hyperparams, "n_timesteps": timesteps}, "the study")
    if hyperparams.get("n_envs", 1) > SEED_STRIDE:
        raise ValueError(f"n_envs must be at most {SEED_STRIDE}, but {hyperparams['n_envs']} was given.")
    if (points := study.evaluation.points) > timesteps:
        raise ValueError(f"evaluation: points must be at most timesteps, {timesteps}, but {points} was given.")


def unbuildable(study: Study, runs: list[PlannedRun], done: Callable[[list[str]], bool]) -> Iterator[Problem]:
    """
    :param study: a study
    :param runs: those that it plans
    :param done: told the ids of an arm's runs in an environment, whether that arm need not be built
    :return: the arms that cannot be built, or at which a measure cannot look
    """
    cells: dict[tuple[str, str], list[PlannedRun]] = {}
    looked_at: set[tuple[str, str]] = set()
    found: list[tuple[Key, str, str, str]] = []
    for run in runs:
        cells.setdefault((run.variant.label, run.environment), []).append(run)
    for (label, env_id), of_cell in cells.items():
        if done([run.run_id for run in of_cell]):
            continue
        arm = of_cell[0].variant.arm.name
        if text := complaint(_build, of_cell[0], (arm, env_id) not in looked_at):
            found.append((("arms", arm), label, env_id, f" cannot be built: {text}"))
        looked_at.add((arm, env_id))
    yield from _told_once(study, found)


def _build(run: PlannedRun, look: bool) -> None:
    """What every run does before its first step and, of one variant an arm, what its measures do after it."""
    defined = run.definition
    env_id, hyperparams, env_kwargs = defined["environment"], defined["hyperparams"], defined["env_kwargs"]
    observing = {key: MEASURES.get(key) for key in defined["observers"]}
    env = make_envs(env_id, hyperparams, 0, env_kwargs, kind=defined["vec_env"])
    try:
        model = make_model(defined["algorithm"], env, hyperparams, seed=0)
        if look:
            with own_randomness(0):
                observations: Any = env.reset()
                look_at(model, observing, model.policy.obs_to_tensor(observations)[0], 0)
    finally:
        env.close()
    if defined["vec_env"] != "dummy":
        make_envs(env_id, hyperparams, 0, env_kwargs, n_envs=1, evaluation=True).close()
