"""What a study says of a training: presets, and layers of hyperparameters over one another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sb3_entropy.environments import import_packages
from sb3_entropy.errors import check_number
from sb3_entropy.presets.library import gather_presets, preset_files
from sb3_entropy.presets.stand_ins import preset_for
from sb3_entropy.studies.spec import EnvironmentSpec, Study, TrainArm
from sb3_entropy.studies.variants import Variant


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
    arm, stated = variant.arm, dict[str, Any]()
    assert isinstance(arm, TrainArm)
    for layer in (study.hyperparams, environment.hyperparams, arm.hyperparams):
        stated = overlaid(stated, layer)
    merged: dict[str, Any] = {"policy": "MlpPolicy"}
    if arm.preset is not None:
        merged = overlaid(merged, _preset(study, arm, environment, stated))
    return with_swept(overlaid(merged, stated), variant.settings)


def environment_settings(trained: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """
    :param trained: hyperparameters of a training, whose ``env_kwargs`` a preset or a sweep may have given
    :param over: the settings that the study gives the environment, which go over these
    :return: the settings of the environment that it was trained in
    """
    return {**(trained.get("env_kwargs") or {}), **over}


def with_swept(values: Mapping[str, Any], swept: Mapping[str, Any]) -> dict[str, Any]:
    """
    :param values: settings
    :param swept: values by dotted key, e.g. ``policy_kwargs.std_scheme``
    :return: the settings with these over them
    """
    merged = dict(values)
    for key, value in swept.items():
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        merged = overlaid(merged, nested)
    return merged


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """:return: both together: mappings are merged, anything else of ``above`` replaces what was below"""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = overlaid(merged[key], value) if both else value
    return merged


def _preset(study: Study, arm: TrainArm, environment: EnvironmentSpec, stated: Mapping[str, Any]) -> dict[str, Any]:
    assert arm.preset is not None
    if arm.preset.endswith((".yml", ".yaml")):
        files: list[Path | str] = [arm.preset]
    else:
        files = [*preset_files(arm.algo if arm.preset == "own" else arm.preset)]
    import_packages(study.packages)
    presets, _ = gather_presets(files)
    return preset_for(presets, environment.env_id, str(files[0]), stated, environment.env_kwargs)[1]
