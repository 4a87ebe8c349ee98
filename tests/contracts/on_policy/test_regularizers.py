"""Every algorithm takes regularisers, on every space, with every distribution; and none changes nothing."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import SubprocVecEnv, VecNormalize

from contracts.envs import ACTIONS, RandomEnv, make_env
from contracts.envs import make_vec_env as make_random_vec_env
from contracts.models import (
    ASYNCHRONOUS,
    ON_POLICY,
    SYNCHRONOUS,
    assert_equal_parameters,
    assert_same_state,
    build,
    has_moved,
    like_parent,
    parameters,
    policy_for,
    record,
)
from contracts.pairs import combinations
from sb3_entropy.registry import ALGORITHMS, DIVERGENCES, REFERENCES

SAMPLED = {"estimator": "mixture_sampling", "n_samples": 8}
UNIFORM: dict[str, Any] = {"divergence": "jensen_shannon", "divergence_kwargs": SAMPLED, "coef": 0.5}
PREVIOUS: dict[str, Any] = {"divergence": "kl", "reference": "previous", "mode": "repel", "cap": 2.0, "coef": 0.5}


def trained(key: str, env: Any, rules: Any, steps: int = 16, **kwargs: Any) -> Any:
    model = build(key, env, regularizers=rules, n_steps=8, **kwargs)
    start = parameters(model)
    model.learn(steps)
    assert has_moved(model, start)
    return model


RULES = {"uniform": UNIFORM, "previous": PREVIOUS}


@pytest.mark.parametrize(
    ("key", "actions", "observations", "rule"),
    combinations(ON_POLICY, ACTIONS, ("vector", "dict", "image", "discrete"), RULES, inheriting=ASYNCHRONOUS),
)
def test_on_every_space(key: str, actions: str, observations: str, rule: str) -> None:
    made = {"policy": policy_for(observations), **like_parent(key)}
    plain = trained(key, make_env(observations, actions), None, **made)
    model = trained(key, make_env(observations, actions), [RULES[rule]], **made)
    assert any(not th.equal(tensor, parameters(plain)[name]) for name, tensor in parameters(model).items())
    divergence, coef = model.regularizers[0].seen
    assert divergence >= 0
    assert coef > 0


@pytest.mark.parametrize("key", ON_POLICY)
def test_no_regulariser_changes_nothing(key: str) -> None:
    env = {"actions": "discrete"}
    plain = build(key, make_env(**env), n_steps=8).learn(16)
    for rules in ([], None, [{"divergence": "kl", "coef": 0.0}], [{"divergence": "mmd", "coef": "lin_0"}]):
        assert_same_state(build(key, make_env(**env), n_steps=8, regularizers=rules).learn(16), plain)


@pytest.mark.parametrize("key", ON_POLICY)
@pytest.mark.parametrize("actions", ["box", "discrete"])
def test_a_loss_may_look_at_the_policy_elsewhere(key: str, actions: str) -> None:
    """The divergence is taken in the minibatch's states all the same."""

    class Looking(ALGORITHMS.get(key)):  # type: ignore[misc]
        def _policy_loss(self, advantages: Any, log_prob: Any, batch: Any) -> Any:
            self.policy.get_distribution(2 * batch.observations + 1)
            return super()._policy_loss(advantages, log_prob, batch)

    env = {"actions": actions}
    models = [
        build(cls, make_env(**env), n_steps=8, regularizers=[UNIFORM]).learn(16)
        for cls in (ALGORITHMS.get(key), Looking)
    ]
    assert_same_state(*models)


@pytest.mark.parametrize(
    ("policy_kwargs", "rule"),
    [
        ({"action_distribution": "beta"}, {"divergence": "kl"}),
        ({"action_distribution": "beta"}, {"divergence": "hellinger"}),
        ({"action_distribution": "tanh_gaussian"}, UNIFORM),
        ({"action_distribution": "tanh_gaussian"}, PREVIOUS),
        ({"std_scheme": "local"}, {"divergence": "mmd", "reference": "ema", "divergence_kwargs": {"kernel": "rbf"}}),
        ({"std_scheme": "fixed"}, PREVIOUS),
    ],
)
@pytest.mark.parametrize("key", [*SYNCHRONOUS, *(pytest.param(key, marks=pytest.mark.slow) for key in ASYNCHRONOUS)])
def test_with_every_distribution(key: str, policy_kwargs: dict[str, Any], rule: dict[str, Any]) -> None:
    trained(key, make_env(), [rule], policy_kwargs=policy_kwargs, ent_coef=0.0)


@pytest.mark.parametrize("key", ON_POLICY)
def test_with_gsde_and_normalisation(key: str) -> None:
    env = VecNormalize(make_random_vec_env(2))
    model = trained(key, env, [UNIFORM, PREVIOUS], 48, use_sde=True, sde_sample_freq=4)
    assert model.num_timesteps >= 48


