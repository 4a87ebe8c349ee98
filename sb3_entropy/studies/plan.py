"""From a study to its runs: arms × swept values × environments × seeds."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sb3_entropy.environments import full_id, import_packages, package_of
from sb3_entropy.errors import check_number
from sb3_entropy.plots.settings import short, text_of
from sb3_entropy.presets.library import gather_presets, preset_files
from sb3_entropy.presets.stand_ins import preset_for
from sb3_entropy.studies.identity import PROTOCOL, behaviour, behaviours, observers, run_id, versions
from sb3_entropy.studies.spec import ArmSpec, EnvironmentSpec, Study

#: measures that look at every run, whichever the study names
ALWAYS_OBSERVED = ("entropy", "outside_box")


@dataclass(frozen=True)
class Variant:
    """
    An arm with one value for every hyperparameter that is swept.

    :param label: its name in figures, e.g. ``sppo, ent_coef=0.3``
    :param arm: the arm
    :param settings: the swept values
    """

    label: str
    arm: ArmSpec
    settings: dict[str, Any]


@dataclass(frozen=True)
class PlannedRun:
    """
    A run before it is done.

    :param variant: what is trained
    :param environment: on what
    :param seed: the seed's number in the study
    :param definition: plain data that determine the run's numbers
    :param run_id: the definition's hash
    """

    variant: Variant
    environment: str
    seed: int
    definition: dict[str, Any]
    run_id: str


def variants(study: Study) -> list[Variant]:
    """
    :param study: a study
    :return: its arms with every combination of swept values, the study's sweep first
    """
    cells = [(arm, settings) for arm in study.arms.values() for settings in _combinations({**study.sweep, **arm.sweep})]
    labels = [variant_label(arm.name, settings) for arm, settings in cells]
    in_full = [variant_label(arm.name, settings, brief=False) for arm, settings in cells]
    return [
        Variant(label if labels.count(label) == 1 else full, arm, settings)
        for label, full, (arm, settings) in zip(labels, in_full, cells, strict=True)
    ]


def variant_label(name: str, settings: Mapping[str, Any], brief: bool = True) -> str:
    """
    :param name: an arm's name
    :param settings: swept values by hyperparameter
    :param brief: whether a mapping is told by its values, and a long list by its ends
    :return: e.g. ``sppo, ent_coef=0.3, gamma=0.9``
    """
    told = text_of if brief else str
    return ", ".join([name, *(f"{short(key)}={told(value)}" for key, value in settings.items())])


def _combinations(sweep: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*sweep.values()):
        yield dict(zip(sweep, values, strict=True))


def plan(study: Study) -> list[PlannedRun]:
    """
    :param study: a checked study
    :return: its runs, seed by seed, so that all arms grow evenly
    :raises ValueError: if a preset or an environment is missing
    """
    cells = [
        (variant, environment.env_id, definition(study, variant, environment))
        for environment in study.environments.values()
        for variant in variants(study)
    ]
    planned = []
    for seed in study.seeds:
        for variant, env_id, common in cells:
            complete = {**common, "seed": seed}
            planned.append(PlannedRun(variant, env_id, seed, complete, run_id(complete)))
    return planned


def definition(study: Study, variant: Variant, environment: EnvironmentSpec) -> dict[str, Any]:
    """
    :param study: a study
    :param variant: one of its variants
    :param environment: one of its environments
    :return: what determines the numbers of its runs, but for the seed
    :raises ValueError: if a preset or the environment is missing, or nobody says how long to train
    """
    import_packages(study.packages)
    asked = asked_for(study, variant, environment)
    raised = behaviours(variant.arm.algo, asked["hyperparams"])
    return {
        "protocol": PROTOCOL,
        "behaviour": behaviour(variant.arm.algo),
        **({"behaviours": raised} if raised else {}),
        **asked,
        "observers": observers({*ALWAYS_OBSERVED, *study.measures}),
        "versions": versions(variant.arm.algo, environment.env_id, asked["hyperparams"], study.vec_env),
    }


def asked_for(study: Study, variant: Variant, environment: EnvironmentSpec) -> dict[str, Any]:
    """
    :param study: a study
    :param variant: one of its variants
    :param environment: one of its environments
    :return: the part of the definition that the study's YAML states, whatever is installed here
    :raises ValueError: if a preset is missing, or nobody says how long to train
    """
    hyperparams = hyperparameters(study, variant, environment)
    timesteps = training_length(study, environment, hyperparams)
    hyperparams.pop("n_timesteps", None)
    return {
        "algorithm": variant.arm.algo,
        "environment": full_id(environment.env_id),
        "env_kwargs": environment.env_kwargs,
        "vec_env": study.vec_env,
        "hyperparams": hyperparams,
        "timesteps": timesteps,
        "evaluation": {key: sorted(value) if isinstance(value, tuple) else value for key, value in study.evaluation},
    }


def packages(study: Study) -> tuple[str, ...]:
    """
    :param study: a study
    :return: the modules that register its environments: those that it names, and those that the ids name
    """
    return tuple(
        dict.fromkeys([*study.packages, *(name for env_id in study.environments for name in package_of(env_id))])
    )


def training_length(study: Study, environment: EnvironmentSpec, hyperparams: Mapping[str, Any]) -> int:
    """
    :param study: a study
    :param environment: one of its environments
    :param hyperparams: an arm's, with a preset's ``n_timesteps`` if it has one
    :return: environment steps a run
    :raises TypeError: if it is no number
    :raises ValueError: if nobody says it, or it is not whole
    """
    timesteps = environment.timesteps or study.timesteps or hyperparams.get("n_timesteps")
    if not timesteps:
        raise ValueError(
            f"timesteps is missing for {environment.env_id}, and no preset says how long to train there. Add the key "
            "timesteps to the study or to the environment."
        )
    check_number("n_timesteps", timesteps, low=1)
    if timesteps % 1:
        raise ValueError(f"n_timesteps must be a whole number, but {timesteps!r} was given.")
    return int(timesteps)


def hyperparameters(study: Study, variant: Variant, environment: EnvironmentSpec) -> dict[str, Any]:
    """
    :param study: a study
    :param variant: one of its variants
    :param environment: one of its environments
    :return: the preset's values, under the study's, under the environment's, under the arm's, under the swept ones
    :raises ValueError: if there is no such preset, or it has no entry for the environment
    """
    stated: dict[str, Any] = {}
    for layer in (study.hyperparams, environment.hyperparams, variant.arm.hyperparams):
        stated = _overlaid(stated, layer)
    merged: dict[str, Any] = {"policy": "MlpPolicy"}
    if variant.arm.preset is not None:
        merged = _overlaid(merged, _preset(study, variant.arm, environment, stated))
    merged = _overlaid(merged, stated)
    for key, value in variant.settings.items():
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        merged = _overlaid(merged, nested)
    return merged


def _preset(study: Study, arm: ArmSpec, environment: EnvironmentSpec, stated: Mapping[str, Any]) -> dict[str, Any]:
    assert arm.preset is not None
    if arm.preset.endswith((".yml", ".yaml")):
        files: list[Path | str] = [arm.preset]
    else:
        files = [*preset_files(arm.algo if arm.preset == "own" else arm.preset)]
    import_packages(study.packages)
    presets, _ = gather_presets(files)
    return preset_for(presets, environment.env_id, str(files[0]), stated, environment.env_kwargs)[1]


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged; anything else replaces what was there."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _overlaid(merged[key], value) if both else value
    return merged
