"""How often intervals contain the truth, and one-sided tests err, as simulation has shown."""

import csv
from functools import cache
from importlib.resources import files

from sb3_entropy.errors import check_number

TABLE = "coverage.csv"
FIELDS = ("kind", "statistic", "method", "shape", "tasks", "n", "below", "above", "width")
SIZES = "size.csv"
SIZE_FIELDS = ("statistic", "method", "shape", "ratio", "n", "wider", "narrower")


def coverage(n: int, n_tasks: int, statistic: str, method: str, *, paired: bool = False) -> float:
    """
    The optimality gap is looked up as the mean, which it is, of other numbers.

    :param n: runs
    :param n_tasks: tasks
    :param statistic: its name, or ``"probability_of_improvement"``
    :param method: the interval's method
    :param paired: whether the interval is that of a difference of paired runs
    :return: the share of nominal 95 % intervals that contained the truth, in the worst of the distributions; NaN if
        just this was not simulated: :func:`simulated` says what was
    """
    check_number("n", n, low=1, integer=True)
    check_number("n_tasks", n_tasks, low=1, integer=True)
    rows = [row for row in _rows(statistic, method, paired) if (int(row["tasks"]), int(row["n"])) == (n_tasks, n)]
    return 1 - max((float(row["below"]) + float(row["above"]) for row in rows), default=float("nan"))


def simulated(statistic: str, method: str, *, paired: bool = False) -> set[tuple[int, int]]:
    """
    :param statistic: as for :func:`coverage`
    :param method: likewise
    :param paired: likewise
    :return: the numbers of runs and of tasks, (n, K), for which the coverage was simulated
    """
    return {(int(row["n"]), int(row["tasks"])) for row in _rows(statistic, method, paired)}


def size(n: int, statistic: str, ratio: float) -> float:
    """
    :param n: pairs of runs, of one task
    :param statistic: ``"mean"`` or ``"iqm"``
    :param ratio: the spread of the steadier arm, as a share of the other's
    :return: the share of one-sided tests at 2.5 %, by the method ``"auto"``, that found a difference of paired runs
        where there was none, for the worse side of the worst of the distributions; NaN if just this was not simulated
    """
    check_number("n", n, low=1, integer=True)
    check_number("ratio", ratio, low=0, high=1)
    rows = [r for r in sizes() if (r["statistic"], int(r["n"]), float(r["ratio"])) == (statistic, n, ratio)]
    return max((max(float(row["wider"]), float(row["narrower"])) for row in rows), default=float("nan"))


@cache
def table() -> tuple[dict[str, str], ...]:
    """:return: the rows of the table of coverages"""
    return _read(TABLE)


@cache
def sizes() -> tuple[dict[str, str], ...]:
    """:return: the rows of the table of sizes"""
    return _read(SIZES)


def _rows(statistic: str, method: str, paired: bool) -> list[dict[str, str]]:
    name = "mean" if statistic == "optimality_gap" else statistic
    kinds = ("difference",) if paired else ("score", "improvement")
    return [r for r in table() if r["kind"] in kinds and (r["statistic"], r["method"]) == (name, method)]


def _read(name: str) -> tuple[dict[str, str], ...]:
    path = files("sb3_entropy.statistics") / name
    return tuple(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