@pytest.mark.parametrize("key", ON_POLICY)
def test_setting_up_draws_nothing(key: str) -> None:
    """Rules are tried before training; the generators are then as they would be without."""
    states = []
    for rules in (None, [UNIFORM, {"divergence": "hellinger", "reference": "previous"}]):
        model = build(key, make_env(actions="discrete"), regularizers=rules)
        states.append((th.get_rng_state(), np.random.get_state()[1].copy(), model.observation_space.sample()))  # type: ignore[index]
    assert th.equal(states[0][0], states[1][0])
    assert (states[0][1] == states[1][1]).all()


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-np.finfo(np.float32).max, np.finfo(np.float32).max, (3,), np.float32),
        spaces.Box(-np.finfo(np.float64).max, np.finfo(np.float64).max, (3,), np.float64),
        spaces.Box(-np.inf, np.inf, (3,), np.float32),
        spaces.Box(5.0, 9.0, (3,), np.float32),
        spaces.Discrete(3),
    ],
)
def test_observation_spaces_of_any_size(space: spaces.Space) -> None:
    """Rules are tried on an observation of the space, or the first real one where the space holds what overflows."""

    class Quiet(RandomEnv):
        def _observe(self, reward: float = 0.0) -> Any:
            given = np.full(3, 5.0, space.dtype) if isinstance(space, spaces.Box) else np.int64(2)
            return given, reward

    policy_kwargs = {"activation_fn": th.nn.ReLU}
    for rules in ([UNIFORM], [PREVIOUS]):
        env = Quiet(space, ACTIONS["discrete"])
        build("sppo", env, n_steps=8, regularizers=rules, policy_kwargs=policy_kwargs).learn(16)


def test_trying_the_rules_does_not_train() -> None:
    """Batch normalisation would take the tried observation for data."""

    class Normalised(BaseFeaturesExtractor):
        def __init__(self, observation_space: spaces.Box):
            super().__init__(observation_space, 3)
            self.norm = th.nn.BatchNorm1d(3)

        def forward(self, observations: th.Tensor) -> th.Tensor:
            return self.norm(observations)

    kwargs = {"features_extractor_class": Normalised}
    model = build("sppo", make_env(actions="discrete"), regularizers=[UNIFORM, PREVIOUS], policy_kwargs=kwargs)
    assert all(int(value) == 0 for name, value in parameters(model).items() if name.endswith("num_batches_tracked"))


def test_in_processes_of_their_own() -> None:
    """An environment there that has no features of its actions must not end its process."""
    env = make_vec_env("CartPole-v1", 2, vec_env_cls=SubprocVecEnv, vec_env_kwargs={"start_method": "fork"})
    rules = [{"divergence": "kl"}, {"divergence": "mmd", "reference": "ema"}]
    build("sppo", env, regularizers=rules).learn(32)
    kernel = {"kernel": "linear", "features": "env"}
    with pytest.raises(ValueError, match="the environment has no attribute action_features"):
        build("sppo", env, regularizers=[{"divergence": "mmd", "divergence_kwargs": {"kernel": kernel}}])
    env.close()


@pytest.mark.parametrize(
    ("key", "divergence", "reference"),
    combinations(("sppo", "divergence_reg_pg"), DIVERGENCES.keys(), sorted(set(REFERENCES.keys()) - {"frozen"})),
)
def test_every_divergence_with_every_reference(key: str, divergence: str, reference: str) -> None:
    rule = {"divergence": divergence, "reference": reference, "coef": 0.1}
    if key == "sppo":
        trained(key, make_env(actions="discrete"), [rule])
    else:
        trained(key, make_env(actions="multi_discrete"), [], divergence_kwargs=None, **rule)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_frozen_reference_is_saved_with_the_model(key: str, tmp_path: Any) -> None:
    other = build("sppo", make_env(actions="discrete"), n_steps=8, seed=9).learn(8)
    other.save(tmp_path / "other")
    rule = {"divergence": "kl", "reference": "frozen", "reference_kwargs": {"policy": str(tmp_path / "other.zip")}}
    model = trained(key, make_env(actions="discrete"), [rule])
    model.save(tmp_path / "model")
    (tmp_path / "other.zip").unlink()
    again = [type(model).load(tmp_path / "model", env=make_env(actions="discrete"), device="cpu") for _ in range(2)]
    for each in again:
        each.set_random_seed(4)
        each.learn(16, reset_num_timesteps=False)
    assert_equal_parameters(again[0], parameters(again[1]))
    assert again[0].regularizers[0].seen[0] > 0


@pytest.mark.parametrize("key", ON_POLICY)
def test_what_is_logged(key: str) -> None:
    rules = [{"divergence": "kl", "coef": 0.2}, {"divergence": "kl", "coef": 0.3}, PREVIOUS]
    model = build(key, make_env(actions="discrete"), regularizers=rules)
    logged = record(model)
    model.learn(64, log_interval=1)
    assert logged.values["train/kl_uniform_coef"][-1] == pytest.approx(0.2)
    assert logged.values["train/kl_uniform_2_coef"][-1] == pytest.approx(0.3)
    assert logged.values["train/kl_previous"][-1] >= 0
    assert logged.values["train/kl_uniform"][-1] == pytest.approx(logged.values["train/kl_uniform_2"][-1])
    # In the first update there is no previous policy yet.
    assert len(logged.values["train/kl_previous"]) < len(logged.values["train/kl_uniform"])
