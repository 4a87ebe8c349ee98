"""The coverages that are stored: complete, what the code would give, and what the documentation says."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from sb3_entropy.statistics import coverage, interval, paired_difference, probability_of_improvement
from sb3_entropy.statistics.simulation import shapes
from sb3_entropy.statistics.simulation.__main__ import RUNS, TASKS, main
from sb3_entropy.statistics.simulation.experiment import METHODS, cell
from sb3_entropy.statistics.simulation.tables import DEFAULTS, HEADINGS, markdown
from sb3_entropy.statistics.tabulated import table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "statistics.md"
REPEATS = 5000


def test_every_case_is_there() -> None:
    keys = {(r["kind"], r["statistic"], r["method"], r["shape"], int(r["tasks"]), int(r["n"])) for r in table()}
    expected = {
        (kind, statistic, method, shape, tasks, n)
        for kind, statistic in HEADINGS
        for method in METHODS.get(kind, {}).get(statistic, ("wilson",))
        for shape in shapes.SHAPES
        for tasks in TASKS
        for n in RUNS
    }
    assert keys == expected
    assert len(table()) == len(expected)
    assert {5, 10, 20, 50} <= set(RUNS)
    assert {1, 5} <= set(TASKS)


def test_the_documentation_prints_it() -> None:
    assert markdown() in PAGE.read_text(encoding="utf-8")


def test_auto_is_what_the_tables_say() -> None:
    x, rng = np.random.default_rng(0).normal(size=(6, 2)), np.random.default_rng(0)
    for kind, statistic in HEADINGS:
        if kind == "score":
            method = interval(x, statistic, rng=rng).method
        elif kind == "difference":
            method = paired_difference(x, -x, statistic, rng=rng).method
        else:
            method = probability_of_improvement(x, -x).method
        assert method == DEFAULTS.get((kind, statistic), "expanded")


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("n", [5, 10, 20])
@pytest.mark.parametrize("tasks", [1, 5])
@pytest.mark.parametrize("statistic", ["mean", "iqm", "median"])
def test_auto_covers_more_than_the_percentile_bootstrap(statistic: str, tasks: int, n: int, paired: bool) -> None:
    kind = "difference" if paired else "score"
    best = coverage(n, tasks, statistic, DEFAULTS.get((kind, statistic), "expanded"), paired=paired)
    assert best > coverage(n, tasks, statistic, "percentile", paired=paired)
    assert statistic == "mean" or n < 10 or best > 0.94


@pytest.mark.parametrize(
    ("kind", "statistic", "method", "shape", "tasks", "n"),
    [
        ("score", "mean", "studentized", "skewed", 1, 5),
        ("score", "iqm", "expanded", "capped", 1, 10),
        ("score", "iqm", "percentile", "bimodal", 5, 5),
        ("difference", "mean", "t", "skewed", 1, 10),
        ("difference", "iqm", "expanded", "normal", 1, 5),
        ("improvement", "probability_of_improvement", "wilson", "bimodal", 1, 5),
    ],
)
def test_it_can_be_had_again(kind: str, statistic: str, method: str, shape: str, tasks: int, n: int) -> None:
    """
    With 600 repeats, within 4.5 standard deviations of both: a false alarm in one of 140 000 comparisons (20 000 where
    it is the worst of seven), were the seed not fixed.
    """
    key = {"kind": kind, "statistic": statistic, "method": method, "shape": shape, "tasks": str(tasks), "n": str(n)}
    (stored,) = [row for row in table() if key.items() <= row.items()]
    found = cell(kind, shape, tasks, n, 600, 1000, np.random.default_rng(99))
    (row,) = [row for row in found if (row.statistic, row.method) == (statistic, method)]
    pairs = [(row.below, float(stored["below"])), (row.above, float(stored["above"]))]
    if kind == "improvement":  # the worst of seven contests is chosen, so the side may be another one
        pairs = [(sum(own for own, _ in pairs), sum(theirs for _, theirs in pairs))]
    for own, theirs in pairs:
        share = max(theirs, 0.001)
        assert abs(own - theirs) < 4.5 * math.sqrt(share * (1 - share) * (1 / 600 + 1 / REPEATS))
    assert row.width == pytest.approx(float(stored["width"]), rel=0.3)


def test_one_case_without_the_simulation_s_code() -> None:
    """Student's t for 10 log-normal scores, by scipy alone: within 4.5 standard deviations."""
    scores = np.random.default_rng(2).lognormal(size=(20_000, 10))
    low, high = stats.ttest_1samp(scores, 0, axis=1).confidence_interval()
    covered = ((low <= math.exp(0.5)) & (math.exp(0.5) <= high)).mean()
    (row,) = [
        row
        for row in table()
        if (row["kind"], row["statistic"], row["method"], row["shape"], row["tasks"], row["n"])
        == ("score", "mean", "t", "skewed", "1", "10")
    ]
    stored = 1 - float(row["below"]) - float(row["above"])
    assert abs(covered - stored) < 4.5 * math.sqrt(covered * (1 - covered) * (1 / 20_000 + 1 / REPEATS))


