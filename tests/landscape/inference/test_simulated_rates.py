"""The rates that the documentation shows: some of them simulated anew, and what the page concludes from all."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.landscape_inference import CASES, TABLES, coverage, family_wise, main

PAGE = Path(__file__).resolve().parents[3] / "docs" / "landscape_inference.md"


def _table(name: str) -> list[list[str]]:
    head = f"| {' | '.join(TABLES[name][0])} |\n"
    _, found, rest = PAGE.read_text(encoding="utf-8").partition(head)
    assert found
    rows = rest.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def _close(own: float, shown: float, probes: int, simulated: int) -> bool:
    """Within 4.5 standard errors of both."""
    share = max(shown, own, 0.005)
    return abs(own - shown) <= 4.5 * math.sqrt(share * (1 - share) * (1 / probes + 1 / simulated))


def test_family_wise_rates_can_be_had_again() -> None:
    """Ten shares of 40 probes: a false alarm in one of 15 000 runs, were the seed not fixed."""
    shown = {(row[0], row[1], row[2]): row for row in _table("family")}
    for null, quantities in (("aligned", ("change", "slope")), ("mean", ("change", "slope", "curvature"))):
        for index in (2, 4):
            rng = np.random.default_rng(9)
            for name, rate in family_wise(null, *CASES[index], 50, 40, rng, quantities).items():
                row = shown[name, null, "50"]
                assert _close(rate, float(row[4 + index]) / 100, 40, int(row[3])), (name, null)


def test_coverage_can_be_had_again() -> None:
    found = coverage(*CASES[2], 150, np.random.default_rng(9))
    shown = {row[0]: row[3] for row in _table("coverage")}
    for name, sides in found.items():
        covered = float(shown[name].split(" ")[0]) / 100
        assert _close(1 - sum(sides), covered, 150, 2500), name


def test_what_the_page_concludes() -> None:
    """Three standard errors above nominal: a rate that is nominal is above that in one of 700 cells."""
    for claim, null, _, probes, *rates in _table("family"):
        if null != "mean":
            limit = 2.5 + 300 * math.sqrt(0.025 * 0.975 / int(probes))
            assert max(map(float, rates)) <= limit, claim
    assert max(float(rate) for row in _table("family") if row[1] == "mean" for rate in row[4:]) > 20
    for row in _table("discoveries"):
        assert max(float(cell.split(" ")[0]) for cell in row[3:]) <= 2.5 + 0.9, row[:2]
    for row in _table("margin"):
        assert max(float(cell.split(" ")[0]) for cell in row[1:]) <= 2.5 + 0.9
    paired = [row for row in _table("coverage") if "estimated" not in row[0]]
    assert min(float(cell.split(" ")[0]) for row in paired for cell in row[1:]) > 92


@pytest.mark.parametrize("name", ["margin", "coverage", *(pytest.param(n, marks=pytest.mark.slow) for n in TABLES)])
def test_command_line(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.landscape_inference.CASES", CASES[:1])
    assert main(["--probes", "1", "--tables", name]) == 0
    out = capsys.readouterr().out
    assert f"| {' | '.join(TABLES[name][0])} |" in out
    assert len(out.splitlines()) > 3
