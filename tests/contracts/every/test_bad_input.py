"""What is wrong ends in one message that says what was given, what is allowed, and what to do."""

import math
import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.vec_env import DummyVecEnv
from stable_baselines3.dqn.policies import DQNPolicy

from contracts.envs import BOX, DICT, VECTOR, RandomEnv, make_env
from contracts.models import ASYNCHRONOUS, KEYS, ON_POLICY, SYNCHRONOUS, arguments_of, build
from contracts.pairs import combinations
from sb3_entropy.registry import ALGORITHMS

NAN, INF = math.nan, math.inf

# What an argument must not be, and words of the message that says what it may be. A type that is wrong is a TypeError.
NUMBER = "must be a number"
WHOLE = "must be a whole number"
FLAG = "must be True or False"
ENT_COEF = re.escape("ent_coef must be a number ≥ 0, 'auto', 'auto_<initial>', 'lin_<initial>'")
WRONG: dict[str, list[tuple[Any, str]]] = {
    "learning_rate": [(-1e-3, f"{NUMBER} ≥ 0"), (NAN, NUMBER), (INF, NUMBER), ("fast", NUMBER), (None, NUMBER)],
    "n_steps": [(0, f"{WHOLE} ≥ 1"), (-5, WHOLE), (2.5, WHOLE), ("many", WHOLE), (None, WHOLE), (True, WHOLE)],
    "n_episodes": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE), ("all", WHOLE)],
    "batch_size": [(0, f"{WHOLE} ≥ 1"), (8.0, WHOLE), ("8", WHOLE)],
    "n_epochs": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE)],
    "gamma": [(-0.1, f"{NUMBER} between 0 and 1"), (1.1, NUMBER), (NAN, NUMBER), ("0.9", NUMBER)],
    "gae_lambda": [(-0.1, f"{NUMBER} between 0 and 1"), (1.1, NUMBER), (None, NUMBER)],
    "clip_range": [(0, f"{NUMBER} > 0"), (-0.2, NUMBER), ("lin", NUMBER), (None, NUMBER)],
    "clip_range_vf": [(NAN, NUMBER), ("lin", NUMBER)],
    "vf_coef": [(-1, f"{NUMBER} ≥ 0"), ("half", NUMBER)],
    "max_grad_norm": [(-1, f"{NUMBER} ≥ 0"), ("half", NUMBER)],
    "target_kl": [(0, f"{NUMBER} > 0"), (-0.01, NUMBER), ("small", NUMBER)],
    "cg_max_steps": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE)],
    "cg_damping": [(-1, f"{NUMBER} ≥ 0"), (None, NUMBER)],
    "line_search_shrinking_factor": [(0, NUMBER), (1.5, NUMBER), ("half", NUMBER)],
    "line_search_max_iter": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE)],
    "n_critic_updates": [(-1, f"{WHOLE} ≥ 0"), (1.5, WHOLE)],
    "sub_sampling_factor": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE)],
    "rms_prop_eps": [(0, f"{NUMBER} > 0"), ("eps", NUMBER)],
    "stats_window_size": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE)],
    "sde_sample_freq": [("often", WHOLE), (2.5, WHOLE), (-2, WHOLE)],
    "seed": [("zero", WHOLE), (1.5, WHOLE), (-1, WHOLE)],
    "ent_coef_lr": [(0, f"{NUMBER} > 0"), (-1, NUMBER), ("fast", NUMBER), (NAN, NUMBER)],
    "normalize_advantage": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "baseline": [("yes", FLAG), (1, FLAG)],
    "use_sde": [("yes", FLAG), (1, FLAG)],
    "use_rms_prop": [("yes", FLAG), (0, FLAG)],
    "entropy_in_return": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "entropy_in_improvement": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "soft_gradient": [
        ("entrpy", "Available: entropy, log_prob. Did you mean 'entropy'"),
        (None, "Available: entropy, log_prob"),
        (38, "Available: entropy, log_prob"),
    ],
    "ent_coef_unit": [("rewards", "Available: normalised, reward. Did you mean 'reward'"), (None, "Available")],
    "fast": [("fast", "fast must be True, False, 'auto' or 'rounding', but 'fast' was given"), (None, "True, False")],
    "kl_reduction": [("max", "Available: mean, sum"), (None, "Available: mean, sum")],
    "ent_coef": [
        (-0.01, f"{NUMBER} ≥ 0"),
        (NAN, f"{NUMBER} ≥ 0"),
        (INF, f"{NUMBER} ≥ 0"),
        (None, ENT_COEF),
        ([0.1], ENT_COEF),
        (True, ENT_COEF),
        ("automatic", ENT_COEF),
        ("auto_", ENT_COEF),
        ("auto_fast", ENT_COEF),
        ("auto_0.1_0.2", ENT_COEF),
        ("lin", ENT_COEF),
        ("decay_1", ENT_COEF),
        ("decay_1_0.9_0.1_3", ENT_COEF),
        ("0.1", ENT_COEF),
        ("", ENT_COEF),
    ],
    "divergence": [("helinger", "Did you mean 'hellinger'"), (3, "divergence is given by"), (None, "is given by")],
    "divergence_kwargs": [("kernel", "must be a dict or None"), ({"estimatr": "x"}, "Did you mean 'estimator'")],
    "coef": [
        (-0.1, f"{NUMBER} ≥ 0"),
        (NAN, f"{NUMBER} ≥ 0"),
        (None, "coef must be a number ≥ 0, 'lin_<initial>'"),
        ("auto", "give target_divergence"),
        ("share", "'share_<share>'"),
        ("shared_0.1", "'share_<share>'"),
    ],
    "reference": [
        ("unifrom", "Did you mean 'uniform'"),
        (3, "A reference is given by its name"),
        ("frozen", "needs the option 'policy'"),
    ],
    "reference_kwargs": [("n", "must be a dict or None"), ({"decay": 0.5}, "Unknown option of reference='uniform'")],
    "mode": [("repell", "Did you mean 'repel'"), (None, "Available: attract, repel"), ("repel", "Give cap")],
    "cap": [(0, f"{NUMBER} > 0"), (-1, NUMBER), ("high", NUMBER), (1.0, "leave it out")],
    "target_divergence": [(0, f"{NUMBER} > 0"), ("low", NUMBER), (0.1, "used by coef='auto' alone")],
    "coef_lr": [(0, f"{NUMBER} > 0"), (-1, NUMBER), ("fast", NUMBER), (NAN, NUMBER)],
    "regularizers": [
        ("kl", "must be a list of mappings"),
        ({"divergence": "kl"}, "must be a list of mappings"),
        (3, "must be a list of mappings"),
    ],
    "policy_kwargs": [("net_arch", "must be a dict or None"), ([8], "must be a dict or None")],
    "rollout_buffer_kwargs": [("n", "must be a dict or None"), (3, "must be a dict or None")],
    "rollout_buffer_class": [(3, "RolloutBuffer"), ("Mine", "RolloutBuffer"), (ReplayBuffer, "RolloutBuffer")],
    "buffer_size": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE), ("big", WHOLE), (None, WHOLE)],
    "learning_starts": [(-1, f"{WHOLE} ≥ 0"), (1.5, WHOLE), ("late", WHOLE)],
    "tau": [(-0.1, f"{NUMBER} between 0 and 1"), (1.1, NUMBER), (NAN, NUMBER), ("slow", NUMBER), (None, NUMBER)],
    "train_freq": [
        (given, r"train_freq must be a whole number of steps ≥ 1, or .* \(4, 'step'\) or \(1, 'episode'\)")
        for given in (0, -1, 2.5, "often", None, True, (4, "steps"), (0, "step"), (1.5, "step"), (4,), [4, "steps"])
    ],
    "gradient_steps": [(-2, f"{WHOLE} ≥ -1"), (1.5, WHOLE), ("all", WHOLE), (None, WHOLE)],
    "target_update_interval": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE), (None, WHOLE)],
    "action_noise": [("loud", "an ActionNoise or None"), (0.1, "an ActionNoise or None")],
    "replay_buffer_class": [(3, "of ReplayBuffer"), ("Mine", "of ReplayBuffer"), (RolloutBuffer, "of ReplayBuffer")],
    "replay_buffer_kwargs": [("n", "must be a dict or None"), (3, "must be a dict or None")],
    "optimize_memory_usage": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "use_sde_at_warmup": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "use_target_actor": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "soft_n_step": [("yes", FLAG), (1, FLAG), (None, FLAG), (True, "n_steps of at least 2")],
    "use_target_critic": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "actor_critic": [
        ("frist", "Available: first, minimum. Did you mean 'first'"),
        (2, "Available"),
        (None, "Available"),
    ],
    "ent_coef_gradient": [("alph", "Available: alpha, log_alpha. Did you mean 'alpha'"), (None, "Available")],
    "similarity_threshold": [
        (1.1, f"{NUMBER} between -1 and 1"),
        (-1.1, NUMBER),
        (NAN, NUMBER),
        ("high", NUMBER),
        (True, NUMBER),
        (None, NUMBER),
    ],
    "similarity": [("shfted", "Available: centred, raw, shifted. Did you mean 'shifted'"), (3, "Available")],
    "similarity_rule": [
        ("exat", "Did you mean 'exact'"),
        (3, "is given by its name, by a mapping"),
        (None, "is given by its name"),
    ],
    "similarity_samples": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE), ("many", WHOLE), (None, WHOLE)],
    "similarity_critics": [("onlin", "Available: online, target. Did you mean 'online'"), (3, "Available")],
    "blend_temperature": [(0, f"{NUMBER} > 0"), (-1, NUMBER), (NAN, NUMBER), ("warm", NUMBER)],
    "plain_entropy": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "plain_critic_init": [("frsh", "Available: copy, fresh. Did you mean 'fresh'"), (None, "Available")],
    **{
        name: [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE), ("many", WHOLE), (None, WHOLE)]
        for name in ("n_actors", "n_minibatches", "replay_size")
    },
    "n_fragments": [(0, f"{WHOLE} ≥ 1"), (1.5, WHOLE), (None, WHOLE), (99, r"n_fragments must be at most n_actors=\d")],
    "engine": [("proces", "Available: .*process.*Did you mean 'process'"), (3, "Available"), (None, "Available")],
    "ray_address": [("10.0.0.1:6379", "Only engine='ray' has a ray_address")],
    "max_policy_lag": [(-1, f"{WHOLE} ≥ 0"), (0.5, WHOLE), ("none", WHOLE)],
    "weights_delay": [(-1, f"{WHOLE} ≥ 0"), (0.5, WHOLE), (None, WHOLE)],
    "n_replayed": [(-1, f"{WHOLE} ≥ 0"), (0.5, WHOLE), (None, WHOLE)],
    "correction": [("v-trace", "Available: none, vtrace. Did you mean 'vtrace'"), (None, "Available")],
    "advantage": [("gea", "Available: gae, impala. Did you mean 'gae'"), (3, "Available")],
    **{
        name: [(0, f"{NUMBER} > 0"), (-1.0, NUMBER), (NAN, NUMBER), (INF, NUMBER), ("one", NUMBER), (None, NUMBER)]
        for name in ("rho_bar", "c_bar", "pg_rho_bar")
    },
    "send_observations": [("yes", FLAG), (1, FLAG), (None, FLAG)],
    "variant": [("cod", "Available: code, poster. Did you mean 'code'"), (None, "Available: code, poster")],
}


