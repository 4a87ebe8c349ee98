"""A tiny preset file, and the command line in-process."""

import pytest
import yaml

PRESET = {
    "n_envs": 2,
    "n_timesteps": 128,
    "policy": "MlpPolicy",
    "n_steps": 32,
    "batch_size": 32,
    "n_epochs": 1,
    "normalize": {"norm_obs": True, "norm_reward": True},
    "learning_rate": "lin_0.001",
    "ent_coef": "auto_0.05",
    "policy_kwargs": {"activation_fn": "relu", "net_arch": {"pi": [8], "vf": [8]}},
}


@pytest.fixture
def preset():
    """SPPO on Pendulum, in a second."""
    return PRESET


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A working folder with that preset in ``tiny.yml``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yml").write_text(yaml.safe_dump({"Pendulum-v1": PRESET}))
    return tmp_path


@pytest.fixture
def train():
    """The command line that trains on it."""
    return [
        "train",
        "--algo",
        "sppo",
        "--env",
        "Pendulum-v1",
        "--conf-file",
        "tiny.yml",
        "--seed",
        "0",
        "--device",
        "cpu",
    ]
