"""The return on the line through two solutions, under one or several conditions (Ahmed et al. 2019, Figs. 4b, 7b)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sb3_entropy.landscape.probes.interpolation import FoundInterpolation
from sb3_entropy.plots.landscape.layout import check_some
from sb3_entropy.plots.landscape.lines import name_lines
from sb3_entropy.plots.landscape.noise import level_words, mean_band
from sb3_entropy.plots.style import DASHES, SMALL, describe, dress, label_axis, new_figure, number_axis
from sb3_entropy.plots.theme import Theme

SIZE = (7.2, 4.3)


def draw(founds: Mapping[str, FoundInterpolation], theme: Theme) -> Figure:
    """
    :param founds: what was found, by condition
    :param theme: the colours
    :return: the mean return along the line, with bands; the two solutions, and where the return is found to be below
        both
    :raises ValueError: if there is nothing, or more than fits
    """
    check_some(founds)
    first = next(iter(founds.values()))
    noise = level_words(first.probe.level, first.is_exact, "bands")
    title = "The return on the line through two solutions"
    figure = new_figure(*SIZE, theme, title, f"(1 − t)θ₀ + tθ₁; {noise}; triangles: below both solutions, after Holm")
    axes = figure.subplots()
    dress(axes, theme)
    ends, said = [], []
    for number, (name, found) in enumerate(founds.items()):
        colour, dash = theme.mark(number), DASHES[number // 7 % len(DASHES)]
        low, high = mean_band(found.returns, found.probe.level)
        axes.fill_between(found.t, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(found.t, found.mean, color=colour, linewidth=1.8, linestyle=dash)
        ends_at = np.isin(found.t, (0.0, 1.0))
        axes.plot(found.t[ends_at], found.mean[ends_at], "o", color=colour, markersize=6, markeredgewidth=0)
        valley = found.lower_than_both
        style: dict[str, Any] = {
            "color": colour,
            "markersize": 5.5,
            "markeredgecolor": theme.ground,
            "markeredgewidth": 0.5,
        }
        axes.plot(found.t[valley], found.mean[valley], "v", **style)
        ends.append((float(found.mean[-1]), name, theme.label(number)))
        where = f"a valley at {int(valley.sum())} points" if valley.any() else "no valley"
        said.append(f"{name}: {found.at(0.0).mean():.4g} to {found.at(1.0).mean():.4g}, {where}".removeprefix(": "))
    axes.set_xlim(first.t[0], first.t[-1])
    for t, name in ((0.0, "θ₀"), (1.0, "θ₁")):
        axes.axvline(t, color=theme.faint, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        axes.annotate(
            name,
            (t, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -2),
            textcoords="offset points",
            color=theme.ink,
            fontsize=SMALL,
            va="top",
        )
    number_axis(axes, "x", 8)
    number_axis(axes, "y")
    label_axis(axes, theme, x="t", y="return")
    name_lines(figure, axes, ends, theme)
    return describe(figure, f"{title}: {'; '.join(said)}.")
