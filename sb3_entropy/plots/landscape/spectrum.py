"""The Hessian's spectrum: all eigenvalues where they are known, and both ends with their intervals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sb3_entropy.landscape.probes.spectrum import FoundSpectrum
from sb3_entropy.plots.landscape.layout import check_some
from sb3_entropy.plots.style import SMALL, describe, dress, label_axis, new_figure, number_axis
from sb3_entropy.plots.theme import Theme

#: of fewer eigenvalues a histogram is none
FEWEST_BINNED = 12


def draw(founds: Mapping[str, FoundSpectrum], theme: Theme) -> Figure:
    """
    :param founds: what was found, by condition
    :param theme: the colours
    :return: eigenvalues as strokes and histogram where all are known; both ends, with intervals where they are
        estimated; what the point is
    :raises ValueError: if there is nothing, or more than fits
    """
    check_some(founds)
    first = next(iter(founds.values()))
    is_exact = all(found.is_exact for found in founds.values())
    level = f"bars: {100 * first.probe.level:g} % intervals of curvatures along the two directions, on other episodes"
    noise = "no noise" if is_exact else f"{level} than these were found in"
    title = "Both ends of the Hessian's spectrum"
    heights = [0.95 if found.eigenvalues is None else 1.9 for found in founds.values()]
    figure = new_figure(7.2, sum(heights) + 1.2, theme, title, f"Triangles: lowest and highest eigenvalue; {noise}")
    shared: dict[str, Any] = {"sharex": _alike(founds), "height_ratios": heights, "squeeze": False}
    panels = figure.subplots(len(founds), 1, **shared).ravel()
    said = []
    for axes, (name, found) in zip(panels, founds.items(), strict=True):
        dress(axes, theme, f"{name}: {found.point.kind}" if name else found.point.kind, grid="x")
        axes.axvline(0, color=theme.ink, linewidth=0.9)
        _strokes(axes, found, theme)
        _ends(axes, found, theme)
        number_axis(axes, "x", 7)
        axes.set_yticks([])
        axes.set_ylim(-1.0, 1.05 if found.eigenvalues is not None else 0.15)
        axes.margins(x=0.13)
        axes.spines["left"].set_visible(False)
        said.append(f"{name}: {found.point.sentence}".removeprefix(": "))
    label_axis(panels[-1], theme, x="eigenvalue of ∇²O")
    return describe(figure, f"{title}. {' '.join(said)}")


def _alike(founds: Mapping[str, FoundSpectrum]) -> bool:
    """:return: whether all fit on one axis"""
    sizes = [max(abs(end.value) for end in found.ends) for found in founds.values()]
    return max(sizes) <= 10 * min(sizes)


def _strokes(axes: Axes, found: FoundSpectrum, theme: Theme) -> None:
    values = found.eigenvalues
    if values is None:
        return
    for chosen, colour in ((values < 0, theme.mark(1)), (values >= 0, theme.mark(0))):
        axes.vlines(values[chosen], -0.9, -0.62, color=colour, linewidth=1.0, alpha=0.8)
    if len(values) >= FEWEST_BINNED:
        counts, edges = np.histogram(values, bins=int(np.clip(2 * np.sqrt(len(values)), 10, 40)))
        # Heights on a logarithmic scale: most eigenvalues are near 0.
        heights = np.log1p(counts) / np.log1p(counts.max())
        axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=theme.mark(6), alpha=0.45, linewidth=0)
        axes.annotate(
            f"histogram of {len(values)}, log scale, highest bar {counts.max()}",
            (1, 1),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            fontsize=SMALL - 1,
            color=theme.faint,
        )


def _ends(axes: Axes, found: FoundSpectrum, theme: Theme) -> None:
    for end, shape, colour in zip(found.ends, ("<", ">"), (1, 0), strict=True):
        hue = theme.mark(colour)
        if end.high > end.low:
            axes.hlines(-0.3, end.low, end.high, color=hue, linewidth=2.2)
        axes.plot([end.value], [-0.3], shape, color=hue, markersize=7.5, markeredgewidth=0)
        outwards = -1 if shape == "<" else 1
        axes.annotate(
            f"{end.value:.3g}".replace("-", "−"),
            (end.low if outwards < 0 else end.high, -0.3),
            xytext=(7 * outwards, 0),
            textcoords="offset points",
            ha="right" if outwards < 0 else "left",
            va="center",
            fontsize=SMALL,
            color=theme.label(colour),
            fontweight="bold",
        )
