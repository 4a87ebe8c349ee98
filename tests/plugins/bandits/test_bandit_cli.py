"""Every bandit from the command line: trained in a batch of its own and in processes, and looked at again."""

import os
from pathlib import Path

import pytest
import yaml

from sb3_entropy.cli.main import main

SMALL = {"policy": "MlpPolicy", "n_envs": 2, "n_steps": 4, "n_timesteps": 16, "policy_kwargs": {"net_arch": [4]}}
IDS = {
    "entropy/DigitsBandit-v0": {},
    "entropy/TabularBandit-v0": {"x": [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [2.0, 1.0]] * 5, "y": [0, 1, 2, 1] * 5},
    "entropy/MNISTBandit-v0": {},
    "entropy/FashionMNISTBandit-v0": {},
    "entropy/CIFAR10Bandit-v0": {},
    "entropy/SpotifyBandit-v0": {},
}


#: their like is tried by the others
MORE = {"entropy/FashionMNISTBandit-v0", "entropy/CIFAR10Bandit-v0"}


@pytest.mark.parametrize(
    ("env_id", "kind"),
    [
        *(pytest.param(env_id, "native", marks=[pytest.mark.slow] if env_id in MORE else []) for env_id in IDS),
        # In processes each loads the data anew: once is enough.
        pytest.param("entropy/DigitsBandit-v0", "subproc", marks=pytest.mark.slow),
    ],
)
def test_is_trained_and_enjoyed(env_id: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if env_id not in list(IDS)[:2] and "SB3_ENTROPY_DATA" not in os.environ:
        pytest.skip("SB3_ENTROPY_DATA names no data folder")
    presets = tmp_path / "presets.yml"
    presets.write_text(yaml.safe_dump({env_id: {**SMALL, "env_kwargs": IDS[env_id]}}))
    logs = str(tmp_path / "logs")
    options = ["--algo", "divergence_reg_pg", "--env", env_id, "-f", logs]
    training = ["--conf-file", str(presets), "--vec-env", kind, "--seed", "1", "--verbose", "0"]
    # rl-zoo does not give a preset's env_kwargs to the environments of evaluation.
    evaluation = ["--eval-freq", "-1"] if IDS[env_id] else ["--eval-freq", "8", "--eval-episodes", "2"]
    assert main(["train", *options, *training, *evaluation]) == 0
    run = tmp_path / "logs" / "divergence_reg_pg" / f"{env_id.replace('/', '-')}_1"
    assert (run / f"{env_id.replace('/', '-')}.zip").is_file()
    assert main(["enjoy", *options, "--no-render", "-n", "6", "--verbose", "1"]) == 0
    assert "Mean reward" in capsys.readouterr().out


@pytest.mark.slow  # digits take the same steps in test_bandit_env_batch
@pytest.mark.skipif("SB3_ENTROPY_DATA" not in os.environ, reason="SB3_ENTROPY_DATA names no data folder")
@pytest.mark.parametrize("env_id", ["MNISTBandit-v0", "SpotifyBandit-v0"])
def test_steps_in_processes(env_id: str) -> None:
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import SubprocVecEnv

    batch = make_vec_env(f"sb3_entropy_bandits:entropy/{env_id}", 2, seed=0, vec_env_cls=SubprocVecEnv)
    first = batch.reset()
    for _ in range(3):
        observations, rewards, dones, infos = batch.step([0, 1])
        assert dones.all()
        assert observations.shape == first.shape
        assert all("terminal_observation" in info and info["regret"] >= 0 for info in infos)
    assert len(rewards) == 2
    batch.close()
