"""An environment of the working folder, by every kind of id, in every command."""

import sys
from pathlib import Path

import gymnasium as gym
import pytest
import yaml

from sb3_entropy.cli.main import main
from sb3_entropy.environments import full_id, import_packages, is_atari, registered_id, spec_of
from sb3_entropy.store import Store
from sb3_entropy.studies import runner
from sb3_entropy.studies.identity import _version
from sb3_entropy.studies.spec import read_study
from sb3_entropy.studies.worker import work

MODULE = """
import gymnasium as gym
import numpy as np

class Own(gym.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 1}
    observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, length, render_mode=None):  # no default: it cannot be made without settings
        self.length, self.render_mode = length, render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(1, np.float32), 1.0, self.t == self.length, False, {}

    def render(self):
        return np.zeros((8, 8, 3), np.uint8)

gym.register("own/Own-v3", entry_point="env_of_the_folder:Own")
"""
PRESET = {"policy": "MlpPolicy", "n_timesteps": 64, "n_steps": 32, "batch_size": 32, "n_epochs": 1}
SMALL = ["--conf-file", "presets.yml", "--eval-freq", "-1", "--verbose", "0"]


def forget():
    """As in a new process."""
    gym.registry.pop("own/Own-v3", None)
    sys.modules.pop("env_of_the_folder", None)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs a command line as the console script does, in a folder that holds the module and is not on the path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    Path("env_of_the_folder.py").write_text(MODULE)
    Path("presets.yml").write_text(yaml.safe_dump({"default": PRESET}))

    def run(*arguments):
        forget()
        monkeypatch.setattr(sys, "argv", ["sb3-entropy", *arguments])
        return main()

    yield run
    forget()


def test_it_is_trained_watched_evaluated_and_drawn(command, capsys):
    train = ["train", "--algo", "sppo", *SMALL, "--env-kwargs", "length:7", "--seed", "0", "--device", "cpu"]
    assert command(*train, "--env", "env_of_the_folder:own/Own") == 0, capsys.readouterr().err
    watch = ["--algo", "sppo", "--no-render", "-n", "14"]
    # What the run imported is known from its settings.
    for env_id in ("own/Own-v3", "env_of_the_folder:own/Own-v3", "env_of_the_folder:own/Own"):
        assert command("enjoy", "--env", env_id, *watch) == 0, capsys.readouterr().err
        assert "Mean episode length: 7.00" in capsys.readouterr().out
    assert command("benchmark", "-n", "1", "--device", "cpu") == 0, capsys.readouterr().err
    assert "| sppo | own/Own-v3 | own-Own-v3_1 | 64 | deterministic | 7.00 |" in capsys.readouterr().out
    draw = ["frames", "--algo", "sppo", "-n", "3", "--n-frames", "1"]
    assert command(*draw, "--env", "env_of_the_folder:own/Own", "--env-kwargs", "length:2") == 0
    assert command(*draw, "--env", "own/Own-v3", "--gym-packages", "env_of_the_folder") == 0, capsys.readouterr().err


def test_it_is_compared_and_the_study_can_be_run_again(command, capsys, monkeypatch):
    def work_elsewhere(task, surroundings):
        forget()
        monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != surroundings.folder])
        return work(task, surroundings)

    monkeypatch.setattr(runner, "work", work_elsewhere)
    options = ["--seeds", "1", "-n", "32", "--alphas", "0.1", "--engine", "serial", "--preset", "presets.yml"]
    assert command("compare", "--env", "env_of_the_folder:own/Own", "--env-kwargs", "length:5", *options) == 0, (
        capsys.readouterr().err
    )
    file = "reports/compare_sppo_own-Own-v3/compare_sppo_own-Own-v3.yml"
    kept = read_study(Path(file))
    assert kept.packages == ("env_of_the_folder",)
    assert kept.environments["own/Own-v3"].env_kwargs == {"length": 5}
    assert kept.source == (
        "sb3-entropy compare --env own/Own-v3 --gym-packages env_of_the_folder --env-kwargs length:5 -n 32 --seeds 1 "
        "--alphas 0.1 --preset presets.yml"
    )
    with Store("runs/studies.sqlite") as store:
        records = [record for _, record in store.runs(kept.name)]
    assert {record.definition["environment"] for record in records} == {"own/Own-v3"}
    assert {record.curves["deterministic/length"][-1] for record in records} == {5.0}
    assert command("study", "check", file) == 0, capsys.readouterr().err
    assert command("study", "run", file, "--engine", "serial") == 0
    assert "4 were done before" in capsys.readouterr().out
    # Another environment under the same id makes other runs.
    before = _version("env-of-the-folder")
    assert before.startswith("source ")
    assert {record.definition["versions"]["env-of-the-folder"] for record in records} == {before}
    Path("env_of_the_folder.py").write_text(MODULE.replace("1.0, self.t", "2.0, self.t"))
    _version.cache_clear()
    assert _version("env-of-the-folder") not in (before, "not installed as a package")


def test_a_package_that_cannot_be_imported_is_named(command, capsys):
    for arguments in (
        ["train", "--algo", "sppo", "--env", "CartPole-v1"],
        ["compare", "--env", "CartPole-v1"],
        ["benchmark"],
        ["frames", "--algo", "sppo", "--env", "CartPole-v1"],
    ):
        assert command(*arguments, "--gym-packages", "no_such_package") == 2
        assert "The package 'no_such_package', which is to register environments, cannot be" in capsys.readouterr().err
    assert command("compare", "--env", "CartPole-v1", "--env-kwargs", "render_mode:__import__('os')") == 2
    assert "is neither a number, a word nor a literal" in capsys.readouterr().err


def test_kinds_of_ids():
    gridworld = "sb3_entropy_gridworld:entropy/Gridworld-v0"
    assert registered_id("CartPole") == registered_id("gymnasium.envs.classic_control:CartPole") == "CartPole-v1"
    assert registered_id(gridworld) == full_id(gridworld) == spec_of(gridworld).id == "entropy/Gridworld-v0"
    assert full_id("unknown:Own-v0") == "Own-v0"
    assert full_id("unknown:Own") == "Own"
    assert not is_atari("CartPole")
    with pytest.raises(ValueError, match="Unknown environment 'CartPole-v9'"):
        registered_id("CartPole-v9")
    import_packages([])
