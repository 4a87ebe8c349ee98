"""The table over every trained agent of a log folder."""

import csv
from pathlib import Path

import pytest

from sb3_entropy.cli.main import main

QUIET = ["--eval-freq", "-1", "--verbose", "0"]


@pytest.fixture
def logs(tiny, train):
    """A finished run, a killed one that left checkpoints, and one that cannot be read."""
    assert main([*train, *QUIET]) == 0
    assert main([*train, *QUIET, "--save-freq", "64"]) == 0
    killed = Path("logs/sppo/Pendulum-v1_2")
    (killed / "Pendulum-v1.zip").unlink()
    (killed / "Pendulum-v1" / "vecnormalize.pkl").write_bytes(b"of another moment")
    return tiny / "logs"


def test_every_agent_is_evaluated_both_ways(logs, capsys):
    assert main(["benchmark", "-f", "logs", "-n", "2", "--device", "cpu"]) == 0, capsys.readouterr().err
    rows = list(csv.DictReader((logs / "benchmark.csv").open()))
    assert [(row["algo"], row["env"], row["run"], row["training_steps"], row["actions"]) for row in rows] == [
        ("sppo", "Pendulum-v1", f"Pendulum-v1_{run}", "128", actions)
        for run in (1, 2)
        for actions in ("deterministic", "stochastic")
    ]
    for row in rows:
        assert row["episodes"] == "2"
        assert -2000 < float(row["mean"]) < 0  # raw rewards, though trained on normalised ones
        assert float(row["std"]) > 0
    # The checkpoint at 128 steps and the finished agent come from the same seed: equal policies, equal returns.
    assert rows[0]["mean"] == rows[2]["mean"]
    assert rows[0]["mean"] != rows[1]["mean"]
    table = (logs / "benchmark.md").read_text().splitlines()
    assert table[0] == "| algo | env | run | training steps | actions | mean | std | episodes |"
    assert len(table) == 6
    assert f"| {float(rows[0]['mean']):.2f} |" in table[2]


def test_an_agent_that_cannot_be_evaluated_is_named_and_the_others_are_evaluated(logs, capsys, tmp_path):
    Path("logs/sppo/Pendulum-v1_1/Pendulum-v1.zip").write_bytes(b"no zip")
    assert main(["benchmark", "-f", "logs", "-n", "1", "-o", str(tmp_path / "out")]) == 1
    assert "Not evaluated: logs/sppo/Pendulum-v1_1/Pendulum-v1.zip" in capsys.readouterr().err
    assert len((tmp_path / "out" / "benchmark.csv").read_text().splitlines()) == 3


def test_an_empty_folder_is_refused(tiny, capsys):
    assert main(["benchmark", "-f", "nowhere"]) == 2
    assert "There is no trained agent below nowhere" in capsys.readouterr().err
    assert main(["benchmark", "-n", "0"]) == 2
    assert "--n-episodes must be a whole number ≥ 1" in capsys.readouterr().err
