"""What is said of a wrong key or value, before anything is built."""

import pytest
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import nn

from sb3_entropy import SA2C, SPG, SPPO, STRPO, DivergenceRegPG
from sb3_entropy.presets.check import check_preset
from sb3_entropy.presets.names import ACTIVATIONS, OPTIMIZERS, resolve_names

GOOD = {"policy": "MlpPolicy", "n_timesteps": 1e5}


def check(changes, algo="sppo", algorithm=SPPO, base=GOOD):
    check_preset(algo, algorithm, {**base, **changes}, "file.yml, Pendulum-v1")


def test_the_message_for_a_mistyped_key():
    with pytest.raises(ValueError) as error:  # noqa: PT011
        check({"ent_cof": 0.1})
    assert str(error.value) == (
        "Unknown key 'ent_cof' for sppo. Did you mean 'ent_coef'?\nIt was given in file.yml, Pendulum-v1."
    )


def test_all_unknown_keys_are_told_together_and_none_is_offered_that_is_refused():
    with pytest.raises(ValueError) as error:  # noqa: PT011
        check_preset("sppo", SPPO, {**GOOD, "zzz": 1, "ent_cof": 0.1}, refused=("callback", "vec_env_wrapper"))
    first, _, known = str(error.value).partition(" Known: batch_size, clip_range, ")
    assert first == "Unknown key 'zzz' for sppo. Unknown key 'ent_cof' for sppo. Did you mean 'ent_coef'?"
    assert "vec_env_wrapper" not in known
    assert "given in" not in known


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"zzz": 1}, ValueError, r"Unknown key 'zzz' for sppo. Known: batch_size, callback, .*clip_range"),
        ({"seed": 1}, ValueError, "'seed' does not belong .*: give it as --seed"),
        ({"normalise": True}, ValueError, "Did you mean 'normalize'"),
        (
            {"policy_kwargs": {"activation_fun": "relu"}},
            ValueError,
            "for policy_kwargs of sppo. Did you mean 'activation_fn'",
        ),
        ({"policy_kwargs": {"activation_fn": "rellu"}}, ValueError, "Unknown activation 'rellu'.*Did you mean 'relu'"),
        ({"policy_kwargs": {"optimizer_class": "adamm"}}, ValueError, "Unknown optimizer 'adamm'.*Did you mean 'adam'"),
        ({"policy_kwargs": {"std_scheme": "globl"}}, ValueError, "Unknown std_scheme 'globl'.*Did you mean 'global'"),
        (
            {"policy_kwargs": {"std_scheme": "local", "std_scheme_kwargs": {"dleta": 1}}},
            ValueError,
            "Unknown option of std_scheme='local' 'dleta'.*Did you mean 'delta'",
        ),
        (
            {"policy_kwargs": {"std_scheme_kwargs": {"latent_dim": 1}}},
            ValueError,
            "Unknown option of std_scheme='global' 'latent_dim'. Available: delta, source_offsets",
        ),
        ({"policy_kwargs": {"std_scheme_kwargs": 1}}, TypeError, "std_scheme_kwargs must be a mapping, but 1"),
        ({"policy_kwargs": {"action_distribution": "betta"}}, ValueError, "Did you mean 'beta'"),
        (
            {"policy_kwargs": {"features_extractor_class": "no.such.Thing"}},
            ValueError,
            "'no.such.Thing' cannot be imported",
        ),
        (
            {"policy_kwargs": "dict(net_arch=[8])"},
            ValueError,
            r"policy_kwargs must be a mapping.*'dict\(net_arch=\[8\]\)'.*Write",
        ),
        ({"policy_kwargs": 3}, TypeError, "policy_kwargs must be a mapping, but 3"),
        ({"normalize": "dict(norm_obs=True)"}, ValueError, r"normalize: \{norm_obs: true"),
        ({"normalize": 1}, TypeError, "normalize must be true, false or a mapping, but 1"),
        ({"normalize": {"norm_ob": True}}, ValueError, "Unknown key 'norm_ob' for normalize. Did you mean 'norm_obs'"),
        ({"monitor_kwargs": "dict()"}, ValueError, "info_keywords"),
        ({"env_kwargs": "dict(g=1)"}, ValueError, "env_kwargs must be a mapping"),
        ({"policy": "MlpPolcy"}, ValueError, "Unknown policy 'MlpPolcy'.*Did you mean 'MlpPolicy'"),
        ({"policy": 3}, TypeError, "policy must be a name, but 3"),
        ({"policy": "no.such.Policy"}, ValueError, "The policy 'no.such.Policy' cannot be imported"),
        ({"gamma": 2}, ValueError, "gamma must be a number between 0 and 1, but 2"),
        ({"n_steps": 2.5}, TypeError, "n_steps must be a whole number"),
        ({"use_sde": "yes"}, TypeError, "use_sde must be True or False"),
        ({"soft_gradient": "entrpy"}, ValueError, "Did you mean 'entropy'"),
        ({"n_timesteps": 0}, ValueError, "n_timesteps must be a number ≥ 1"),
        ({"n_envs": "8"}, TypeError, "n_envs must be a whole number ≥ 1, but '8'"),
        ({"frame_stack": 0}, ValueError, "frame_stack must be a whole number ≥ 1"),
        ({"learning_rate": "3e-4"}, TypeError, r"the text '3e-4' was given. YAML reads .* write 0.0003"),
        ({"learning_rate": "linear_3"}, TypeError, "learning_rate must be a number or 'lin_<initial value>'"),
        ({"clip_range": "lin_nan"}, TypeError, "clip_range must be a number or 'lin_<initial value>'"),
        ({"clip_range": "lin_-1"}, ValueError, "clip_range must be a number > 0, but -1.0"),
        ({"ent_coef": "automatic"}, ValueError, "ent_coef must be a number ≥ 0, 'auto'"),
        ({"ent_coef": [1]}, TypeError, "ent_coef must be"),
        ({"ent_coef": "auto", "target_entropy": "low"}, TypeError, "target_entropy must be a number"),
    ],
)
def test_wrong_input_is_explained(changes, error, message):
    with pytest.raises(error, match=f"(?s){message}.*It was given in file.yml, Pendulum-v1"):
        check(changes)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mode": "repell"}, ValueError, "Unknown mode 'repell'.*Did you mean 'repel'"),
        ({"mode": "repel"}, ValueError, "mode='repel' with divergence='kl', which has no bound"),
        ({"coef": -1}, ValueError, "coef must be a number ≥ 0.*-1"),
        ({"reference": "frozen"}, ValueError, "reference='frozen' needs the option 'policy'"),
    ],
)
def test_a_regulariser_that_is_built_in_is_checked_with_its_defaults(changes, error, message):
    with pytest.raises(error, match=f"(?s){message}.*It was given in file.yml, Pendulum-v1"):
        check(changes, "divergence_reg_pg", DivergenceRegPG)
    check({}, "divergence_reg_pg", DivergenceRegPG)


