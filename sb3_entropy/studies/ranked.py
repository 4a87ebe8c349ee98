"""A rule about cells: whether a measure ranks them as what there is to gain in them does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import Difference, rank_correlation
from sb3_entropy.studies.criteria import Criterion, Gain, Number, Selection
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.rules import described, number_text
from sb3_entropy.studies.variants import Variant, selected


@dataclass(frozen=True)
class RankedCell:
    """
    One of the cells that are ranked.

    :param environment: where
    :param measured: whose measure it is
    :param over: what the alternatives are compared with
    :param best_of: the alternatives
    """

    environment: str
    measured: Variant
    over: Variant
    best_of: tuple[Variant, ...]


def ranked_cells(plan: Plan, criterion: Criterion) -> list[RankedCell]:
    """
    :param plan: a study's
    :param criterion: a part of its rule, with ``ranks_with``
    :return: every variant of the treatment in every environment, with those that have the same values of what both
        sweep, save what the criterion names
    :raises ValueError: if there is no alternative, or not just one variant that these are compared with
    """
    gain = criterion.ranks_with
    assert gain is not None
    found = []
    for chosen in (each for side in criterion.treatments for each in selected(plan.variants, side)):
        over, *best_of = (_partners(plan, chosen, side) for side in gain.sides)
        if len(over) != 1:
            known = ", ".join(each.label for each in over) or "none"
            raise ValueError(
                f"over: one variant is needed beside {chosen.label}, but {known} is meant; name its values"
            )
        alternatives = tuple(dict.fromkeys(each.label for side in best_of for each in side))
        if not alternatives:
            raise ValueError(f"best_of: no variant has the settings of {chosen.label}; name others")
        by_label = {each.label: each for each in plan.variants}
        for environment in plan.study.environments:
            found.append(RankedCell(environment, chosen, over[0], tuple(by_label[label] for label in alternatives)))
    if len({len(cell.best_of) for cell in found}) > 1:
        raise ValueError("best_of: cells have different numbers of alternatives; name what is swept in some alone")
    return found


def _partners(plan: Plan, chosen: Variant, side: Selection) -> list[Variant]:
    free = side.settings.keys()
    return [
        each
        for each in selected(plan.variants, side)
        if all(each.settings[key] == chosen.settings[key] for key in (each.settings.keys() & chosen.settings) - free)
    ]


def ranked(
    plan: Plan, criterion: Criterion, scores: Callable[[str, str, str], dict[int, float]], margin: float = 0.0
) -> tuple[Difference | None, bool]:
    """
    :param plan: a study's
    :param criterion: a part of its rule, with ``ranks_with``
    :param scores: called with a variant's label, an environment and a measure
    :param margin: what ρ − number is compared with
    :return: ρ of the cells' means minus the number; ``None`` if no seed is finished in all of them. And whether all are
    """
    gain, control, cells = criterion.ranks_with, criterion.control, ranked_cells(plan, criterion)
    assert gain is not None
    assert isinstance(control, Number)
    tables = [_of_cell(plan, cell, criterion.measure, gain, scores) for cell in cells]
    seeds = [seed for seed in plan.study.seeds if all(seed in table for table in tables)]
    if not seeds:
        return None, False
    x = np.array([[table[seed][0] for seed in seeds] for table in tables])
    y = np.array([[table[seed][1] for seed in seeds] for table in tables])
    found = rank_correlation(
        x, y, margin=float(np.clip(control.value + margin, -1, 1)), level=plan.study.level, rng=np.random.default_rng(0)
    )
    moved = Difference(
        found.value - control.value,
        found.low - control.value,
        found.high - control.value,
        found.level,
        found.method,
        found.n,
        found.p_greater,
        found.p_less,
        margin,
    )
    return moved, len(seeds) == len(plan.study.seeds)


def _of_cell(
    plan: Plan, cell: RankedCell, measure: str, gain: Gain, scores: Callable[[str, str, str], dict[int, float]]
) -> dict[int, tuple[float, Sequence[float]]]:
    """By seed the measure, and what each alternative has beyond ``over``; where all of them are finite."""
    width, of_gain = (_width(plan, cell.environment, each) for each in (measure, gain.measure))
    measured = scores(cell.measured.label, cell.environment, measure)
    over = scores(cell.over.label, cell.environment, gain.measure)
    others = [scores(each.label, cell.environment, gain.measure) for each in cell.best_of]
    shared = set(measured).intersection(over, *others)
    found = {
        seed: (measured[seed] / width, [(other[seed] - over[seed]) / of_gain for other in others]) for seed in shared
    }
    return {seed: (x, y) for seed, (x, y) in found.items() if np.isfinite([x, *y]).all()}


def _width(plan: Plan, environment: str, measure: str) -> float:
    """Returns of several environments are compared in units of their score_range."""
    bounds = plan.study.environments[environment].score_range
    return bounds[1] - bounds[0] if needs_range(plan, measure) and bounds is not None else 1.0


def needs_range(plan: Plan, measure: str) -> bool:
    """
    :param plan: a study's
    :param measure: a measure's name
    :return: whether its values in one environment are not those in another
    """
    return len(plan.study.environments) > 1 and MEASURES.get(measure).unit == "return"


def ranking_in_words(criterion: Criterion, level: float) -> str:
    """
    :param criterion: a part of a rule, with ``ranks_with``
    :param level: the confidence level
    :return: the rule as a sentence
    """
    gain, control = criterion.ranks_with, criterion.control
    assert gain is not None
    assert isinstance(control, Number)
    arms = ", ".join(map(described, criterion.treatments))
    best = ", ".join(map(described, gain.best_of))
    margin = f"{criterion.margin:g}"
    than = f"{number_text(control)} ({' '.join(control.source.split())})"
    side, opposite = {
        "greater": (f"more than {margin} above", f"less than {margin} above it"),
        "less": (f"more than {margin} below", f"less than {margin} below it"),
        "not_less": (f"no more than {margin} below", f"more than {margin} below it"),
        "not_greater": (f"no more than {margin} above", f"more than {margin} above it"),
        "equivalent": (f"within ±{margin} of", f"outside ±{margin}"),
    }[criterion.expect]
    if criterion.margin == 0:
        side, opposite = side.replace("more than 0 ", ""), "below it" if criterion.expect == "greater" else "above it"
    return (
        f"Over the variants of {arms} in all environments, Spearman's ρ between the mean {criterion.measure} and the "
        f"mean {gain.measure} that the best of {best} has beyond {described(gain.over)} lies {side} {than}, one-sided "
        f"at {(1 - level) / 2:.1%}, by a bootstrap of cells and seeds. Refuted if it is shown to lie {opposite}."
    )
