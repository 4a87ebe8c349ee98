"""Which figures a probe has, and of what."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sb3_entropy.landscape.probes.base import Found
from sb3_entropy.plots.landscape import curvature, interpolation, line, perturbations, plane, spectrum
from sb3_entropy.plots.theme import Theme


@dataclass(frozen=True)
class Looked:
    """
    What was found at one θ₀ under one condition.

    :param found: what
    :param condition: its name; empty if there is one alone
    :param step: of the training that θ₀ is from; None if it is from none
    """

    found: Found
    condition: str = ""
    step: int | None = None


#: by a probe's name: figures' names, and what draws them of what was found by condition
_FIGURES: dict[str, dict[str, Callable[..., Any]]] = {
    "perturbations": {"changes": perturbations.scatter, "projections": perturbations.projections},
    "interpolate": {"interpolation": interpolation.draw},
    "plane": {"plane": plane.draw},
    "line-search": {"line": line.draw},
    "curvature": {"curvature": curvature.draw},
    "spectrum": {"spectrum": spectrum.draw},
}


def names_of(looked: Sequence[Looked]) -> list[str]:
    """
    :param looked: what was found
    :return: what each is called: its condition, and the training's step if there are several
    """
    several = len({one.step for one in looked}) > 1
    return [
        ", ".join(filter(None, [one.condition, f"step {one.step:,}" if several and one.step is not None else ""]))
        for one in looked
    ]


def figures_of(key: str, looked: Sequence[Looked]) -> dict[str, Callable[[Theme], Any]]:
    """
    :param key: the probe's name
    :param looked: what it found
    :return: by a figure's name, what draws it
    """
    given: Mapping[str, Any] = dict(zip(names_of(looked), (one.found for one in looked), strict=True))
    if key == "curvature":
        traces: dict[str, dict[int, Found]] = {}
        for one in looked:
            traces.setdefault(one.condition, {})[one.step or 0] = one.found
        given = traces

    def drawing(draw: Callable[..., Any]) -> Callable[[Theme], Any]:
        return lambda theme: draw(given, theme)

    return {name: drawing(draw) for name, draw in _FIGURES[key].items()}