def wrong_arguments() -> list[Any]:
    """
    :return: algorithm, argument, value, and words of the message; slow are, of an asynchronous one, arguments that it
        has from others, and all values but the first two
    """
    of_others = {name for key in SYNCHRONOUS for name in arguments_of(ALGORITHMS.get(key))}
    return [
        pytest.param(
            key,
            name,
            value,
            words,
            id=f"{key}-{name}-{value}",
            marks=pytest.mark.slow if key in ASYNCHRONOUS and (name in of_others or place > 1) else (),
        )
        for key in KEYS
        for name in arguments_of(ALGORITHMS.get(key))
        for place, (value, words) in enumerate(WRONG.get(name, ()))
        if not (value is None and arguments_of(ALGORITHMS.get(key))[name].default is None)
    ]


@pytest.mark.parametrize(("key", "name", "value", "words"), wrong_arguments())
def test_a_wrong_argument_is_named(key: str, name: str, value: Any, words: str) -> None:
    kwargs = {name: value}
    if name == "ent_coef_lr":
        kwargs["ent_coef"] = "auto"
    if name == "coef_lr":
        kwargs |= {"coef": "auto", "target_divergence": 0.1}
    policy_kwargs = {} if name == "policy_kwargs" else {"policy_kwargs": {"net_arch": [8]}}
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        ALGORITHMS.get(key)("MlpPolicy", make_env(), device="cpu", **policy_kwargs, **kwargs)
    message = str(caught.value)
    assert name in message
    assert (repr(value) if not isinstance(value, type) else value.__name__) in message
    assert "\n" not in message


