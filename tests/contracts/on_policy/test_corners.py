"""Settings that contradict each other, or that a model brings along without anybody's asking."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import PPO

from contracts.envs import VECTOR, RandomEnv, make_env
from contracts.models import ON_POLICY, build, record
from sb3_entropy import SPG, SPPO, STRPO
from sb3_entropy.algorithms.on_policy import episodes
from sb3_entropy.registry import ALGORITHMS


def test_strpo_needs_a_trust_region() -> None:
    with pytest.raises(TypeError, match=r"target_kl must be a number > 0, but None"):
        build(STRPO, target_kl=None)
    assert build(SPPO, target_kl=None).target_kl is None


@pytest.mark.parametrize("ent_coef", [0.1, "lin_0.1", "auto"])
@pytest.mark.parametrize("key", ON_POLICY)
def test_a_target_entropy_is_a_number_whether_it_is_used_or_not(key: str, ent_coef: Any) -> None:
    with pytest.raises(TypeError, match=r"target_entropy must be a number, but 'high'"):
        build(key, ent_coef=ent_coef, target_entropy="high")


@pytest.mark.parametrize("function", [lambda: 0.1, lambda progress: "much"])
@pytest.mark.parametrize("key", ON_POLICY)
def test_a_schedule_is_tried_before_training(key: str, function: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"ent_coef|much"):
        build(key, ent_coef=function)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_fixed_std_leaves_nothing_to_tune(key: str) -> None:
    with pytest.warns(UserWarning, match=r"std_scheme='fixed' keeps the policy's entropy as it is"):
        build(key, ent_coef="auto", policy_kwargs={"std_scheme": "fixed"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(key, ent_coef="auto", policy_kwargs={"std_scheme": "global"})
        build(key, ent_coef=0.1, policy_kwargs={"std_scheme": "fixed"})


@pytest.mark.parametrize("key", ON_POLICY)
def test_an_unknown_option_of_a_scheme_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=r"Unknown option of std_scheme='local' 'dlta'.*Did you mean 'delta'"):
        build(key, policy_kwargs={"std_scheme": "local", "std_scheme_kwargs": {"dlta": 1.0}})


def test_a_rollout_without_an_end_teaches_nothing_and_says_so() -> None:
    model = build(SPG, make_env(length=1000), baseline=False, n_steps=16)
    before = [parameter.clone() for parameter in model.policy.parameters()]
    with pytest.warns(UserWarning, match=r"No episode has ended within this rollout of n_steps=16"):
        model.learn(16)
    assert model._n_updates == 0
    assert all(th.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))


def test_episodes_without_an_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episodes, "LONGEST", 40)
    model = build(SPG, make_env(length=1000), n_episodes=2)
    with pytest.raises(ValueError, match=r"After 40 steps 1 of 1 environments.*n_episodes=2.*max_episode_steps"):
        model.learn(100)


def test_a_loaded_value_is_not_used_without_a_baseline(tmp_path: Path) -> None:
    model = build(SPG, make_env(length=6), n_steps=16)
    model.learn(32)
    model.save(tmp_path / "with")
    plain = SPG.load(tmp_path / "with", env=make_env(length=6), device="cpu", baseline=False)
    assert any(parameter.abs().sum() > 0 for parameter in model.policy.value_net.parameters())
    plain.learn(16)
    assert not plain.rollout_buffer.values.any()


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_misspelt_argument_of_load_is_named(key: str, tmp_path: Path) -> None:
    build(key).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"Unknown argument 'ent_cof'.*Did you mean 'ent_coef'"):
        ALGORITHMS.get(key).load(tmp_path / "model", ent_cof=0.3)


@pytest.mark.parametrize("key", ON_POLICY)
def test_an_id_will_do_for_an_environment_anywhere(key: str, tmp_path: Path) -> None:
    model = ALGORITHMS.get(key)("MlpPolicy", "CartPole-v1", device="cpu", policy_kwargs={"net_arch": [4]})
    model.save(tmp_path / "model")
    model.set_env("CartPole-v1")
    loaded = ALGORITHMS.get(key).load(tmp_path / "model", env="CartPole-v1", device="cpu")
    assert loaded.get_env().num_envs == 1
    with pytest.raises(ValueError, match=r"Unknown environment 'CartPol-v1'"):
        model.set_env("CartPol-v1")


def test_a_stock_policy_and_gsde_say_what_lies_outside(tmp_path: Path) -> None:
    wide = RandomEnv(VECTOR, spaces.Box(-1, 1, (2,), "float32"))
    kwargs = {"policy_kwargs": {"net_arch": [4], "log_std_init": 3.0}, "n_steps": 16, "batch_size": 16, "device": "cpu"}
    PPO("MlpPolicy", wide, **kwargs).save(tmp_path / "ppo")
    loaded = SPPO.load(tmp_path / "ppo", env=wide, device="cpu", ent_coef=0.1)
    explored = SPPO("MlpPolicy", wide, use_sde=True, **kwargs)
    for model in (loaded, explored):
        logged = record(model)
        with pytest.warns(UserWarning, match="outside the action box"):
            model.learn(32, log_interval=1)
        assert logged.values["train/outside_box"][0] > 0.5