def test_true_values() -> None:
    trimmed_log_normal = integrate.quad(lambda u: math.exp(stats.norm.ppf(u)), 0.25, 0.75)[0] / 0.5
    cap = -0.25
    capped_mean = -stats.norm.pdf(cap) + cap * stats.norm.sf(cap)
    known: list[tuple[str, str, float]] = [
        ("mean", "normal", 0.0),
        ("iqm", "normal", 0.0),
        ("mean", "skewed", math.exp(0.5)),
        ("iqm", "skewed", trimmed_log_normal),
        ("median", "skewed", 1.0),
        ("mean", "bimodal", 0.6),
        ("mean", "failing", 0.8),
        ("mean", "capped", capped_mean),
    ]
    for statistic, shape, value in known:
        assert shapes.truth(statistic, shape, 1, False) == pytest.approx(value, abs=1e-3)
        assert shapes.truth(statistic, shape, 1, True) == pytest.approx(0.4 * value - 0.3, abs=1e-3)
    # Five tasks: spreads 0.5 to 1.5, levels 0 to 2.
    assert shapes.truth("mean", "skewed", 5, False) == pytest.approx(math.exp(0.5) + 1, abs=2e-3)
    for shift, factor in shapes.CONTESTS:
        expected = stats.norm.cdf(shift / math.hypot(1, factor))
        assert shapes.true_improvement("normal", (shift, factor)) == pytest.approx(expected, abs=1e-3)


def test_lookup() -> None:
    def stored(n: int, tasks: int, kind: str, method: str) -> float:
        return 1 - max(
            float(row["below"]) + float(row["above"])
            for row in table()
            if (row["kind"], row["statistic"], row["method"], int(row["tasks"]), int(row["n"]))
            == (kind, "mean", method, tasks, n)
        )

    assert coverage(10, 1, "mean", "t") == pytest.approx(stored(10, 1, "score", "t"))
    assert coverage(10, 1, "mean", "t", paired=True) == pytest.approx(stored(10, 1, "difference", "t"))
    assert coverage(12, 2, "mean", "t") == coverage(10, 1, "mean", "t")
    assert coverage(2, 4, "mean", "t") == coverage(3, 5, "mean", "t")
    assert coverage(400, 50, "mean", "t") == coverage(50, 5, "mean", "t")
    assert coverage(10, 1, "optimality_gap", "t") == coverage(10, 1, "mean", "t")
    assert 0.9 < coverage(10, 1, "probability_of_improvement", "wilson") < 1
    assert math.isnan(coverage(10, 1, "median", "t"))
    assert math.isnan(coverage(10, 1, "mean", "none"))
    for wrong in ({"n": 0}, {"n_tasks": 0}):
        arguments: dict[str, Any] = {"n": 5, "n_tasks": 1, "statistic": "mean", "method": "t", **wrong}
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a whole number ≥ 1"):
            coverage(**arguments)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "table.csv"
    before = table()
    command = ["--repeats", "20", "--replicates", "100", "--runs", "5", "--output", str(target)]
    assert main(command) == 0
    first = target.read_bytes()
    with target.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(before) // len(RUNS)
    assert {row["n"] for row in rows} == {"5"}
    assert main([*command, "--seed", "1"]) == 0
    assert target.read_bytes() != first
    assert table() == before
    capsys.readouterr()
    assert main(["--print"]) == 0
    assert capsys.readouterr().out == markdown() + "\n"
