"""Slope and curvature along the direction of improvement over a training (Ahmed et al. 2019, Fig. 6)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sb3_entropy.landscape.probes.curvature import FoundCurvature
from sb3_entropy.plots.landscape.layout import check_some
from sb3_entropy.plots.landscape.lines import name_lines
from sb3_entropy.plots.landscape.noise import level_words
from sb3_entropy.plots.style import DASHES, add_note, describe, dress, frame, label_axis, new_figure, number_axis
from sb3_entropy.plots.theme import Theme
from sb3_entropy.statistics import Interval

SIZE = (9.4, 4.3)


def draw(traces: Mapping[str, Mapping[int, FoundCurvature]], theme: Theme) -> Figure:
    """
    :param traces: what was found, by condition and by the training's step
    :param theme: the colours
    :return: slope and curvature over the steps, with intervals
    :raises ValueError: if there is nothing, or more than fits
    """
    check_some(traces)
    first = next(found for trace in traces.values() for found in trace.values())
    noise = level_words(first.probe.level, first.is_exact, "bars")
    title = "Slope and curvature along the direction of improvement"
    chosen = f"Nearest to the {first.probe.quantile:g} quantile of Δ⁺ of {first.probe.directions} directions"
    figure = new_figure(*SIZE, theme, title, f"{chosen}; {noise}")
    panels = figure.subplots(1, 2)
    steps = sorted({step for trace in traces.values() for step in trace})
    span = (steps[-1] - steps[0]) or 1
    said, cut = [], False
    for axes, what in zip(panels, ("slope", "curvature"), strict=True):
        dress(axes, theme, what)
        axes.axhline(0, color=theme.faint, linewidth=0.9)
        ends, shown, bounds = [], [0.0], []
        for number, (name, trace) in enumerate(traces.items()):
            at = np.array(sorted(trace), dtype=np.float64)
            found: list[Interval] = [getattr(trace[step], what) for step in sorted(trace)]
            values, low, high = np.array([(each.value, each.low, each.high) for each in found]).T
            # Lines step aside a little, so that their bars do not hide each other.
            aside = at + 0.012 * span * (number - (len(traces) - 1) / 2)
            colour, dash = theme.mark(number), DASHES[number // 7 % len(DASHES)]
            axes.vlines(aside, low, high, color=colour, linewidth=1.5, alpha=0.75)
            style: dict[str, Any] = {
                "linewidth": 1.6,
                "linestyle": dash,
                "marker": "o",
                "markersize": 5,
                "markeredgewidth": 0,
            }
            axes.plot(aside, values, color=colour, **style)
            ends.append((float(values[-1]), name, theme.label(number)))
            shown += values.tolist()
            bounds += [*low, *high]
            each = ", ".join(f"{value:.3g} at {step:,}" for value, step in zip(values[:8], sorted(trace), strict=False))
            said.append(f"{name}: {what} {each}".removeprefix(": "))
        low_end, high_end, is_cut = frame(np.array(shown), np.array(bounds))
        axes.set_ylim(low_end, high_end)
        cut = cut or is_cut
        axes.set_xlim(steps[0] - 0.06 * span, steps[-1] + 0.06 * span)
        number_axis(axes, "x")
        number_axis(axes, "y")
        label_axis(axes, theme, x="steps of the training")
        if what == "curvature":
            name_lines(figure, axes, ends, theme)
    if cut:
        add_note(figure, "some reach beyond the figure")
    return describe(figure, f"{title}: {'; '.join(said)}.")