@pytest.mark.parametrize("value", [0, -0.2])
def test_a_clip_of_the_value_that_is_not_positive(value: float) -> None:
    """Stable-Baselines3's own assertion, on which its own tests rest."""
    with pytest.raises((ValueError, AssertionError), match=r"clip_range_vf.* must be"):
        build("sppo", clip_range_vf=value)


def test_every_argument_of_ours_is_tried() -> None:
    tried = {
        *WRONG,
        *("policy", "env", "device", "verbose", "tensorboard_log", "_init_setup_model", "target_entropy"),
    }
    assert {name for key in KEYS for name in arguments_of(ALGORITHMS.get(key))} <= tried


TEMPERATURES = {
    "auto_0": "the initial value of ent_coef must be a number > 0",
    "auto_-1": "the initial value of ent_coef must be a number > 0",
    "auto_nan": "the initial value of ent_coef must be a number > 0, but nan",
    "lin_-0.1": "the initial value of ent_coef must be a number ≥ 0, but -0.1",
    "decay_-1_0.9": "the initial value of ent_coef must be a number ≥ 0",
    "decay_1_0": "the decay factor of ent_coef must be a number > 0 and ≤ 1, but 0.0",
    "decay_1_1.5": "the decay factor of ent_coef must be",
    "decay_1_0.9_-1": "the floor of ent_coef must be a number ≥ 0, but -1.0",
}


