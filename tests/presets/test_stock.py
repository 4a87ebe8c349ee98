"""Stable-Baselines3's own algorithms by name: their settings as YAMLs have them, and no more memory than is needed."""

import numpy as np
import pytest
import torch as th
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

from sb3_entropy.presets.build import find_algorithm, make_envs, make_model
from sb3_entropy.presets.check import check_preset
from sb3_entropy.presets.library import preset_files
from sb3_entropy.presets.stock import STOCK, is_off_policy
from sb3_entropy.studies.identity import behaviours, versions

SMALL = {"policy_kwargs": {"net_arch": [8]}}
OFF_POLICY = {**SMALL, "learning_starts": 10, "batch_size": 8, "buffer_size": 500}


def model_of(key, hyperparams, longest=None, env_id=None):
    env = make_envs(env_id or ("CartPole-v1" if key == "dqn" else "Pendulum-v1"), hyperparams, 0)
    return make_model(key, env, hyperparams, 0, longest)


@pytest.mark.parametrize("key", STOCK)
def test_every_stock_algorithm_is_made_from_plain_settings_and_trained(key):
    algorithm = find_algorithm(key)
    given = OFF_POLICY if is_off_policy(algorithm) else {**SMALL, "n_steps": 16}
    given = {"policy": "MlpPolicy", **given}
    check_preset(key, algorithm, {**given, "n_timesteps": 32}, "a test")
    model = model_of(key, given).learn(32)
    assert type(model) is STOCK[key]
    assert model.num_timesteps >= 32
    assert "stable-baselines3" in versions(key, "Pendulum-v1", given)


@pytest.mark.parametrize(("n_envs", "train_freq"), [(1, 1), (3, 4), (2, [3, "step"])])
def test_a_buffer_that_the_run_cannot_fill_is_made_smaller_and_changes_no_number(n_envs, train_freq):
    given = {**OFF_POLICY, "n_envs": n_envs, "train_freq": train_freq}
    large, small = model_of("sac", given).learn(100), model_of("sac", given, longest=100).learn(100)
    assert small.replay_buffer.observations.nbytes < large.replay_buffer.observations.nbytes / 3
    assert not small.replay_buffer.full
    for name, value in large.policy.state_dict().items():
        assert th.equal(value, small.policy.state_dict()[name]), name


def test_a_buffer_that_was_asked_to_be_small_stays_so():
    assert model_of("sac", {**OFF_POLICY, "buffer_size": 20}, longest=100).replay_buffer.buffer_size == 20
    # Nobody knows how long an episode is.
    assert model_of("sac", {**OFF_POLICY, "train_freq": [1, "episode"]}, longest=100).replay_buffer.buffer_size == 500


@pytest.mark.parametrize(
    ("kind", "noise"), [("normal", NormalActionNoise), ("ornstein-uhlenbeck", OrnsteinUhlenbeckActionNoise)]
)
def test_noise_is_read_as_rl_zoo_does(kind, noise):
    model = model_of("td3", {**OFF_POLICY, "noise_type": kind, "noise_std": 0.25})
    assert isinstance(model.action_noise, noise)
    assert np.array_equal(model.action_noise._sigma, [0.25])
    assert np.array_equal(model.action_noise._mu, [0.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"noise_type": "normal"}, "'noise_std' is missing beside 'noise_type'"),
        ({"noise_type": "norma", "noise_std": 0.1}, "Did you mean 'normal'"),
        ({"noise_type": "normal", "noise_std": -0.1}, "noise_std"),
        ({"n_epochs": 16}, "Unknown key 'n_epochs' for ddpg"),
    ],
)
def test_wrong_settings_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        check_preset("ddpg", STOCK["ddpg"], {"policy": "MlpPolicy", "n_timesteps": 10, **given}, "a test")


def test_an_on_policy_algorithm_has_no_noise():
    with pytest.raises(ValueError, match="Unknown key 'noise_std' for ppo"):
        check_preset("ppo", STOCK["ppo"], {"policy": "MlpPolicy", "n_timesteps": 10, "noise_std": 0.1}, "a test")


def test_there_are_no_presets_of_ours_for_them():
    with pytest.raises(FileNotFoundError, match="sac is Stable-Baselines3's own, and there are no presets for it"):
        preset_files("sac")


def test_what_sac_calls_auto_is_not_our_temperature():
    assert behaviours("sppo", {"ent_coef": "auto_0.1"})
    assert behaviours("sac", {"ent_coef": "auto_0.1"}) == behaviours("sac", {}) == {}
