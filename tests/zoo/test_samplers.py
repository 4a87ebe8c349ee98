"""Search spaces: what is drawn builds an algorithm, and is read again as it was drawn."""

import gymnasium as gym
import optuna
import pytest
from torch import nn

from sb3_entropy.algorithms.common.search import Between
from sb3_entropy.presets.stock import is_off_policy
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.zoo.samplers import CONVERTERS, OFF_POLICY, SAMPLERS, merge_policy_kwargs

optuna.logging.set_verbosity(optuna.logging.WARNING)
OFF = [key for key in SAMPLERS if is_off_policy(ALGORITHMS.get(key))]
ON = [key for key in SAMPLERS if key not in OFF]


def draw(algo, seed, n_actions, preset=None, **given):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    return trial, SAMPLERS[algo](trial, n_actions, 1, {"preset": preset or {}, **given})


@pytest.mark.parametrize("algo", ON)
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


@pytest.mark.parametrize("algo", OFF)
def test_what_is_drawn_builds_the_off_policy_algorithm(algo):
    own = ALGORITHMS.get(algo).search_space
    for seed in range(5):
        trial, arguments = draw(algo, seed, 1)
        assert trial.params.keys() == {*OFF_POLICY.shared, *own}
        env = gym.make("Pendulum-v1")
        model = ALGORITHMS.get(algo)("MlpPolicy", env, device="cpu", _init_setup_model=False, **arguments)
        assert model.gamma == pytest.approx(1 - trial.params["one_minus_gamma"])
        assert model.batch_size == 2 ** trial.params["batch_size_pow"]
        assert model.gradient_steps == model.train_freq == trial.params["train_freq"]
        for name in ("tau", "learning_starts", "learning_rate", *own):
            assert getattr(model, name) == trial.params[name]
        assert arguments["policy_kwargs"]["net_arch"] in ([64, 64], [256, 256], [400, 300])
        assert trial.user_attrs == {"gamma": model.gamma, "batch_size": model.batch_size}


@pytest.mark.parametrize("algo", OFF)
@pytest.mark.parametrize(
    ("buffer_size", "n_envs", "most"), [(64, 1, 64), (64, 3, 32), (1000, 2, 512), (10**6, 1, 2048)]
)
def test_no_batch_is_drawn_that_the_presets_buffer_cannot_hold(algo, buffer_size, n_envs, most):
    sizes = set()
    for seed in range(60):
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
        sizes.add(SAMPLERS[algo](trial, 1, n_envs, {"preset": {"buffer_size": buffer_size}})["batch_size"])
    assert max(sizes) == most


def test_the_threshold_is_drawn_between_its_bounds_and_the_critic_of_sddpg_is_either():
    assert ALGORITHMS.get("sac_adaent").search_space == {"similarity_threshold": Between(0.5, 0.95)}
    thresholds = [draw("sac_adaent", seed, 1)[1]["similarity_threshold"] for seed in range(20)]
    assert 0.5 <= min(thresholds) < 0.65
    assert 0.8 < max(thresholds) <= 0.95
    assert {draw("sddpg", seed, 1)[1]["actor_critic"] for seed in range(10)} == {"first", "minimum"}


@pytest.mark.parametrize("algo", SAMPLERS)
def test_a_trial_is_read_again_as_it_was_drawn(algo):
    for seed in range(4):
        trial, arguments = draw(algo, seed, 1)
        assert CONVERTERS[algo](trial.params) == arguments
        # The scheme "fixed" has nothing to tune.
        automatic = trial.params["ent_coef_auto"] and trial.params.get("std_scheme") != "fixed"
        assert (arguments["ent_coef"] == f"auto_{trial.params['ent_coef']:.6g}") == automatic
        if algo in ON:
            assert arguments["policy_kwargs"]["std_scheme"] == trial.params["std_scheme"]


def test_a_hindsight_buffers_options_are_drawn_over_the_presets_and_read_again():
    preset = {"n_sampled_goal": 9, "copy_info_dict": True}
    trial, arguments = draw("sddpg", 1, 1, using_her_replay_buffer=True, her_kwargs=preset)
    drawn = {name: trial.params[name] for name in ("n_sampled_goal", "goal_selection_strategy")}
    assert arguments["replay_buffer_kwargs"] == {**preset, **drawn}
    assert drawn["n_sampled_goal"] != 9
    assert CONVERTERS["sddpg"](trial.params) == {**arguments, "replay_buffer_kwargs": drawn}
    assert preset == {"n_sampled_goal": 9, "copy_info_dict": True}


@pytest.mark.parametrize("algo", ["sppo", "sddpg"])
def test_both_kinds_of_temperature_are_drawn(algo):
    assert {draw(algo, seed, 1)[0].params["ent_coef_auto"] for seed in range(10)} == {False, True}


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
