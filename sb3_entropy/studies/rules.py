"""What the criteria of a rule compare, and how they read."""

import itertools

from sb3_entropy.plots.settings import short
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.criteria import Criterion, Number, Selection
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.variants import Variant, selected, variant_label

POOLED = "all"
_REFUTED = {
    "greater": "less than {margin}",
    "less": "greater than −{margin}",
    "not_less": "less than −{margin}",
    "not_greater": "greater than {margin}",
    "equivalent": "outside ±{margin}",
}

#: treatment; treatment and control; or both and what is subtracted from their difference, again treatment and control
Compared = tuple[Variant, ...]


def compared(plan: Plan, criterion: Criterion) -> list[Compared]:
    """
    :param plan: a study's
    :param criterion: a part of its rule
    :return: every variant of the treatment with every variant of the control, and of the pair that is subtracted, that
        has the same values of the hyperparameters that both sweep, save those for which the criterion names a value on
        both sides; alone where the control is a number; of a midpoint all that differ in its hyperparameter alone
    """
    if criterion.midpoint is not None:
        return _curves(plan, criterion, criterion.midpoint)
    control, minus = criterion.control, criterion.minus or ()
    found: dict[tuple[str, ...], Compared] = {}
    for selection in criterion.treatments:
        sides = (selection, *([] if isinstance(control, Number) else [control]), *minus)
        for chosen in itertools.product(*(selected(plan.variants, side) for side in sides)):
            labels = tuple(variant.label for variant in chosen)
            trivial = labels[:1] == labels[1:2] or labels[:2] == labels[2:] or labels[2:3] == labels[3:] != ()
            if not trivial and _agree(sides, chosen):
                found[labels] = chosen
    return list(found.values())


def _curves(plan: Plan, criterion: Criterion, key: str) -> list[Compared]:
    """A dose–response curve each, by rising doses."""
    curves: dict[str, list[Variant]] = {}
    for selection in criterion.treatments:
        for variant in selected(plan.variants, selection):
            if key in variant.settings:
                rest = {name: value for name, value in variant.settings.items() if name != key}
                curves.setdefault(variant_label(variant.arm.name, rest), []).append(variant)
    return [tuple(sorted(curve, key=lambda variant: float(variant.settings[key]))) for curve in curves.values()]


def _agree(sides: tuple[Selection, ...], chosen: Compared) -> bool:
    """Whether all have equal values of what they sweep, save what is named on both sides, or in both pairs."""
    named = [side.settings.keys() for side in sides]
    pairs = [set().union(*named[:2]), set().union(*named[2:])]
    for first, second in itertools.combinations(range(len(sides)), 2):
        one, another = chosen[first].settings, chosen[second].settings
        free = named[first] & named[second] if first // 2 == second // 2 else pairs[0] & pairs[1]
        if any(one[key] != another[key] for key in (one.keys() & another.keys()) - free):
            return False
    return True


def is_share(criterion: Criterion) -> bool:
    """
    :param criterion: a part of a rule
    :return: whether it is about the share of runs that pass, which can be judged exactly: it says from where on they
        do, or the measure is a yes or a no, and the control is a number
    """
    if criterion.midpoint is not None or criterion.ranks_with is not None:
        return False
    stated = criterion.share_at_least is not None or criterion.share_at_most is not None
    return stated or (isinstance(criterion.control, Number) and MEASURES.get(criterion.measure).yes_or_no)


def number_text(number: Number) -> str:
    """
    :param number: what runs are compared with
    :return: e.g. ``−0.307``
    """
    return f"{number.value:g}".replace("-", "−")


def rule_in_words(criterion: Criterion, level: float) -> str:
    """
    :param criterion: a part of a rule
    :param level: the confidence level
    :return: the rule as a sentence
    """
    control, minus = criterion.control, criterion.minus
    *others, last = map(described, criterion.treatments)
    treatment = f"each of {', '.join(others)} and {last}" if others else last
    what = f"{_quantity(criterion)} of {treatment}"
    if isinstance(control, Number):
        than = f"{number_text(control)} ({' '.join(control.source.split())})"
    elif minus is None:
        than = f"that of {described(control)}"
    elif criterion.statistic == "mean":
        what += f", minus that of {described(control)},"
        than = f"the same difference between {described(minus[0])} and {described(minus[1])}"
    else:  # it is no difference of the arms' own statistics, as that of means is
        what = f"the {criterion.statistic} of the seed-by-seed differences in {criterion.measure} between {treatment}"
        what += f" and {described(control)}"
        than = f"that of the differences between {described(minus[0])} and {described(minus[1])}"
    margin = f"{criterion.margin:g}"
    one_sided = f"one-sided at {(1 - level) / 2:.1%}"
    if criterion.expect == "equivalent":
        expected = f"{what} is within ±{margin} of {than}"
        risk = f"two one-sided tests at {(1 - level) / 2:.1%} each"
    elif criterion.expect.startswith("not"):
        direction = "below" if criterion.expect == "not_less" else "above"
        expected, risk = f"{what} lies no more than {margin} {direction} {than}", one_sided
    else:
        direction = "above" if criterion.expect == "greater" else "below"
        amount = f"more than {margin} " if criterion.margin else ""
        expected, risk = f"{what} lies {amount}{direction} {than}", one_sided
    opposite = _REFUTED[criterion.expect].format(margin=margin)
    if criterion.margin == 0:
        opposite = opposite.replace("−0", "0")
    where = "on normalised scores of all environments together" if criterion.environments == POOLED else ""
    paired = "by the exact binomial test" if is_share(criterion) else ""
    paired = "by profile likelihood of a logistic curve" if criterion.midpoint is not None else paired
    paired = paired or ("" if isinstance(control, Number) else "paired by seed")
    parts = [expected, where, f"in {criterion.require} of the comparisons", paired, f"{risk} after Holm"]
    sentence = ", ".join(part for part in parts if part)
    return f"{sentence[0].upper()}{sentence[1:]}. Refuted if the difference is shown to be {opposite}."


def _quantity(criterion: Criterion) -> str:
    if criterion.midpoint is not None:
        return f"the {short(criterion.midpoint)} at which half of the runs say yes to {criterion.measure}"
    if criterion.share_at_least is not None:
        return f"the share of runs with {criterion.measure} of at least {criterion.share_at_least:g}"
    if criterion.share_at_most is not None:
        return f"the share of runs with {criterion.measure} of at most {criterion.share_at_most:g}"
    kind = "share of runs with" if is_share(criterion) else criterion.statistic
    return f"the {kind} {criterion.measure}"


def described(selection: Selection) -> str:
    """
    :param selection: some variants of an arm
    :return: what they are called in a sentence
    """
    return f"“{variant_label(selection.arm, selection.settings)}”"
