"""The table of coverages as a file, and as Markdown."""

import csv
from collections.abc import Iterable
from pathlib import Path

from sb3_entropy.statistics.simulation.experiment import METHODS, Row
from sb3_entropy.statistics.simulation.shapes import SHAPES
from sb3_entropy.statistics.tabulated import FIELDS, table

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
    :param rows: its lines
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for r in rows:
            key = (r.kind, r.statistic, r.method, r.shape, r.tasks, r.n)
            writer.writerow([*key, f"{r.below:.4f}", f"{r.above:.4f}", f"{r.width:.3g}"])


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
