"""Return, entropy and temperature against environment steps, for a few algorithms side by side."""

import csv
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

# Okabe and Ito's palette: told apart by all common forms of colour vision, and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
INK, FAINT = "#333333", "#8A8A8A"


@dataclass(frozen=True)
class Run:
    """
    One training run, as Stable-Baselines3's CSV logger keeps it; NaN where nothing was logged.

    ``train/*`` is logged one iteration after the update it speaks of: ``updated`` holds the step of that update, 0
    before the first.
    """

    steps: np.ndarray
    updated: np.ndarray
    ep_return: np.ndarray
    entropy: np.ndarray
    temperature: np.ndarray


def read_run(folder: Path) -> Run:
    """
    :param folder: the folder of a run that was logged with the format ``"csv"``
    :return: the run. The entropy of a stock algorithm is what it calls ``train/entropy_loss``, negated
    :raises FileNotFoundError: if there is no ``progress.csv``
    """
    file = folder / "progress.csv"
    if not file.is_file():
        raise FileNotFoundError(f"There is no {file} to draw. Train with the logger's format 'csv' first.")
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))

    def column(key: str) -> np.ndarray:
        return np.array([float(row.get(key) or "nan") for row in rows])

    steps = column("time/total_timesteps")
    entropy = column("train/entropy")
    return Run(
        steps=steps,
        updated=np.concatenate([[0.0], steps[:-1]])[: len(steps)],
        ep_return=column("rollout/ep_rew_mean"),
        entropy=np.where(np.isnan(entropy), -column("train/entropy_loss"), entropy),
        temperature=column("train/ent_coef"),
    )


def draw_comparison(
    runs: Mapping[str, Sequence[Run]],
    title: str,
    target_entropy: float | None = None,
    untempered: Sequence[str] = (),
) -> Figure:
    """
    :param runs: the runs by algorithm; each is a thin line, their mean a thick one
    :param title: what was trained on
    :param target_entropy: the entropy in nats that temperatures were tuned to
    :param untempered: the algorithms without a temperature, which a logarithmic axis cannot show
    :return: three panels with a common axis of steps
    """
    figure = Figure(figsize=(7.2, 7.6), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True)
    ends: list[list[tuple[float, str, str]]] = [[], [], []]
    for colour, (name, of_algorithm) in zip(itertools.cycle(COLOURS), runs.items(), strict=False):
        curves = [
            [(run.steps, run.ep_return) for run in of_algorithm],
            [(run.updated, run.entropy) for run in of_algorithm],
            [(run.updated, run.temperature) for run in of_algorithm],
        ]
        for panel, lines, end in zip(panels, curves, ends, strict=True):
            drawn = _draw(panel, lines, colour)
            if drawn is not None:
                end.append((drawn, name, colour))
    _label(panels[0], "Return of an episode", "sum of rewards, mean of the last 100 episodes")
    _label(panels[1], "Entropy of the policy", "H(π(·|s)) in nats, mean over states")
    _label(panels[2], "Temperature", "α in units of reward per nat")
    panels[2].set_yscale("log")
    panels[2].yaxis.set_major_locator(FixedLocator(log_ticks(*panels[2].get_ylim())))
    # Matplotlib names the ticks between them too where an axis spans less than a decade, one upon the other.
    panels[2].yaxis.set_minor_locator(NullLocator())
    panels[2].yaxis.set_major_formatter(FuncFormatter(lambda alpha, _: f"{alpha:g}"))
    _note_untempered(panels[2], runs, untempered)
    if target_entropy is not None:
        panels[1].axhline(target_entropy, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        panels[1].annotate(
            f"target {target_entropy:.2f} nats".replace("-", "−"),
            (0, target_entropy),
            xycoords=("axes fraction", "data"),
            xytext=(6, 4),
            textcoords="offset points",
            color=FAINT,
            fontsize=9,
        )
    panels[2].set_xlabel("environment steps", color=INK)
    panels[2].xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"{steps / 1000:g}k" if steps else "0"))
    panels[2].set_xlim(0, max(run.steps[np.isfinite(run.steps)].max() for of in runs.values() for run in of))
    for panel, end in zip(panels, ends, strict=True):
        _name_lines(panel, end)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=INK)
    return figure


def log_ticks(low: float, high: float) -> list[float]:
    """
    :param low: the least value of a logarithmic axis
    :param high: its greatest
    :return: three to seven round values on it: powers of ten, with 3, or 2 and 5, or all digits between; where even
        these are too far apart, as many as on a linear axis
    """
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), range(1, 10)):
        ticks = [float(f"{digit * decade:g}") for decade in decades for digit in digits]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= 3:
            return inside[:: -(-len(inside) // 7)]
    return [float(f"{tick:g}") for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]


def save_comparison(figure: Figure, file: Path) -> None:
    """
    :param figure: what :func:`draw_comparison` has drawn
    :param file: the file; its ending tells the format
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=160, facecolor="white")


def _draw(panel: Axes, lines: Sequence[tuple[np.ndarray, np.ndarray]], colour: str) -> float | None:
    """Each run thin, their mean thick; returns the height at which the mean ends."""
    kept = [(x[ok], y[ok]) for x, y in lines if (ok := np.isfinite(x) & np.isfinite(y)).any()]
    if not kept:
        return None
    for x, y in kept:
        panel.plot(x, y, color=colour, linewidth=0.8, alpha=0.35, solid_capstyle="round")
    first, last = max(x[0] for x, _ in kept), min(x[-1] for x, _ in kept)
    grid = np.linspace(first, last, 200)
    mean = np.mean([np.interp(grid, x, y) for x, y in kept], axis=0)
    panel.plot(grid, mean, color=colour, linewidth=2.4, solid_capstyle="round")
    return float(mean[-1])


def _label(panel: Axes, title: str, unit: str) -> None:
    panel.set_title(title, loc="left", fontsize=11, color=INK, pad=16)
    panel.text(0, 1.02, unit, transform=panel.transAxes, fontsize=9, color=FAINT, va="bottom")
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(FAINT)
    panel.tick_params(colors=INK, labelsize=9)
    panel.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    panel.set_axisbelow(True)


def _note_untempered(panel: Axes, names: Iterable[str], untempered: Sequence[str]) -> None:
    for colour, name in zip(itertools.cycle(COLOURS), names, strict=False):
        if name in untempered:
            panel.annotate(
                f"{name}: α = 0",
                (0, 0),
                xycoords="axes fraction",
                xytext=(6, 8 + 14 * untempered.index(name)),
                textcoords="offset points",
                color=colour,
                fontsize=10,
                fontweight="bold",
            )


def _name_lines(panel: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each name at the end of its line, moved apart where two would overlap."""
    gap = 0.11  # of the panel's height
    to_panel = panel.transData + panel.transAxes.inverted()
    ordered = sorted((float(to_panel.transform((0, y))[1]), name, colour) for y, name, colour in ends)
    heights: list[float] = []
    for height, _, _ in ordered:
        heights.append(max(height, heights[-1] + gap) if heights else height)
    # Pushed up from the lowest, all of them come half the way back.
    lift = (heights[-1] - ordered[-1][0]) / 2 if heights else 0.0
    for height, (_, name, colour) in zip(heights, ordered, strict=True):
        panel.annotate(
            name,
            (1, height - lift),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            fontsize=10,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )
