"""Snapshots in a run of ``train``, asked for in its YAML."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CheckpointCallback

from sb3_entropy import SPPO
from sb3_entropy.callbacks import SnapshotArchive
from sb3_entropy.cli.main import main
from sb3_entropy.zoo.snapshots import without_snapshots

NAME = "sb3_entropy.callbacks.SnapshotCallback"
CASES: dict[str, tuple[Any, Any, list[int]]] = {
    "ppo": (NAME, PPO, [0, 96]),
    "sppo": (
        [{NAME: {"every": 40, "at": [3]}}, "stable_baselines3.common.callbacks.ProgressBarCallback"],
        SPPO,
        [0, 3, 40, 80, 96],
    ),
}


@pytest.mark.parametrize("algo", CASES)
def test_a_preset_asks_for_snapshots(algo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    callback, cls, steps = CASES[algo]
    preset = {"n_timesteps": 96, "policy": "MlpPolicy", "n_steps": 32, "batch_size": 32, "n_epochs": 1}
    preset |= {"normalize": True, "callback": callback}
    Path("tiny.yml").write_text(yaml.safe_dump({"Pendulum-v1": preset}))
    train = (
        f"train --algo {algo} --env Pendulum-v1 --conf-file tiny.yml --seed 0 --device cpu --eval-freq -1 --verbose 0"
    )
    assert main(train.split()) == 0
    run = tmp_path / "logs" / algo / "Pendulum-v1_1"
    archive = SnapshotArchive(run / "snapshots")
    assert archive.steps == steps
    end = archive.restore(run / "Pendulum-v1.zip", step=96, device="cpu")
    assert type(end) is cls
    own = cls.load(run / "Pendulum-v1.zip", device="cpu").policy.state_dict()
    assert all((tensor == own[name]).all() for name, tensor in end.policy.state_dict().items())
    begin = archive.restore(run / "Pendulum-v1.zip", step=0, device="cpu").policy.state_dict()
    assert not all((tensor == own[name]).all() for name, tensor in begin.items())
    assert archive.statistics(0)["obs_rms.count"] < archive.statistics(96)["obs_rms.count"]
    assert main([*train.split(), "-i", str(run / "Pendulum-v1.zip")]) == 0
    assert SnapshotArchive(run.with_name("Pendulum-v1_2") / "snapshots").steps[:: len(steps)] == [96]


def test_a_search_keeps_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trials would have one folder, and the second would be refused."""
    monkeypatch.chdir(tmp_path)
    preset = {"n_timesteps": 32, "policy": "MlpPolicy", "callback": [{NAME: {"path": "all", "every": 8}}]}
    Path("tiny.yml").write_text(yaml.safe_dump({"CartPole-v1": preset}))
    search = "train --algo sppo --env CartPole-v1 --conf-file tiny.yml --seed 0 --device cpu -optimize --n-trials 2 "
    search += "--n-evaluations 1 --eval-episodes 1 --verbose 0 --sampler random --pruner none --n-startup-trials 0"
    assert main(search.split()) == 0
    assert not Path("all").exists()


def test_what_keeps_snapshots_is_known_however_it_is_written() -> None:
    others = ["stable_baselines3.common.callbacks.ProgressBarCallback", CheckpointCallback(5, "logs")]
    assert without_snapshots(NAME) == without_snapshots({NAME: {"every": 5}}) == without_snapshots(None) == []
    assert without_snapshots([others[0], {NAME: {}}, others[1], NAME]) == others
