"""Sweeps that contradict each other, or what is fixed."""

from collections.abc import Iterator
from typing import Any

from sb3_entropy.studies.document import Problem
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import Study


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
