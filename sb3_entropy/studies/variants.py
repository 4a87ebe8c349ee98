"""A study's variants: its arms with one value for every hyperparameter that is swept."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sb3_entropy.plots.settings import short, text_of
from sb3_entropy.studies.criteria import Selection
from sb3_entropy.studies.spec import Arm, Study


@dataclass(frozen=True)
class Variant:
    """
    An arm with one value for every hyperparameter that is swept.

    :param label: its name in figures, e.g. ``sppo, ent_coef=0.3``
    :param arm: the arm
    :param settings: the swept values
    """

    label: str
    arm: Arm
    settings: dict[str, Any]


def variants(study: Study) -> tuple[Variant, ...]:
    """
    :param study: a study
    :return: its arms with every combination of swept values, the study's sweep first
    """
    cells = [(arm, settings) for arm in study.arms.values() for settings in _combinations({**study.sweep, **arm.sweep})]
    labels = [variant_label(arm.name, settings) for arm, settings in cells]
    in_full = [variant_label(arm.name, settings, brief=False) for arm, settings in cells]
    return tuple(
        Variant(label if labels.count(label) == 1 else full, arm, settings)
        for label, full, (arm, settings) in zip(labels, in_full, cells, strict=True)
    )


def variant_label(name: str, settings: Mapping[str, Any], brief: bool = True) -> str:
    """
    :param name: an arm's name
    :param settings: swept values by hyperparameter
    :param brief: whether a mapping is told by its values, and a long list by its ends
    :return: e.g. ``sppo, ent_coef=0.3, gamma=0.9``
    """
    told = text_of if brief else str
    return ", ".join([name, *(f"{short(key)}={told(value)}" for key, value in settings.items())])


def selected(among: Sequence[Variant], selection: Selection) -> list[Variant]:
    """
    :param among: a study's variants
    :param selection: which of them
    :return: those of its arm that have its values
    """
    return [
        variant
        for variant in among
        if variant.arm.name == selection.arm
        and all(variant.settings.get(key) == value for key, value in selection.settings.items())
    ]


def _combinations(sweep: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*sweep.values()):
        yield dict(zip(sweep, values, strict=True))
