"""What the tables say of measurements whose values are known."""

import json

import pytest

from benchmarks import run
from benchmarks.timing import report
from benchmarks.timing.cells import Cell
from benchmarks.timing.pairs import Rounds

CELL = Cell("sppo", "Pendulum-v1", 8)


def _times(ours: float) -> report.TimeResult:
    rounds = Rounds(
        {"ours": [ours] * 15, "parent": [2.0] * 15, "control": [2.02] * 15}, {"ours": [1.0], "parent": [1.0]}
    )
    return report.TimeResult(CELL, rounds)


@pytest.mark.parametrize(("ours", "word"), [(2.06, "| met |"), (2.08, "| not met |")])
def test_time_row(ours: float, word: str) -> None:
    row = report.time_row(_times(ours))
    assert row.endswith(word)
    assert f"**{ours / 2:.3f}**" in row
    assert "1.010 (1.010–1.010)" in row


@pytest.mark.parametrize(("ours", "word"), [(104.0, "| met |"), (106.0, "| not met |")])
def test_memory_row(ours: float, word: str) -> None:
    result = report.MemoryResult(CELL, [(ours, 30.0), (999.0, 40.0), (1.0, 20.0)], [(100.0, 20.0)] * 3)
    assert report.memory_row(result).endswith(word)
    assert f"{ours:.0f} / 100 MiB | 30 / 20 MiB | **{ours / 100:.3f}**" in report.memory_row(result)


def test_data_can_be_written_as_json() -> None:
    data = json.loads(json.dumps(_times(2.0).data()))
    assert data["ratio"]["median"] == 1.0
    assert data["wall_seconds"]["control"] == [2.02] * 15


@pytest.mark.parametrize(("strict", "ours", "status"), [([], 9.0, 0), (["--strict"], 9.0, 1), (["--strict"], 2.0, 0)])
def test_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], strict: list[str], ours: float, status: int
) -> None:
    monkeypatch.setattr(run, "time_cell", lambda *_, **__: _times(ours).rounds)
    arguments = ["--only", "sppo", "--env", "Pendulum-v1", "--n-envs", "8", "--memory-repeats", "0", *strict]
    assert run.main(arguments) == status
    printed = capsys.readouterr().out
    assert "python -m benchmarks.run --only sppo" in printed
    assert "median of 15 pairs" in printed
