"""How often intervals contain the truth, as simulation has shown."""

import csv
from functools import cache
from importlib.resources import files

from sb3_entropy.errors import check_number

TABLE = "coverage.csv"
FIELDS = ("kind", "statistic", "method", "shape", "tasks", "n", "below", "above", "width")


def coverage(n: int, n_tasks: int, statistic: str, method: str, *, paired: bool = False) -> float:
    """
    The optimality gap is looked up as the mean, which it is, of other numbers.

    :param n: runs
    :param n_tasks: tasks
    :param statistic: its name, or ``"probability_of_improvement"``
    :param method: the interval's method
    :param paired: whether the interval is that of a difference of paired runs
    :return: the share of nominal 95 % intervals that contained the truth, in the worst of the distributions, for the
        nearest numbers of runs and tasks that were simulated; NaN if this statistic or method was not
    """
    check_number("n", n, low=1, integer=True)
    check_number("n_tasks", n_tasks, low=1, integer=True)
    name = "mean" if statistic == "optimality_gap" else statistic
    kinds = ("difference",) if paired else ("score", "improvement")
    rows = [r for r in table() if r["kind"] in kinds and r["statistic"] == name and r["method"] == method]
    if not rows:
        return float("nan")
    tasks = min({int(row["tasks"]) for row in rows}, key=lambda k: (abs(k - n_tasks), k))
    runs = min({int(row["n"]) for row in rows}, key=lambda k: (abs(k - n), k))
    near = [row for row in rows if (int(row["tasks"]), int(row["n"])) == (tasks, runs)]
    return 1 - max(float(row["below"]) + float(row["above"]) for row in near)


@cache
def table() -> tuple[dict[str, str], ...]:
    """:return: the rows of the table of coverages"""
    path = files("sb3_entropy.statistics") / TABLE
    return tuple(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
