"""The benchmark runs, and says which limit is not met."""

import pytest

from benchmarks import statistics


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert statistics.main(["--repeats", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(statistics.cases())
    assert lines[2].startswith("| 50 000 bootstrap replicates of the IQM of 10 × 5 scores |")


def test_a_limit_that_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    one = statistics.Case("nothing", 1e-12, lambda: sum(range(1000)))
    monkeypatch.setattr(statistics, "cases", lambda: [one])
    assert statistics.main(["--repeats", "2"]) == 0
    assert statistics.main(["--repeats", "2", "--strict"]) == 1
    monkeypatch.setattr(statistics, "cases", lambda: [statistics.Case("nothing", 10.0, one.run)])
    assert statistics.main(["--strict"]) == 0
