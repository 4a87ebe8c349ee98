"""A search along a line: the return against the step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sb3_entropy.landscape.probes.line_search import FoundLine
from sb3_entropy.plots.landscape.layout import check_some
from sb3_entropy.plots.landscape.lines import name_lines
from sb3_entropy.plots.landscape.noise import level_words, mean_band
from sb3_entropy.plots.style import describe, dress, label_axis, new_figure, number, number_axis
from sb3_entropy.plots.theme import Theme

SIZE = (7.2, 4.3)


def draw(founds: Mapping[str, FoundLine], theme: Theme) -> Figure:
    """
    :param founds: what was found, by condition
    :param theme: the colours
    :return: the mean return at every step, with intervals, on a logarithmic axis; the level of θ₀ with its band; filled
        where the return is found to be above it
    :raises ValueError: if there is nothing, or more than fits
    """
    check_some(founds)
    first = next(iter(founds.values()))
    noise = level_words(first.probe.level, first.is_exact, "bars and bands")
    title = f"The return along {first.along}"
    subtitle = f"Dashed: at θ₀; {noise}; filled: above θ₀, after Holm"
    figure = new_figure(*SIZE, theme, title, subtitle)
    axes = figure.subplots()
    dress(axes, theme)
    axes.set_xscale("log")
    steps = first.steps[1:]
    ends, said = [], []
    for index, (name, found) in enumerate(founds.items()):
        colour = theme.mark(index)
        low, high = mean_band(found.returns, found.probe.level)
        axes.axhline(found.mean[0], color=colour, linewidth=1.1, linestyle=(0, (5, 3)))
        if np.isfinite(low[0]):
            axes.axhspan(low[0], high[0], color=colour, alpha=0.12, linewidth=0)
        # Lines step aside a little, so that their bars do not hide each other.
        at = found.steps[1:] * (1 + 0.025 * (index - (len(founds) - 1) / 2))
        axes.vlines(at, low[1:], high[1:], color=colour, linewidth=1.4, alpha=0.75)
        axes.plot(at, found.mean[1:], color=colour, linewidth=1.7)
        for chosen, face in ((found.improves[1:], colour), (~found.improves[1:], theme.ground)):
            style: dict[str, Any] = {
                "markerfacecolor": face,
                "markeredgecolor": colour,
                "markersize": 5.5,
                "markeredgewidth": 1.3,
            }
            axes.plot(at[chosen], found.mean[1:][chosen], "o", **style)
        ends.append((float(found.mean[-1]), name, theme.label(index)))
        said.append(f"{name}: {found.mean[0]:.4g} at θ₀, {found.mean[1:].max():.4g} at best".removeprefix(": "))
    axes.xaxis.set_major_locator(FixedLocator(steps.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(round(value, 12))))
    axes.set_xlim(steps[0] / 1.15, steps[-1] * 1.15)
    number_axis(axes, "y")
    label_axis(axes, theme, x="step s, in units of the parameters", y="return")
    name_lines(figure, axes, ends, theme)
    return describe(figure, f"{title}: {'; '.join(said)}.")
