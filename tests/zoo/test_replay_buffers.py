"""Replay buffers on the command line: kept with a checkpoint, and gone on from."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import yaml
from gymnasium import spaces
from stable_baselines3 import PPO

from sb3_entropy import SDDPG
from sb3_entropy.cli.main import main
from sb3_entropy.zoo.checkpoints import Checkpoints, find_replay_buffer

TINY = {"learning_starts": 8, "batch_size": 4, "buffer_size": 200, "policy_kwargs": {"net_arch": [4]}}


def test_a_checkpoint_keeps_the_buffer_of_its_moment_and_no_earlier_one(tmp_path):
    model = SDDPG("MlpPolicy", "Pendulum-v1", device="cpu", **TINY)
    model.learn(40, callback=Checkpoints(12, tmp_path, tmp_path / "vecnormalize.pkl", with_replay_buffer=True))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "rl_model_12_steps.zip",
        "rl_model_24_steps.zip",
        "rl_model_36_steps.zip",
        "rl_model_replay_buffer_36_steps.pkl",
    ]
    found = find_replay_buffer(tmp_path / "rl_model_36_steps.zip")
    model.load_replay_buffer(found)
    assert model.replay_buffer.pos == 35  # the step that is under way is stored after the callback
    assert find_replay_buffer(tmp_path / "rl_model_24_steps.zip") is None
    (tmp_path / "replay_buffer.pkl").write_bytes(b"")
    assert find_replay_buffer(tmp_path / "rl_model_24_steps.zip").name == "replay_buffer.pkl"
    assert find_replay_buffer(tmp_path / "Pendulum-v1.zip").name == "replay_buffer.pkl"


def test_what_has_no_buffer_saves_none(tmp_path):
    model = PPO("MlpPolicy", "Pendulum-v1", n_steps=16, batch_size=16, n_epochs=1, device="cpu")
    model.learn(16, callback=Checkpoints(16, tmp_path, tmp_path / "vecnormalize.pkl", with_replay_buffer=True))
    assert [file.name for file in tmp_path.iterdir()] == ["rl_model_16_steps.zip"]


@pytest.mark.parametrize("algo", ["sddpg", "sac_adaent"])
def test_a_run_goes_on_from_its_own_buffer(algo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    preset = {"n_timesteps": 30, "policy": "MlpPolicy", **TINY}
    Path("tiny.yml").write_text(yaml.safe_dump({"Pendulum-v1": preset}))
    train = ["train", "--algo", algo, "--env", "Pendulum-v1", "--conf-file", "tiny.yml", "--verbose", "0"]
    train += ["--eval-freq", "-1", "--device", "cpu", "--seed", "0", "--save-replay-buffer"]
    assert main([*train, "--save-freq", "20"]) == 0, capsys.readouterr().err
    run = Path(f"logs/{algo}/Pendulum-v1_1")
    checkpoint = run / "rl_model_20_steps.zip"
    assert main([*train, "-i", str(checkpoint), "-n", "10"]) == 0, capsys.readouterr().err
    assert f"Loading replay buffer from {run}/rl_model_replay_buffer_20_steps.pkl" in capsys.readouterr().out
    continued = SDDPG("MlpPolicy", "Pendulum-v1", device="cpu", **TINY)
    continued.load_replay_buffer(f"logs/{algo}/Pendulum-v1_2/replay_buffer.pkl")
    assert continued.replay_buffer.pos == 29  # 19 that the checkpoint had, and 10
    assert main([*train, "-i", str(checkpoint), "-n", "10", "--no-trust"]) == 2
    assert "rl_model_replay_buffer_20_steps.pkl is the pickle of a replay buffer" in capsys.readouterr().err
    for file in run.glob("*.pkl"):
        file.unlink()
    with pytest.warns(UserWarning, match=r"There is no replay buffer beside .*rl_model_20_steps\.zip: it is empty"):
        assert main([*train, "-i", str(checkpoint), "-n", "10", "--no-trust"]) == 0, capsys.readouterr().err


class Reach(gym.Env):
    """Go to a number that is drawn."""

    def __init__(self):
        box = spaces.Box(-1, 1, (1,), np.float64)
        self.observation_space = spaces.Dict({"observation": box, "achieved_goal": box, "desired_goal": box})
        self.action_space = spaces.Box(-1, 1, (1,))

    def compute_reward(self, achieved, desired, info):
        return -(np.abs(achieved - desired) > 0.1).astype(float).reshape(-1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.goal, self.t = np.zeros(1), self.np_random.uniform(-1, 1, 1), 0
        return self._seen(), {}

    def _seen(self):
        return {"observation": self.x, "achieved_goal": self.x, "desired_goal": self.goal}

    def step(self, action):
        self.x, self.t = np.clip(self.x + 0.3 * action, -1, 1), self.t + 1
        return self._seen(), float(self.compute_reward(self.x, self.goal, {})[0]), False, self.t == 10, {}


def test_hindsight_by_its_name_and_in_a_search(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(gym.registry, "Reach-v0", gym.envs.registration.EnvSpec("Reach-v0", entry_point=Reach))
    preset = {"n_timesteps": 40, **TINY, "policy": "MultiInputPolicy", "learning_starts": 20, "buffer_size": 2048}
    preset |= {"replay_buffer_class": "HerReplayBuffer", "replay_buffer_kwargs": {"n_sampled_goal": 3}}
    Path("her.yml").write_text(yaml.safe_dump({"Reach-v0": preset}))
    train = ["train", "--algo", "sac_adaent", "--env", "Reach-v0", "--conf-file", "her.yml", "--verbose", "0"]
    train += ["--eval-freq", "-1", "--device", "cpu", "--seed", "0"]
    assert main([*train, "--save-replay-buffer"]) == 0, capsys.readouterr().err
    first = "logs/sac_adaent/Reach-v0_1/Reach-v0.zip"
    assert main([*train, "-i", first, "-n", "30"]) == 0, capsys.readouterr().err
    search = ["-optimize", "--n-trials", "1", "--n-startup-trials", "0", "--n-evaluations", "1", "--eval-episodes", "1"]
    stored = ["--storage", "her.log", "--study-name", "her"]
    assert main([*train, *search, *stored]) == 0, capsys.readouterr().err
    assert "goal_selection_strategy: " in capsys.readouterr().out
    assert main([*train, *stored, "--trial-id", "0", "-n", "30"]) == 0, capsys.readouterr().err
