"""The benchmark of candidates in lockstep runs, and says what it was asked for."""

import json

import pytest

from benchmarks import landscape
from benchmarks.landscape import LOOP, RAW, ROWS, WORKERS, Row, main, raw_steps


def test_the_rows_are_those_with_goals():
    goals = {(row.name, row.against): row.goal for row in ROWS}
    assert len(goals) == len(ROWS)
    assert goals["Hopper-v5 linear", RAW] == goals["HalfCheetah-v5 linear", RAW] == 0.93
    assert (goals["Hopper-v5 64×64", RAW], goals["HalfCheetah-v5 64×64", RAW]) == (0.88, 0.82)
    assert (goals["Hopper-v5 64×64", LOOP], goals["HalfCheetah-v5 64×64", LOOP]) == (8, 10)
    assert goals["Hopper-v5 64×64", WORKERS] == 0.8


def test_a_small_row_of_each_kind_is_measured(monkeypatch, tmp_path, capsys):
    pytest.importorskip("envpool")
    monkeypatch.setattr(landscape, "ROWS", [Row("Hopper-v5", (4,), kind, 0.0, 4, 2, 5) for kind in (RAW, LOOP)])
    assert main(["--rounds", "1", "--threads", "1", "--json", str(tmp_path / "found.json")]) == 0
    assert "| Hopper-v5 4 | 4 | 1 | evaluate_policy |" in capsys.readouterr().out
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    assert all(row["met"] and row["ratio"]["median"] > 0 for row in rows)


def test_workers_step_alone(monkeypatch):
    monkeypatch.setattr(landscape, "N_RAW", 12)
    assert raw_steps(("Pendulum-v1", 5, 0), None) == 12 + 3
    landscape._envs.clear()


def test_more_rounds_than_a_pool_has_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--rounds", "16"])
    assert "--rounds must be from 1 to 15" in capsys.readouterr().err
