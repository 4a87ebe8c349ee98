"""A small run of somebody, to be tampered with."""

import shutil
from pathlib import Path

import pytest
import yaml

from sb3_entropy.cli.main import main


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A log folder with a run of SPPO on Pendulum, under normalisation, with a checkpoint and a best agent."""
    folder = tmp_path_factory.mktemp("somebody")
    preset = {"n_envs": 1, "n_timesteps": 64, "policy": "MlpPolicy", "n_steps": 32, "batch_size": 32, "n_epochs": 1}
    preset |= {"normalize": True, "learning_rate": "lin_0.001", "policy_kwargs": {"net_arch": [4]}}
    preset |= {"env_wrapper": [{"gymnasium.wrappers.RescaleAction": {"min_action": -1.0, "max_action": 1.0}}]}
    (folder / "tiny.yml").write_text(yaml.safe_dump({"Pendulum-v1": preset}))
    train = f"train --algo sppo --env Pendulum-v1 --conf-file {folder}/tiny.yml -f {folder}/logs --seed 0 --device cpu"
    train += " --env-kwargs g:9.0 --verbose 0 --save-freq 32 --eval-freq 32 --eval-episodes 1"
    assert main(train.split()) == 0
    return folder / "logs"


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A copy of that run's folder, in the ``logs`` of the working folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "logs")
    return Path("logs/sppo/Pendulum-v1_1")
