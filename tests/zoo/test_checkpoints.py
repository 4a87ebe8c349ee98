"""Saved agents survive what happens while they are being saved."""

import pickle

import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import EveryNTimesteps
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy import SPPO
from sb3_entropy.zoo.checkpoints import (
    BestAgent,
    Checkpoints,
    check_agent,
    find_statistics,
    own_statistics,
    save_agent,
    save_statistics,
)


def make(algorithm, env=None):
    env = env or VecNormalize(make_vec_env("Pendulum-v1", seed=0))
    return algorithm("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, device="cpu", seed=0)


def fail(*_, **__):
    raise OSError("No space left on device")


@pytest.mark.parametrize("algorithm", [SPPO, PPO])
def test_a_failing_save_leaves_the_earlier_file(tmp_path, monkeypatch, algorithm):
    model = make(algorithm)
    agent, statistics = tmp_path / "agent.zip", tmp_path / "statistics.pkl"
    save_agent(model, agent)
    save_statistics(model.get_vec_normalize_env(), statistics)
    kept = agent.read_bytes(), statistics.read_bytes()
    monkeypatch.setattr(model.policy, "state_dict", fail)
    monkeypatch.setattr(VecNormalize, "__getstate__", fail)
    with pytest.raises(OSError, match="No space left"):
        save_agent(model, agent)
    with pytest.raises(OSError, match="No space left"):
        save_statistics(model.get_vec_normalize_env(), statistics)
    assert (agent.read_bytes(), statistics.read_bytes()) == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.zip", "statistics.pkl"]


def test_every_checkpoint_has_the_statistics_of_its_own_step(tmp_path):
    model = make(SPPO)
    model.learn(64, callback=Checkpoints(16, tmp_path, tmp_path / "env" / "vecnormalize.pkl"))
    for step in (16, 32, 48, 64):
        agent = tmp_path / f"rl_model_{step}_steps.zip"
        assert SPPO.load(agent).num_timesteps == step
        statistics = pickle.loads(own_statistics(agent).read_bytes())
        assert statistics.obs_rms.count == pytest.approx(step + 1, abs=0.1)  # and the reset
    latest = pickle.loads((tmp_path / "env" / "vecnormalize.pkl").read_bytes())
    assert latest.obs_rms.count == pytest.approx(65, abs=0.1)


def test_without_normalisation_there_are_no_statistics(tmp_path):
    model = make(SPPO, make_vec_env("Pendulum-v1"))
    best = EveryNTimesteps(32, BestAgent(tmp_path, tmp_path / "vecnormalize.pkl"))
    model.learn(32, callback=[Checkpoints(32, tmp_path, tmp_path / "vecnormalize.pkl"), best])
    assert {path.name for path in tmp_path.iterdir()} == {"rl_model_32_steps.zip", "best_model.zip"}


def test_the_best_agent_keeps_its_statistics(tmp_path):
    model = make(SPPO)
    model.learn(32, callback=EveryNTimesteps(32, BestAgent(tmp_path, tmp_path / "vecnormalize.pkl")))
    assert SPPO.load(tmp_path / "best_model.zip").num_timesteps == 32
    for name in ("best_model_vecnormalize.pkl", "vecnormalize.pkl"):
        assert pickle.loads((tmp_path / name).read_bytes()).obs_rms.count == pytest.approx(33, abs=0.1)


def test_where_statistics_are_looked_for(tmp_path):
    own = {
        "rl_model_64_steps.zip": "rl_model_vecnormalize_64_steps.pkl",
        "my_own_64_steps.zip": "my_own_vecnormalize_64_steps.pkl",
        "best_model.zip": "best_model_vecnormalize.pkl",
    }
    for agent, statistics in own.items():
        assert own_statistics(tmp_path / agent) == tmp_path / statistics
    assert own_statistics(tmp_path / "Pendulum-v1.zip") is None
    settings = tmp_path / "Pendulum-v1"
    settings.mkdir()
    assert find_statistics(tmp_path / "Pendulum-v1.zip", settings) is None
    assert find_statistics(tmp_path / "best_model.zip", settings) is None
    (settings / "vecnormalize.pkl").touch()
    assert find_statistics(tmp_path / "Pendulum-v1.zip", settings) == settings / "vecnormalize.pkl"
    for agent, statistics in own.items():
        with pytest.warns(UserWarning, match=f"there is no {statistics} beside it"):
            assert find_statistics(tmp_path / agent, settings) == settings / "vecnormalize.pkl"
        (tmp_path / statistics).touch()
        assert find_statistics(tmp_path / agent, settings) == tmp_path / statistics


def test_an_agent_to_go_on_from_is_checked(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no saved agent at 'none.zip'"):
        check_agent("none.zip")
    cut = tmp_path / "cut.zip"
    save_agent(make(SPPO), cut)
    check_agent(str(cut))
    cut.write_bytes(cut.read_bytes()[:1000])
    with pytest.raises(ValueError, match="was cut short"):
        check_agent(str(cut))