@pytest.mark.parametrize(("key", "ent_coef"), combinations(KEYS, TEMPERATURES, inheriting=ASYNCHRONOUS))
def test_a_temperature_out_of_range(key: str, ent_coef: str) -> None:
    with pytest.raises(ValueError, match=TEMPERATURES[ent_coef]):
        build(key, ent_coef=ent_coef)


@pytest.mark.parametrize("given", [NAN, -1.0, INF])
@pytest.mark.parametrize("key", KEYS)
def test_a_schedule_that_leaves_the_range(key: str, given: float) -> None:
    model = build(key, ent_coef=lambda progress: 0.1 if progress > 0.6 else given)
    with pytest.raises(
        ValueError, match=r"schedule of ent_coef gave .* at remaining progress 0\.[35]\d*\. It must give finite"
    ):
        model.learn(48)


@pytest.mark.parametrize(
    ("actions", "policy_kwargs", "target", "words"),
    [
        ("discrete", {}, 1.2, r"cannot be reached.*between 0 and 1\.099 nats. Choose a target strictly between"),
        ("discrete", {}, -1.0, "cannot be reached"),
        ("multi_binary", {}, 2.1, r"between 0 and 2\.079 nats"),
        ("box", {"action_distribution": "beta"}, 2.1, r"between −∞ and 2\.015 nats"),
        ("box", {}, NAN, "target_entropy must be a number"),
        ("box", {}, "high", "target_entropy must be"),
        ("box", {}, None, "target_entropy must be"),
    ],
)
@pytest.mark.parametrize("key", ON_POLICY)
def test_a_target_entropy_that_cannot_be(key: str, actions: str, policy_kwargs: Any, target: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        build(key, make_env(actions=actions), ent_coef="auto", target_entropy=target, policy_kwargs=policy_kwargs)


@pytest.mark.parametrize("key", KEYS)
def test_names_that_are_not_known(key: str) -> None:
    with pytest.raises(
        ValueError, match=r"Unknown policy 'MlpPolcy'. Available: CnnPolicy, MlpPolicy.*mean 'MlpPolicy'"
    ):
        build(key, policy="MlpPolcy")
    with pytest.raises(ValueError, match=r"Unknown environment 'Pendulm-v1'.*Did you mean 'Pendulum-v1'"):
        ALGORITHMS.get(key)("MlpPolicy", "Pendulm-v1")


@pytest.mark.parametrize("key", ON_POLICY)
def test_names_in_policy_kwargs_that_are_not_known(key: str) -> None:
    for name, value, nearest in (
        ("std_scheme", "globl", "global"),
        ("action_distribution", "gausian", "gaussian"),
    ):
        with pytest.raises(ValueError, match=rf"Unknown {name} '{value}'. Available: .*Did you mean '{nearest}'"):
            build(key, policy_kwargs={name: value})
    for distribution, words in (
        ("tanh_gaussian", r"'simpson' does not fit TanhGaussianDistribution, which allows one of \('quadrature'"),
        ("gaussian", "'simpson' does not fit GaussianDistribution, which allows None"),
    ):
        with pytest.raises(ValueError, match=words):
            build(key, policy_kwargs={"action_distribution": distribution, "entropy_estimator": "simpson"})


@pytest.mark.parametrize("policy", [42, None, int, DQNPolicy])
@pytest.mark.parametrize("key", KEYS)
def test_what_is_no_policy(key: str, policy: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="policy") as caught:
        ALGORITHMS.get(key)(policy, make_env(), device="cpu")
    assert "MlpPolicy" in str(caught.value)


@pytest.mark.parametrize("env", [42, None, RandomEnv, [make_env()]], ids=["number", "none", "class", "list"])
@pytest.mark.parametrize("key", KEYS)
def test_what_is_no_environment(key: str, env: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="env"):
        ALGORITHMS.get(key)("MlpPolicy", env, device="cpu")


@pytest.mark.parametrize(("name", "value"), [("verbose", "loud"), ("tensorboard_log", 3)], ids=str)
@pytest.mark.parametrize("key", KEYS)
def test_wrong_surroundings(key: str, name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=name) as caught:
        build(key, **{name: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("policy_kwargs", "words"),
    [
        ({"std_scheme": "local", "std_scheme_kwargs": {"delt": 1.0}}, "delt"),
        ({"std_scheme_kwargs": 3}, "std_scheme_kwargs must be"),
        ({"std_scheme": None}, "Unknown std_scheme None"),
        ({"std_scheme": "global_local", "std_scheme_kwargs": {"delta": 0}}, "delta of std_scheme must be a number > 0"),
        (
            {"std_scheme": "global_local", "std_scheme_kwargs": {"delta": "wide"}},
            "delta of std_scheme must be a number",
        ),
        ({"std_scheme": "local", "log_std_init": 2.0}, r"log_std_init=2 cannot be reached by std_scheme='local'"),
        ({"std_scheme": "local", "log_std_init": NAN}, "log_std_init must be a number"),
    ],
)
@pytest.mark.parametrize("key", ON_POLICY)
def test_wrong_policy_kwargs(key: str, policy_kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        build(key, policy_kwargs=policy_kwargs)


@pytest.mark.parametrize("key", KEYS)
def test_what_the_policy_does_not_know(key: str) -> None:
    with pytest.raises(TypeError, match="net_arc"):
        build(key, policy_kwargs={"net_arc": [8]})
    with pytest.raises(ValueError, match="MultiInputPolicy"):
        build(key, make_env("dict"))


@pytest.mark.parametrize("key", ON_POLICY)
def test_choices_that_do_not_fit_together(key: str) -> None:
    for chosen in ({"std_scheme": "local"}, {"action_distribution": "beta"}, {"std_scheme_kwargs": {"delta": 2.0}}):
        name = next(iter(chosen))
        with pytest.raises(ValueError, match=rf"{name} in policy_kwargs cannot be used with Discrete\(3\) actions"):
            build(key, make_env(actions="discrete"), policy_kwargs=chosen)
        with pytest.raises(ValueError, match=rf"{name} in policy_kwargs cannot be used with use_sde=True"):
            build(key, use_sde=True, policy_kwargs=chosen)
    with pytest.raises(ValueError, match="gSDE"):
        build(key, make_env(actions="discrete"), use_sde=True)


OBSERVATIONS: dict[str, spaces.Space] = {
    "tuple": spaces.Tuple((VECTOR, VECTOR)),
    "sequence": spaces.Sequence(VECTOR),
    "graph": spaces.Graph(node_space=VECTOR, edge_space=None),
    "text": spaces.Text(5),
    "tuple-in-dict": spaces.Dict({"a": VECTOR, "b": spaces.Tuple((VECTOR,))}),
    "dict-in-dict": spaces.Dict({"a": VECTOR, "b": spaces.Dict({"c": VECTOR})}),
}


@pytest.mark.parametrize("name", OBSERVATIONS)
@pytest.mark.parametrize("key", KEYS)
def test_observations_that_are_not_supported(key: str, name: str) -> None:
    policy = "MultiInputPolicy" if isinstance(OBSERVATIONS[name], spaces.Dict) else "MlpPolicy"
    # Stable-Baselines3 raises a NotImplementedError for nested spaces, and so do we.
    with pytest.raises(
        NotImplementedError if "-in-" in name else ValueError,
        match=r"observation space .* is not supported. Allowed are Box, Discrete.*Wrap the env",
    ):
        build(key, RandomEnv(OBSERVATIONS[name]), policy=policy)


ACTIONS: dict[str, spaces.Space] = {
    "tuple": spaces.Tuple((BOX, BOX)),
    "dict": DICT,
    "unbounded": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "half-bounded": spaces.Box(np.array([0.0], np.float32), np.array([np.inf], np.float32)),
    "text": spaces.Text(5),
}


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("key", KEYS)
def test_actions_that_are_not_supported(key: str, name: str) -> None:
    with pytest.raises((ValueError, AssertionError), match=r"(?i)action space"):
        build(key, RandomEnv(VECTOR, ACTIONS[name]))


@pytest.mark.parametrize("distribution", ["tanh_gaussian", "beta"])
@pytest.mark.parametrize("key", KEYS)
def test_a_box_without_width(key: str, distribution: str) -> None:
    """Its uniform distribution has entropy −∞: nothing can be tuned towards."""
    flat = spaces.Box(np.array([0.0, 1.0], np.float32), np.array([1.0, 1.0], np.float32))
    with pytest.raises(ValueError, match="finite, distinct bounds"):
        build(key, RandomEnv(VECTOR, flat), ent_coef="auto", policy_kwargs={"action_distribution": "gaussian"})
    with pytest.raises(ValueError, match="distinct bounds"):
        build(
            key,
            RandomEnv(VECTOR, flat),
            policy_kwargs={
                "action_distribution": distribution,
                "entropy_estimator": "quadrature" if distribution == "tanh_gaussian" else None,
            },
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [("total_timesteps", "many"), ("total_timesteps", NAN), ("log_interval", 0), ("log_interval", 1.5)],
    ids=str,
)
@pytest.mark.parametrize("key", KEYS)
def test_wrong_arguments_of_learn(key: str, name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=name):
        build(key).learn(**{"total_timesteps": 16, name: value})


class Broken(gym.Env):
    """An environment with a fault of its own, which must not be explained away."""

    observation_space = VECTOR
    action_space = BOX

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> Any:
        raise KeyError("velocity")


@pytest.mark.parametrize("key", KEYS)
def test_the_environments_own_error_comes_through(key: str) -> None:
    with pytest.raises(KeyError, match="velocity"):
        build(key, DummyVecEnv([Broken])).learn(16)
