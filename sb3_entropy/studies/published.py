"""What a source reports of the measures and arms of a study."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sb3_entropy.errors import unknown
from sb3_entropy.studies.document import Key, Problem
from sb3_entropy.studies.plan import Plan

#: what the keys stand for, and which there are
Level = tuple[str, Sequence[str]]


def published_values(plan: Plan) -> dict[tuple[str, str, str], float]:
    """
    :param plan: a study's
    :return: what its source reports, by (measure, environment, variant's label), in the study's order. A number under
        an arm's name is that of all its variants but those that have one of their own
    :raises ValueError: if a number belongs to nothing in the study
    """
    study = plan.study
    if wrong := [*misplaced(plan)]:
        raise study.document.refusal(wrong)
    numbers, several = study.published.numbers, len(study.environments) > 1
    values = {}
    for measure in study.measures:
        for env_id in study.environments:
            by_arm = (numbers.get(env_id, {}) if several else numbers).get(measure, {})
            for variant in plan.variants:
                found = by_arm.get(variant.label, by_arm.get(variant.arm.name))
                if found is not None:
                    values[measure, env_id, variant.label] = float(found)
    return values


def misplaced(plan: Plan) -> Iterator[Problem]:
    """
    :param plan: a study's
    :return: published numbers that belong to no measure, arm or environment of it
    """
    study = plan.study
    arms = list(dict.fromkeys([*study.arms, *(variant.label for variant in plan.variants)]))
    levels: list[Level] = [("measure", study.measures), ("arm", arms)]
    if len(study.environments) > 1:
        levels.insert(0, ("environment", list(study.environments)))
    several = "several environments" if len(study.environments) > 1 else "one environment"
    order = f"In a study with {several} the order is {', '.join(kind for kind, _ in levels)}: number."
    for key, text in _misplaced(study.published.numbers, levels, ("published",)):
        yield key, f"{text} {order}"


def _misplaced(tree: Mapping[str, Any], levels: Sequence[Level], where: Key) -> Iterator[Problem]:
    (kind, known), *below = levels
    for name, inner in tree.items():
        key = (*where, name)
        if name not in known:
            yield key, unknown(f"{kind} of this study", name, known)
        elif isinstance(inner, Mapping) != bool(below):
            yield key, f"must be {f'a mapping by {below[0][0]}' if below else 'a number'}, but {inner!r} was given."
        elif below:
            yield from _misplaced(inner, below, key)
