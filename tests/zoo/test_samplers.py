"""Search spaces: what is drawn builds an algorithm, and is read again as it was drawn."""

import gymnasium as gym
import optuna
import pytest
from torch import nn

from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.zoo.samplers import SAMPLERS, convert, merge_policy_kwargs

optuna.logging.set_verbosity(optuna.logging.WARNING)


def draw(algo, seed, n_actions, preset=None):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    return trial, SAMPLERS[algo](trial, n_actions, 1, {"preset": preset or {}})


@pytest.mark.parametrize("algo", SAMPLERS)
@pytest.mark.parametrize(("env_id", "n_actions"), [("Pendulum-v1", 1), ("CartPole-v1", 0)])
def test_what_is_drawn_builds_the_algorithm(algo, env_id, n_actions):
    for seed in range(5):
        trial, arguments = draw(algo, seed, n_actions)
        assert {"ent_coef", "ent_coef_auto", "soft_gradient"} <= trial.params.keys()
        assert ("std_scheme" in trial.params) == (n_actions > 0)
        env = gym.make(env_id)
        model = ALGORITHMS.get(algo)("MlpPolicy", env, device="cpu", _init_setup_model=False, **arguments)
        assert model.soft_gradient == trial.params["soft_gradient"]
        assert model.gamma == pytest.approx(1 - trial.params["one_minus_gamma"])
        assert arguments["policy_kwargs"]["activation_fn"] in (nn.Tanh, nn.ReLU)


@pytest.mark.parametrize("algo", SAMPLERS)
def test_a_trial_is_read_again_as_it_was_drawn(algo):
    for seed in range(4):
        trial, arguments = draw(algo, seed, 1)
        assert convert(trial.params) == arguments
        # The scheme "fixed" has nothing to tune.
        automatic = trial.params["ent_coef_auto"] and trial.params["std_scheme"] != "fixed"
        assert (arguments["ent_coef"] == f"auto_{trial.params['ent_coef']:.6g}") == automatic
        assert arguments["policy_kwargs"]["std_scheme"] == trial.params["std_scheme"]


def test_both_kinds_of_temperature_are_drawn():
    assert {draw("sppo", seed, 1)[0].params["ent_coef_auto"] for seed in range(10)} == {False, True}


def test_the_presets_policy_kwargs_are_kept_where_they_were_not_drawn():
    preset = {"policy_kwargs": {"log_std_init": -2, "std_scheme": "global", "net_arch": [3], "ortho_init": False}}
    _, arguments = draw("sppo", 0, 1, preset)
    assert arguments["policy_kwargs"]["log_std_init"] == -2
    assert arguments["policy_kwargs"]["ortho_init"] is False
    assert arguments["policy_kwargs"]["net_arch"] != [3]


def test_options_of_a_replaced_scheme_go_with_it():
    preset = {"std_scheme": "global_local", "std_scheme_kwargs": {"delta": 1.0}}
    assert merge_policy_kwargs(preset, {"std_scheme": "global_local"}) == preset
    assert merge_policy_kwargs(preset, {"std_scheme": "local"}) == {"std_scheme": "local"}
    assert merge_policy_kwargs(preset, {"net_arch": [1]}) == {**preset, "net_arch": [1]}
    assert merge_policy_kwargs(None, {"std_scheme": "global"}) == {"std_scheme": "global"}


@pytest.mark.parametrize("preset", [{"use_sde": True}, {"policy_kwargs": {"action_distribution": "beta"}}])
def test_no_std_scheme_is_drawn_where_there_is_none_to_choose(preset):
    trial, _ = draw("sppo", 0, 1, preset)
    assert "std_scheme" not in trial.params


def test_a_divergences_coefficient_is_drawn_and_the_divergence_is_the_presets():
    for seed in range(5):
        trial, arguments = draw("divergence_reg_pg", seed, 0, {"divergence": "mmd"})
        assert 1e-5 <= trial.params["coef"] <= 1
        assert {name: arguments[name] for name in ("coef", "baseline", "normalize_advantage")} == {
            name: trial.params[name] for name in ("coef", "baseline", "normalize_advantage")
        }
        assert not {"divergence", "reference", "mode"} & arguments.keys()
