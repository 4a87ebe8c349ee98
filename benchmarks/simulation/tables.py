"""The tables of coverages and of sizes as files, and as Markdown."""

import csv
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.simulation.experiment import METHODS, Row
from benchmarks.simulation.shapes import SHAPES
from benchmarks.simulation.size import RATIOS, RUNS, TESTED, SizeRow
from sb3_entropy.statistics.tabulated import FIELDS, SIZE_FIELDS, sizes, table

HEADINGS = {
    ("score", "iqm"): "IQM",
    ("score", "mean"): "Mean",
    ("score", "median"): "Median",
    ("difference", "iqm"): "Difference of paired IQMs",
    ("difference", "mean"): "Difference of paired means",
    ("difference", "median"): "Difference of paired medians",
    ("improvement", "probability_of_improvement"): "Probability of improvement",
}

#: what ``method="auto"`` is, if not "expanded"
DEFAULTS = {
    ("score", "mean"): "studentized",
    ("difference", "mean"): "t",
    ("improvement", "probability_of_improvement"): "wilson",
}


def write(path: Path, rows: Iterable[Row]) -> None:
    """
    :param path: the file, which is overwritten
    :param rows: its lines; the width is written where it is told, that of the first distribution
    """
    lines = []
    for r in rows:
        key = (r.kind, r.statistic, r.method, r.shape, r.tasks, r.n)
        width = f"{r.width:.3g}" if r.shape == next(iter(SHAPES)) else ""
        lines.append([*key, f"{r.below:.4g}", f"{r.above:.4g}", width])
    _write(path, FIELDS, lines)


def write_sizes(path: Path, rows: Iterable[SizeRow]) -> None:
    """
    :param path: the file, which is overwritten
    :param rows: its lines
    """
    lines = [[r.statistic, r.method, r.shape, r.ratio, r.n, f"{r.wider:.4f}", f"{r.narrower:.4f}"] for r in rows]
    _write(path, SIZE_FIELDS, lines)


def _write(path: Path, fields: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows(lines)


def markdown() -> str:
    """:return: the stored table: for each statistic the worst coverages, and folded away all of them with the widths"""
    return "\n\n".join(_section(kind, statistic) for kind, statistic in HEADINGS)


def _section(kind: str, statistic: str) -> str:
    rows = [row for row in table() if (row["kind"], row["statistic"]) == (kind, statistic)]
    methods = METHODS.get(kind, {}).get(statistic, ("wilson",))
    cases = list(dict.fromkeys((int(row["tasks"]), int(row["n"])) for row in rows))
    found = {(row["method"], int(row["tasks"]), int(row["n"]), row["shape"]): row for row in rows}
    default = DEFAULTS.get((kind, statistic), "expanded")
    worst = [f"| Method | {' | '.join(_case(*case) for case in cases)} |", "|---|" + "---|" * len(cases)]
    every = [f"| Method | Tasks | n | {' | '.join(SHAPES)} | width |", "|---|---|---|" + "---|" * (len(SHAPES) + 1)]
    for method in methods:
        least = []
        for tasks, n in cases:
            of_shapes = [found[method, tasks, n, shape] for shape in SHAPES]
            covered = [100 * (1 - float(row["below"]) - float(row["above"])) for row in of_shapes]
            least.append(f"{min(covered):.1f}")
            shares = " | ".join(f"{share:.1f}" for share in covered)
            every.append(f"| {method} | {tasks} | {n} | {shares} | {float(of_shapes[0]['width']):.2f} |")
        worst.append(f"| {f'**{method}**' if method == default else method} | {' | '.join(least)} |")
    sides = [
        max(100 * max(float(row["below"]), float(row["above"])) for row in (found[default, *case, s] for s in SHAPES))
        for case in cases
    ]
    worst.append(f"| missed on one side | {' | '.join(f'{side:.1f}' for side in sides)} |")
    lines = [f"### {HEADINGS[kind, statistic]}", "", *worst, "", '??? note "Every distribution"', ""]
    return "\n".join([*lines, *(f"    {line}" for line in every)])


def _case(tasks: int, n: int) -> str:
    return f"n = {n}" if tasks == 1 else f"n = {n}, {tasks} tasks"


def sizes_markdown() -> str:
    """:return: the stored sizes: the worst side of the worst distribution, and folded away all of them"""
    found = {(row["statistic"], float(row["ratio"]), int(row["n"]), row["shape"]): row for row in sizes()}
    heads = " | ".join(f"n = {n}" for n in RUNS)
    worst = [f"| Statistic | Ratio of spreads | {heads} |", "|---|---|" + "---|" * len(RUNS)]
    every = [f"| Statistic | Ratio | n | {' | '.join(SHAPES)} |", "|---|---|---|" + "---|" * len(SHAPES)]
    for statistic, ratio in itertools.product(TESTED, RATIOS):
        cells = []
        for n in RUNS:
            rows = {shape: found[statistic, ratio, n, shape] for shape in SHAPES}
            sides = {shape: (100 * float(row["wider"]), 100 * float(row["narrower"])) for shape, row in rows.items()}
            shape = max(sides, key=lambda name: max(sides[name]))
            cells.append(f"{max(sides[shape]):.1f} ({shape})")
            shares = " | ".join(f"{wider:.1f}, {narrower:.1f}" for wider, narrower in sides.values())
            every.append(f"| {statistic} | {ratio:g} | {n} | {shares} |")
        worst.append(f"| {statistic} | {ratio:g} | {' | '.join(cells)} |")
    note = '??? note "Every distribution: the wider arm is found greater, the narrower one is"'
    return "\n".join([*worst, "", note, "", *(f"    {line}" for line in every)])
