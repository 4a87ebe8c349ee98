"""The agent of a probe of Q by the command line: a stock run of rl-zoo's, read without running what is in it."""

import os
import pickle
import shutil
from argparse import ArgumentParser
from collections import OrderedDict
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import yaml
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_entropy.cli.q_options import add_agent_options, subject_of
from sb3_entropy.landscape.q.subject import Subject
from sb3_entropy.unpickling.unpickler import UntrustedError

ENV = "Pendulum-v1"
QUICK = ["--episodes", "2", "--refits", "2", "--updates", "20", "--rollout-steps", "100"]
QUICK += ["--env-kwargs", "max_episode_steps:20"]
MODEL: dict[str, Any] = {"learning_starts": 20, "batch_size": 8, "buffer_size": 500, "gamma": 0.9, "device": "cpu"}


def save_run(log: Path, algorithm: Any, normalize: bool) -> Path:
    """A run as rl-zoo leaves it with --save-replay-buffer, by nothing but Stable-Baselines3."""
    key = algorithm.__name__.lower()
    run = log / key / f"{ENV}_1"
    settings = run / ENV
    settings.mkdir(parents=True)
    (settings / "args.yml").write_text(yaml.dump(OrderedDict(algo=key, env=ENV, env_kwargs=None, gym_packages=[])))
    config = OrderedDict(policy="MlpPolicy", normalize=normalize, n_timesteps=100)
    (settings / "config.yml").write_text(yaml.dump(config))
    env: Any = DummyVecEnv([lambda: gym.make(ENV)])
    env = VecNormalize(env) if normalize else env
    model = algorithm("MlpPolicy", env, seed=0, policy_kwargs={"net_arch": [8]}, **MODEL)
    model.learn(100)
    model.save(run / ENV)
    model.save_replay_buffer(run / "replay_buffer.pkl")
    if normalize:
        env.save(str(settings / "vecnormalize.pkl"))
    return run


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stock")
    save_run(folder / "logs", SAC, normalize=True)
    save_run(folder / "logs", TD3, normalize=False)
    return folder / "logs"


@pytest.fixture
def logs(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(saved, "logs")
    return Path("logs")


def look(*arguments: object) -> Subject:
    parser = ArgumentParser()
    add_agent_options(parser)
    return subject_of(parser.parse_args([*map(str, arguments), *QUICK]))


def test_a_stock_run_by_its_path(logs):
    subject = look(logs / "sac" / f"{ENV}_1", "--seed", 3)
    assert subject.name == "SAC on Pendulum-v1, step 100"
    assert subject.plain.n_critics == 2
    assert subject.known is not None
    assert len(subject.known.actions) == 200  # of the buffer, and as many that were played
    assert subject.gamma == 0.9
    statistics = pickle.loads((logs / "sac" / f"{ENV}_1" / ENV / "vecnormalize.pkl").read_bytes())
    scale = float(np.sqrt(statistics.ret_rms.var + statistics.epsilon))
    own = float(SAC.load(logs / "sac" / f"{ENV}_1" / f"{ENV}.zip", device="cpu").log_ent_coef.detach().exp())
    assert subject.soft is not None
    assert subject.soft.ent_coef == pytest.approx(scale * own)
    assert scale > 2
    # the policy sees what it saw in training
    assert np.allclose(subject.visited.observations.mean(), 0, atol=2)
    assert subject.calibration is not None
    assert subject.calibration.returned.max() < 0
    fresh = look(logs / "sac" / f"{ENV}_1", "--fresh", "--ent-coef", 0.5)
    assert fresh.known is not None
    assert len(fresh.known.actions) == 100
    assert fresh.soft is not None
    assert fresh.soft.ent_coef == 0.5


def test_a_zip_with_its_buffer_and_an_agent_without_entropy(logs):
    run = logs / "td3" / f"{ENV}_1"
    shutil.move(run / f"{ENV}.zip", "agent.zip")
    alone = look("agent.zip", "--env", ENV)
    assert alone.soft is None
    assert alone.known is not None
    assert len(alone.known.actions) == 100
    buffer = ("--replay-buffer", run / "replay_buffer.pkl")
    both = look("agent.zip", "--env", ENV, *buffer, "--std", 0.2, "--ent-coef", 0.1, "--algo", "td3")
    assert both.soft is not None
    assert both.known is not None
    assert len(both.known.actions) == 200
    assert look("agent.zip", "--env", ENV, "--own").are_own
    assert not look("agent.zip", "--env", ENV, "--own", "--refit").are_own
    with pytest.raises(ValueError, match=r"was named, and that there be none, --fresh. Leave one of them out"):
        look("agent.zip", "--env", ENV, *buffer, "--fresh")
    with pytest.raises(ValueError, match=r"which does not say its environment. Name it by --env"):
        look("agent.zip")
    with pytest.raises(FileNotFoundError, match=r"There is no replay buffer at none\.pkl"):
        look("agent.zip", "--env", ENV, "--replay-buffer", "none.pkl")
    with pytest.raises(ValueError, match="The environment is not the agent's: its observations are"):
        look("agent.zip", "--env", "MountainCarContinuous-v0")
    with pytest.raises(FileNotFoundError, match="There is no run nowhere"):
        look("nowhere")


def test_a_buffer_that_would_run_something_is_not_read(logs, trap):
    run = logs / "td3" / f"{ENV}_1"
    (run / "replay_buffer.pkl").write_bytes(pickle.dumps(trap))
    with pytest.raises(UntrustedError, match=rf"replay_buffer\.pkl names {os.name}.* --trust reads it as it is"):
        look(run)
    assert not trap.file.exists()
    assert not look(run, "--fresh").are_own
    with pytest.raises(ValueError, match="must hold a ReplayBuffer, but it holds a int"):
        look(run, "--trust")
    assert trap.file.exists()
    trap.file.unlink()


def test_a_wrapper_of_the_run_is_put_around(logs):
    run = logs / "td3" / f"{ENV}_1"
    config = OrderedDict(policy="MlpPolicy", env_wrapper="gymnasium.wrappers.FlattenObservation")
    (run / ENV / "config.yml").write_text(yaml.dump(config))
    assert look(run, "--fresh").name == "TD3 on Pendulum-v1, step 100"
    config["env_wrapper"] = [{"gymnasium.wrappers.RescaleAction": {"min_action": -1.0, "max_action": 1.0}}]
    (run / ENV / "config.yml").write_text(yaml.dump(config))
    with pytest.raises(ValueError, match="The environment is not the agent's: its actions are"):
        look(run)
