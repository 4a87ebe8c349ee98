"""The demo in small: two processes, logs, table and figure."""

import sys
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import PPO

from sb3_entropy import SPPO
from sb3_entropy.cli import demo
from sb3_entropy.cli.main import main


@pytest.mark.slow  # make demo is run by itself; below are its parts
@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_demo_trains_both_draws_and_tabulates(processes, tmp_path, capsys):
    folder = tmp_path / "demo"
    (folder / "SPPO_seed7").mkdir(parents=True)  # left by an earlier demo
    command = ["demo", "-f", str(folder), "--steps", "2048", "--seeds", "1", "--processes", processes]
    assert main(command) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["PPO_seed0", "SPPO_seed0", "comparison.png"]
    for algo in ("PPO", "SPPO"):
        assert list((folder / f"{algo}_seed0").glob("events*"))
        row = next(line.split() for line in out.splitlines() if line.startswith(f"{algo} ") and "±" in line)
        assert -2000 < float(row[1]) < -100
    assert SPPO.load(folder / "SPPO_seed0" / "model.zip").num_timesteps == 2048
    assert PPO.load(folder / "PPO_seed0" / "model.zip").ent_coef == 0
    assert "make tensorboard" in out
    assert str(folder / "comparison.png") in out
    figure = (folder / "comparison.png").read_bytes()
    assert figure[:4] == b"\x89PNG"
    (folder / "comparison.png").unlink()
    assert main(["demo", "-f", str(folder), "--redraw"]) == 0
    assert (folder / "comparison.png").stat().st_size == pytest.approx(len(figure), rel=0.05)


def test_a_run_tells_how_far_it_is_and_how_it_ended(tmp_path, monkeypatch):
    counters = [0, 0]
    monkeypatch.setattr(demo, "_steps_done", None)
    monkeypatch.setattr(demo, "EPISODES", 2)
    demo._share(counters)
    result = demo.train_run("SPPO", 3, 2048, tmp_path / "run", 1)
    assert counters == [0, 2048]
    assert result.algo == "SPPO"
    assert result.temperature == pytest.approx(0.2)
    assert result.entropy > 0
    assert -2000 < result.mean_return < 0
    assert np.isfinite(result.seconds)
    assert (tmp_path / "run" / "model.zip").is_file()


def test_both_are_trained_alike_but_for_entropy():
    ours, stock = demo.settings("SPPO"), demo.settings("PPO")
    entropy = {"ent_coef", "target_entropy", "ent_coef_lr"}
    assert {k: v for k, v in ours.items() if k not in entropy} == {k: v for k, v in stock.items() if k not in entropy}
    assert stock["ent_coef"] == 0
    assert not {"target_entropy", "ent_coef_lr"} & stock.keys()


@pytest.mark.slow
def test_a_run_that_fails_ends_the_demo(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "ALGORITHMS", {"NONE": None, "SPPO": SPPO})
    assert main(["demo", "-f", str(tmp_path), "--steps", "1", "--seeds", "1", "--processes", "1"]) != 0
    assert "NONE" in capsys.readouterr().err


@pytest.mark.parametrize(("module", "message"), [("rich", "needs rich"), ("matplotlib", "needs matplotlib")])
def test_missing_libraries_are_named(tmp_path, monkeypatch, capsys, module, message):
    monkeypatch.delitem(sys.modules, "sb3_entropy.plots.training_curves", raising=False)
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    arguments = ["demo", "-f", str(tmp_path)] + (["--redraw"] if module == "matplotlib" else [])
    assert main(arguments) == 2
    captured = capsys.readouterr().err
    assert message in captured
    assert "pip install -e" in captured
    assert not list(Path(tmp_path).iterdir())
