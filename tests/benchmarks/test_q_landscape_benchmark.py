"""The benchmark of landscapes of Q measures what it says, and fails where a limit is exceeded."""

import json
from pathlib import Path

import pytest

from benchmarks import q_landscape


def test_it_says_what_was_measured_and_whether_that_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.json"
    arguments = ["--only", "landscape", "--rounds", "1", "--json", str(file)]
    monkeypatch.setattr(q_landscape, "LANDSCAPE_LIMIT", 1e-9)
    assert q_landscape.main(arguments) == 1
    found = json.loads(file.read_text(encoding="utf-8"))["landscape"]
    assert found["values"] == 8 * 41 * 41 * 4
    assert set(found["fitted"]) == {"Q", "gradient", "density", "distance from the data"}
    assert 0 < found["fitted"]["Q"] < 1
    assert 0 < found["own"]["Q"] < 1
    assert json.loads(capsys.readouterr().out)["landscape"] == found
    monkeypatch.setattr(q_landscape, "landscape", lambda rounds: {**found, "fitted": {"Q": 0.0}, "own": {"Q": 1e-10}})
    assert q_landscape.main(arguments) == 0
    monkeypatch.setattr(q_landscape, "fit", lambda updates: {"seconds": updates / 100})
    assert q_landscape.main(["--only", "fit"]) == 1
    assert q_landscape.main(["--only", "fit", "--updates", "17999"]) == 0
