"""Random symmetric perturbations: (Δ⁺, Δ⁻), and their projections (Ahmed et al. 2019, Figs. 1, 2, 4a and 7a)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from sb3_entropy.landscape.inference import changes, curvatures, slopes
from sb3_entropy.landscape.inference.directions import CLASSES
from sb3_entropy.landscape.probes.perturbations import FoundPerturbations
from sb3_entropy.plots.landscape.layout import Sheet, check_some, key_below, reaches, sheet
from sb3_entropy.plots.landscape.noise import Ends, crosses, level_words
from sb3_entropy.plots.style import SMALL, describe, dress, label_axis, number_axis
from sb3_entropy.plots.theme import Theme

#: shape, index of the colour and whether it is filled, by class
MARKS = {
    "improving": ("^", 0, True),
    "worsening": ("v", 1, True),
    "linear": ("D", 2, True),
    "flat": ("s", 3, False),
    "undetermined": ("o", 6, False),
}


@dataclass(frozen=True)
class Panel:
    """
    One condition at one α.

    :param title: which
    :param found: what was found
    :param index: which α
    """

    title: str
    found: FoundPerturbations
    index: int

    @property
    def is_noisy(self) -> bool:
        """:return: whether there are intervals to draw"""
        return not self.found.is_exact and self.found.returns[self.index].n > 1

    @property
    def changes(self) -> tuple[Ends, Ends | None, Ends | None]:
        """:return: (Δ⁺, Δ⁻), and the ends of the intervals of either"""
        returns, level = self.found.returns[self.index], self.found.probe.level
        if self.is_noisy:
            above, below = changes(returns, "plus"), changes(returns, "minus")
            return (above.value, below.value), above.interval(level), below.interval(level)
        centre = returns.common.mean()
        return (returns.plus.mean(axis=1) - centre, returns.minus.mean(axis=1) - centre), None, None

    @property
    def projections(self) -> tuple[Ends, Ends | None, Ends | None]:
        """:return: slopes and curvatures, and the ends of the intervals of either"""
        at = self.found.slope[self.index], self.found.curvature[self.index]
        if not self.is_noisy:
            return at, None, None
        returns, level = self.found.returns[self.index], self.found.probe.level
        return at, slopes(returns).interval(level), curvatures(returns).interval(level)


def _panels(founds: Mapping[str, FoundPerturbations]) -> list[Panel]:
    check_some(founds)
    panels = []
    for name, found in founds.items():
        for index, returns in enumerate(found.returns):
            step = f"α = {returns.alpha:g}" if len(found.returns) > 1 else ""
            panels.append(Panel(", ".join(filter(None, [name, step])), found, index))
    check_some({panel.title: panel for panel in panels})
    return panels


def _one_title(panels: list[Panel]) -> tuple[str, bool]:
    """:return: how the noise is drawn, and whether panels need no titles"""
    first = panels[0].found
    return level_words(first.probe.level, first.is_exact, "crosses"), len(panels) == 1 and not panels[0].title


def scatter(founds: Mapping[str, FoundPerturbations], theme: Theme) -> Figure:
    """
    :param founds: what was found, by condition
    :param theme: the colours
    :return: Δ⁻ against Δ⁺ of every direction, coloured and shaped by its class: a slope alone lies on the falling
        diagonal, a curvature alone on the rising one; between dotted lines is what the margin calls too small
    :raises ValueError: if there is nothing, or more than fits
    """
    panels = _panels(founds)
    noise, untitled = _one_title(panels)
    drawn = sheet(
        len(panels),
        theme,
        "Changes along random directions, both ways",
        f"One point a direction; {noise}; on the rising diagonal: curvature alone, falling: slope alone",
        height=3.25,
        single=(5.6, 5.0),
    )
    found = [panel.changes for panel in panels]
    for axes, panel, reach, (at, x, y) in zip(
        drawn.axes, panels, reaches([np.concatenate(at) for at, _, _ in found]), found, strict=True
    ):
        dress(axes, theme, "" if untitled else panel.title, grid="both")
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.axline((0, 0), slope=-1, color=theme.faint, linewidth=0.9)
        axes.axline((0, 0), slope=1, color=theme.faint, linewidth=0.9, linestyle=(0, (5, 3)))
        for line in (axes.axhline, axes.axvline):
            line(0, color=theme.faint, linewidth=0.6)
        _margin(axes, panel.found.probe.margin, theme)
        crosses(axes, at, x, y, theme)
        _points(axes, panel, at, theme)
        _corners(axes, theme)
        _number_axes(axes, theme, drawn, "Δ⁺", "Δ⁻")
    _key(drawn, panels, theme)
    return describe(drawn.figure, "Changes of the return along random directions. " + _said(panels))


def _corners(axes: Axes, theme: Theme) -> None:
    style: dict[str, Any] = {"fontsize": SMALL - 1, "color": theme.faint, "transform": axes.transAxes}
    axes.text(0.515, 0.985, "both improve", ha="left", va="top", **style)
    axes.text(0.485, 0.015, "both worsen", ha="right", va="bottom", **style)


def _margin(axes: Axes, margin: float | None, theme: Theme) -> None:
    """Between the slanted lines is what may be called linear, in the square what may be called flat."""
    if not margin:
        return
    style: dict[str, Any] = {"color": theme.faint, "linewidth": 1.0, "linestyle": (0, (1, 2)), "zorder": 1.2}
    for sign in (-1, 1):
        axes.axline((0, 2 * sign * margin), slope=-1, **style)
    square = np.array([-1, 1, 1, -1, -1]) * margin, np.array([-1, -1, 1, 1, -1]) * margin
    axes.plot(*square, **style)


def projections(founds: Mapping[str, FoundPerturbations], theme: Theme) -> Figure:
    """
    :param founds: what was found, by condition
    :param theme: the colours
    :return: curvature against slope of every direction, with their histograms; bands around 0 are as wide as the median
        interval
    :raises ValueError: if there is nothing, or more than fits
    """
    panels = _panels(founds)
    noise, untitled = _one_title(panels)
    drawn = sheet(
        len(panels),
        theme,
        "Slope and curvature along random directions",
        f"One point a direction; {noise}" + ("" if panels[0].found.is_exact else "; bands: as wide as the median one"),
        height=3.6,
        single=(6.4, 5.2),
    )
    found = [panel.projections for panel in panels]
    x_reach, y_reach = (reaches([at[i] for at, _, _ in found]) for i in (0, 1))
    for axes, panel, (at, x, y), wide, high in zip(drawn.axes, panels, found, x_reach, y_reach, strict=True):
        dress(axes, theme, grid="both")
        axes.set(xlim=(-wide, wide), ylim=(-high, high))
        for band, span, line in ((x, axes.axvspan, axes.axvline), (y, axes.axhspan, axes.axhline)):
            line(0, color=theme.faint, linewidth=0.8)
            if band is not None:
                half = float(np.median(band[1] - band[0])) / 2
                span(-half, half, color=theme.faint, alpha=0.13, linewidth=0)
        crosses(axes, at, x, y, theme)
        _points(axes, panel, at, theme)
        _margins(axes, at, theme, "" if untitled else panel.title)
        _number_axes(axes, theme, drawn, "slope ∇O·d", "curvature dᵀHd")
    _key(drawn, panels, theme)
    means = "; ".join(
        f"{panel.title}: slopes {_spread(at[0])}, curvatures {_spread(at[1])}".removeprefix(": ")
        for panel, (at, _, _) in zip(panels, found, strict=True)
    )
    return describe(drawn.figure, f"Slopes and curvatures along random directions: {means}. {_said(panels)}")


def _spread(values: np.ndarray) -> str:
    return f"{values.mean():.3g} ± {values.std():.2g}"


def _margins(axes: Axes, at: Ends, theme: Theme, title: str) -> None:
    """Histograms of both coordinates, above and to the right."""
    above = axes.inset_axes((0, 1.03, 1, 0.17), sharex=axes)
    beside = axes.inset_axes((1.03, 0, 0.17, 1), sharey=axes)
    style: dict[str, Any] = {"color": theme.mark(6), "alpha": 0.55, "linewidth": 0}
    above.hist(at[0], bins=_bins(at[0], axes.get_xlim()), **style)
    beside.hist(at[1], bins=_bins(at[1], axes.get_ylim()), orientation="horizontal", **style)
    for panel, axis in ((above, "x"), (beside, "y")):
        panel.set_facecolor("none")
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0, labelbottom=False, labelleft=False)
        (panel.yaxis if axis == "x" else panel.xaxis).set_major_formatter(NullFormatter())
        panel.set_yticks([]) if axis == "x" else panel.set_xticks([])
    if title:
        above.set_title(title, loc="left", fontsize=SMALL + 1, color=theme.ink)


def _bins(values: np.ndarray, limits: tuple[float, float]) -> list[float]:
    edges: list[float] = np.linspace(*limits, int(np.clip(2 * np.sqrt(len(values)), 12, 48)) // 2 * 2 + 1).tolist()
    return edges


def _points(axes: Axes, panel: Panel, at: Ends, theme: Theme) -> None:
    classes = panel.found.classes[panel.index]
    for name, (shape, colour, filled) in MARKS.items():
        chosen = classes == name
        axes.plot(
            at[0][chosen],
            at[1][chosen],
            shape,
            markersize=4.0,
            markerfacecolor=theme.mark(colour) if filled else "none",
            markeredgecolor=theme.mark(colour),
            markeredgewidth=0.4 if filled else 0.9,
            alpha=0.85,
        )


def _number_axes(axes: Axes, theme: Theme, drawn: Sheet, x: str, y: str) -> None:
    number_axis(axes, "x")
    number_axis(axes, "y")
    index = drawn.axes.index(axes)
    label_axis(
        axes, theme, x=x if index >= len(drawn.axes) - drawn.columns else "", y=y if index % drawn.columns == 0 else ""
    )


def _key(drawn: Sheet, panels: list[Panel], theme: Theme) -> None:
    there = {name for panel in panels for name, _ in _counts(panel)}
    handles, names = [], []
    for name, (shape, colour, filled) in MARKS.items():
        if name in there:
            face = theme.mark(colour) if filled else "none"
            style: dict[str, Any] = {
                "markerfacecolor": face,
                "markeredgecolor": theme.mark(colour),
                "linestyle": "none",
            }
            handles.append(Line2D([], [], marker=shape, markersize=5.5, **style))
            counts = ", ".join(str(dict(_counts(panel)).get(name, 0)) for panel in panels)
            names.append(f"{name} ({counts})")
    key_below(drawn.figure, handles, names, theme)


def _counts(panel: Panel) -> Iterator[tuple[str, int]]:
    classes = panel.found.classes[panel.index]
    return ((name, count) for name in CLASSES if (count := int((classes == name).sum())))


def _said(panels: list[Panel]) -> str:
    return (
        "; ".join(
            (f"{panel.title}: " if panel.title else "") + ", ".join(f"{count} {name}" for name, count in _counts(panel))
            for panel in panels
        )
        + "."
    )
