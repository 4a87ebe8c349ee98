"""What can be said of a landscape of Q."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sb3_entropy.landscape.q.found import QLandscape


def sentences_of(found: "QLandscape") -> list[str]:
    """
    :param found: a landscape
    :return: what can be said of it, with the numbers that it rests on
    """
    return [*_on_gaps(found), *_on_states(found), *_on_surfaces(found), *_on_planes(found)]


def _on_gaps(found: "QLandscape") -> Iterator[str]:
    if found.gaps is None:
        yield "There are no soft critics of this policy: plain Q alone is drawn."
        return
    numbers, each = found.numbers(), found.by_state
    for name, gap, share, width in zip(
        found.states.names, found.gaps, each["gap_share"], found.plain.ranges, strict=True
    ):
        yield (
            f"{_upper(name)}: where soft Q is greatest, plain Q is {gap:.3g} below its own greatest, "
            f"{100 * share:.3g} % of its range of {width:.3g}."
        )
    yield (
        f"Over {_counted(len(found.states), 'state')} that is {100 * numbers['gap_share']:.3g} % of the range. A "
        "greatest value of noisy critics is too great, and so is this: sb3-entropy probe misleading gives a score "
        "without that bias, with an interval."
    )
    if np.isfinite(numbers["gradient_cosine"]):
        cosine = f"{numbers['gradient_cosine']:.2f}".replace("-", "−")
        yield (
            f"At the mode the gradients of soft and plain Q have a cosine of {cosine} on average: 1 is the same "
            "direction, −1 the opposite one."
        )


def _on_states(found: "QLandscape") -> Iterator[str]:
    states = found.states
    if states.gaps is None:
        return
    gaps = ", ".join(f"{gap:.3g}".replace("-", "−") for gap in states.gaps)
    if states.chosen_by == states.judged_by:
        yield (
            f"The states are those of {states.among} with the greatest gaps, {gaps}. The same critics have chosen "
            "and judged, so that some of it is noise; fit several for an honest judgement."
        )
    else:
        yield (
            f"The states are those of {states.among} whose gaps are greatest by one critic of "
            f"{1 + len(states.judged_by)}; by the others, which have not chosen, they are {gaps}: of noise alone "
            "they would be 0 on average."
        )


def _on_surfaces(found: "QLandscape") -> Iterator[str]:
    numbers = found.numbers()
    for which in found.surfaces:
        spread = numbers.get(f"{which}_spread")
        told = "" if spread is None else f" Its critics differ in shape by {100 * spread:.3g} % of the range."
        yield (
            f"{which.capitalize()} Q: slope {numbers[f'{which}_slope']:.3g}, bend {numbers[f'{which}_bend']:.3g}, "
            f"local maxima {numbers[f'{which}_maxima']:.3g} on average.{told}"
        )
    if found.soft is not None:
        smoother = {name: numbers[f"soft_{name}"] < numbers[f"plain_{name}"] for name in ("slope", "bend")}
        if len(set(smoother.values())) == 1:
            yield f"By both slope and bend {'soft' if smoother['slope'] else 'plain'} Q is the smoother one."
        else:
            lower, other = ("slope", "bend") if smoother["slope"] else ("bend", "slope")
            yield f"Soft Q has the lower {lower} of the two, plain Q the lower {other}."
    if numbers.get("far_share", 0.0) > 0:
        yield (
            f"{100 * numbers['far_share']:.3g} % of the actions are far from the data that the critics were made "
            "from, and hatched: what is drawn there is a guess."
        )


def _on_planes(found: "QLandscape") -> Iterator[str]:
    planes = found.planes
    if planes.coordinates_of is None:
        for letter, direction in zip("uv", planes.directions[0], strict=False):
            order = np.argsort(-np.abs(direction))[:3]
            parts = ", ".join(f"{direction[i]:.2f} action[{i}]".replace("-", "−") for i in order)
            where = "In the first state" if planes.kind == "greedy" else "In every state"
            yield f"{where} {letter} is above all {parts}."
    if planes.shifts.any():
        names = [name for name, shift in zip(found.states.names, planes.shifts, strict=True) if shift]
        yield (
            f"The mode lies in a corner of the box, where the plane would be little more than a point, in "
            f"{', '.join(names)}: there the plane goes through a point nearer to the middle."
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
