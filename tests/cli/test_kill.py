"""A run that is killed while it trains: its last checkpoint loads, and training goes on from it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from sb3_entropy import SPPO, SACAdaEnt
from sb3_entropy.cli.main import main


@pytest.mark.slow
def test_a_killed_run_is_continued(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    preset = {"n_timesteps": 10**7, "policy": "MlpPolicy", "n_steps": 64, "batch_size": 64, "n_epochs": 1}
    preset |= {"normalize": True, "ent_coef": "auto_0.1", "ent_coef_lr": 1e-3}
    Path("killed.yml").write_text(yaml.safe_dump({"Pendulum-v1": preset}))
    train = ["train", "--algo", "sppo", "--env", "Pendulum-v1", "--conf-file", "killed.yml", "--seed", "1"]
    train += ["--eval-freq", "-1", "--device", "cpu"]
    run = tmp_path / "logs" / "sppo" / "Pendulum-v1_1"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "sb3_entropy.cli", *train, "--save-freq", "5", "--verbose", "0"],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        deadline = time.monotonic() + 60
        while not (run / "rl_model_300_steps.zip").exists():  # a checkpoint every 5 steps: killed amid saving, likely
            assert process.poll() is None, "training ended by itself"
            assert time.monotonic() < deadline, "no checkpoint within a minute"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    checkpoints = {int(path.stem.split("_")[2]): path for path in run.glob("rl_model_*_steps.zip")}
    last = max(checkpoints)
    assert last >= 300
    killed = {step: SPPO.load(path) for step, path in checkpoints.items() if step > last - 100}
    assert {step: model.num_timesteps for step, model in killed.items()} == {step: step for step in killed}

    assert main([*train, "-i", str(checkpoints[last]), "-n", "128", "-tb", "tb"]) == 0
    assert f"Going on from step {last} for 128 steps more, to step {last + 128}" in capsys.readouterr().out
    continued = SPPO.load(tmp_path / "logs" / "sppo" / "Pendulum-v1_2" / "Pendulum-v1.zip")
    assert continued.num_timesteps == last + 128
    assert continued._n_updates == killed[last]._n_updates + 2
    # The tuned temperature goes on from where it was: two updates of at most 64 · 1e-3 in log α.
    alphas = [model.temperature.value(0.0) for model in (killed[last], continued)]
    assert alphas[0] != 0.1
    assert 0.87 < alphas[1] / alphas[0] < 1.15
    watch = [
        "enjoy",
        "--algo",
        "sppo",
        "--env",
        "Pendulum-v1",
        "--exp-id",
        "1",
        "--load-last-checkpoint",
        "--no-render",
    ]
    assert main([*watch, "-n", "200"]) == 0
    assert "Mean episode length: 200.00" in capsys.readouterr().out


def test_a_killed_off_policy_run_is_continued_with_its_replay_buffer(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    preset = {
        "n_timesteps": 10**7,
        "policy": "MlpPolicy",
        "learning_starts": 10,
        "batch_size": 4,
        "buffer_size": 5000,
    }
    preset |= {"similarity_samples": 4, "policy_kwargs": {"net_arch": [4]}, "learning_rate": 0.01}
    Path("killed.yml").write_text(yaml.safe_dump({"Pendulum-v1": preset}))
    train = ["train", "--algo", "sac_adaent", "--env", "Pendulum-v1", "--conf-file", "killed.yml", "--seed", "1"]
    train += ["--eval-freq", "-1", "--device", "cpu", "--save-replay-buffer"]
    run = tmp_path / "logs" / "sac_adaent" / "Pendulum-v1_1"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "sb3_entropy.cli", *train, "--save-freq", "5", "--verbose", "0"],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        deadline = time.monotonic() + 60
        while not (run / "rl_model_30_steps.zip").exists():
            assert process.poll() is None, "training ended by itself"
            assert time.monotonic() < deadline, "no checkpoint within a minute"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    last = max(int(path.stem.split("_")[2]) for path in run.glob("rl_model_*_steps.zip"))
    killed = SACAdaEnt.load(run / f"rl_model_{last}_steps.zip")
    assert killed.num_timesteps == last >= 30
    assert main([*train, "-i", str(run / f"rl_model_{last}_steps.zip"), "-n", "20"]) == 0
    said = capsys.readouterr().out
    assert f"Loading replay buffer from {run}/rl_model_replay_buffer_{last}_steps.pkl" in said
    assert f"Going on from step {last} for 20 steps more, to step {last + 20}" in said
    continued = SACAdaEnt.load(tmp_path / "logs" / "sac_adaent" / "Pendulum-v1_2" / "Pendulum-v1.zip")
    assert (continued.num_timesteps, continued._n_updates) == (last + 20, killed._n_updates + 20)
    continued = SACAdaEnt("MlpPolicy", "Pendulum-v1", device="cpu", buffer_size=1000)
    continued.load_replay_buffer("logs/sac_adaent/Pendulum-v1_2/replay_buffer.pkl")
    assert continued.replay_buffer.pos == last - 1 + 20  # the step of the checkpoint was under way
