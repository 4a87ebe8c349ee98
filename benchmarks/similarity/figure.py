"""Agreement with the majority against the evaluations that a rule takes."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.similarity.agreement import ONE
from sb3_entropy.plots.style import SMALL, describe, dress, label_axis, name_ends, new_figure
from sb3_entropy.plots.theme import LIGHT, Theme

TICKS = (1, 2, 6, 20, 50, 100)
HEIGHT = 2.6


def draw(tables: Mapping[str, Sequence[Mapping[str, Any]]], theme: Theme = LIGHT) -> Figure:
    """
    :param tables: rows of :func:`~benchmarks.similarity.agreement.summary`, by environment
    :param theme: the colours
    :return: a panel an environment, a line a threshold; the dotted lines are one draw of the exact rule
    """
    figure = new_figure(
        0.9 + 3.1 * len(tables),
        HEIGHT + 0.9,
        theme,
        "What a similarity rule costs, and how well it decides",
        "Share of states decided as by the majority of 16 draws of the exact rule; bars 95 %; dotted: one such draw",
    )
    # All samples in low precision are as many evaluations as all samples, which stand for both.
    tables = {env_id: [row for row in rows if row["rule"] != "bfloat16"] for env_id, rows in tables.items()}
    panels = figure.subplots(1, len(tables), squeeze=False, sharey=True).ravel()
    low = min(row["interval"][0] for rows in tables.values() for row in rows)
    panels[0].set_ylim(max(0.0, low - 0.08), 1.01)
    for axes, (env_id, rows) in zip(panels, tables.items(), strict=True):
        dress(axes, theme, env_id)
        ends = []
        for number, threshold in enumerate(sorted({row["threshold"] for row in rows})):
            own = sorted((row for row in rows if row["threshold"] == threshold), key=lambda row: row["evaluations"])
            x, y = [row["evaluations"] for row in own], [row["agreement"] for row in own]
            colour = theme.mark(number)
            bars = [
                [max(0.0, row["agreement"] - row["interval"][0]) for row in own],
                [max(0.0, row["interval"][1] - row["agreement"]) for row in own],
            ]
            axes.errorbar(x, y, bars, color=colour, marker="o", markersize=4, linewidth=1.6, elinewidth=1)
            one = next(row["agreement"] for row in own if row["rule"] == ONE)
            axes.axhline(one, color=colour, linewidth=0.9, linestyle=":")
            ends.append((y[-1], f"ε = {threshold:g}", theme.label(number)))
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlim(0.8, 125)
        label_axis(axes, theme, x="evaluations of the four critics a state")
        name_ends(axes, ends, HEIGHT)
    label_axis(panels[0], theme, y="agreement")
    rows = next(iter(tables.values()))
    lowest = min(row["threshold"] for row in rows)
    for row in rows:
        if row["threshold"] == lowest:
            panels[0].annotate(
                row["rule"],
                (row["evaluations"], 0.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                rotation=90,
                fontsize=SMALL - 1.5,
                color=theme.faint,
                ha="center",
                va="bottom",
            )
    told = "; ".join(
        f"{env_id}, ε = {row['threshold']:g}, {row['rule']}: {row['agreement']:.3f}"
        for env_id, of_env in tables.items()
        for row in of_env
    )
    return describe(figure, told)