@pytest.mark.parametrize("key", ["policy", "n_timesteps"])
def test_what_rl_zoo_cannot_do_without_is_asked_for(key):
    base = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(ValueError, match=f"The key '{key}' is missing. Add it, e.g. {key}: "):
        check({}, base=base)


@pytest.mark.parametrize(("algo", "algorithm"), [("spg", SPG), ("sa2c", SA2C), ("sppo", SPPO), ("strpo", STRPO)])
def test_good_input_passes_for_every_algorithm(algo, algorithm):
    check(
        {
            "n_envs": 4,
            "normalize": {"norm_obs": True, "norm_reward": False},
            "frame_stack": None,
            "learning_rate": "lin_1e-3",
            "ent_coef": "decay_1_0.99_0.01",
            "policy_kwargs": {"net_arch": [8], "optimizer_class": "adamw", "std_scheme": "local", "log_std_init": -1},
            "env_kwargs": {"g": 9.81},
            "callback": None,
        },
        algo,
        algorithm,
    )


def test_classes_are_found_by_name_and_by_path():
    given = {
        "policy_kwargs": {
            "activation_fn": "leaky_relu",
            "optimizer_class": "torch.optim.Adagrad",
            "features_extractor_class": "stable_baselines3.common.torch_layers.FlattenExtractor",
        },
        "monitor_kwargs": {"info_keywords": ["is_success"]},
    }
    resolved = resolve_names(given)
    assert resolved["policy_kwargs"]["activation_fn"] is nn.LeakyReLU
    assert resolved["policy_kwargs"]["optimizer_class"].__name__ == "Adagrad"
    assert resolved["policy_kwargs"]["features_extractor_class"].__name__ == "FlattenExtractor"
    assert resolved["monitor_kwargs"] == {"info_keywords": ("is_success",)}
    assert given["policy_kwargs"]["activation_fn"] == "leaky_relu"  # what is saved stays plain


def test_a_policy_by_path_is_checked_like_one_by_name():
    path = "stable_baselines3.common.policies.ActorCriticPolicy"
    check({"policy": path, "policy_kwargs": {"ortho_init": False}})
    with pytest.raises(ValueError, match="Unknown key 'std_scheme' for policy_kwargs"):
        check({"policy": path, "policy_kwargs": {"std_scheme": "global"}})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_builds_a_policy(name):
    box = spaces.Box(-1, 1, shape=(2,))
    policy = ActorCriticPolicy(box, box, lambda _: 1e-3, activation_fn=ACTIVATIONS[name], net_arch=[4])
    assert any(isinstance(module, ACTIVATIONS[name]) for module in policy.modules())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_builds_a_policy(name):
    box = spaces.Box(-1, 1, shape=(2,))
    kwargs = {"eps": 1e-5} if name.startswith(("adam", "rmsprop")) else {}
    policy = ActorCriticPolicy(box, box, lambda _: 1e-3, optimizer_class=OPTIMIZERS[name], optimizer_kwargs=kwargs)
    assert isinstance(policy.optimizer, OPTIMIZERS[name])
