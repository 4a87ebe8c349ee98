"""Logs that models play, and what models would play."""

import io
import random
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from one_step_envs import Colours, Images, Secretive
from sb3_contrib import RecurrentPPO
from scipy import stats
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize, VecTransposeImage

from sb3_entropy import SPPO
from sb3_entropy.offline import action_probabilities, collect_log, ips


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    n_threads = th.get_num_threads()
    th.set_num_threads(1)
    yield
    th.set_num_threads(n_threads)


def model_of(cls: Any = PPO, env: Any = None, policy: str = "MlpPolicy", **kwargs: Any) -> Any:
    """A model whose policy is far from uniform, untrained as it is."""
    if cls is not A2C:
        kwargs["batch_size"] = 8
    model = cls(policy, env or Colours(), seed=0, n_steps=8, **kwargs)
    with th.no_grad():
        model.policy.action_net.weight.normal_(0, 3, generator=th.Generator().manual_seed(1))
    return model


def asked(model: Any, contexts: np.ndarray) -> np.ndarray:
    """:return: π(a|x) by the log-probabilities that the policy gives to each action in turn, shape (n, A)"""
    observations = th.as_tensor(contexts)
    with th.no_grad():
        columns = [
            model.policy.evaluate_actions(observations, th.full((len(contexts),), action))[1].exp()
            for action in range(int(model.action_space.n))
        ]
    return th.stack(columns, dim=1).numpy()


@pytest.mark.parametrize("cls", [PPO, A2C, SPPO])
def test_propensities_are_the_policys_probabilities(cls: Any) -> None:
    model = model_of(cls)
    log = collect_log(model, Colours(), 200, seed=3)
    expected = asked(model, log.contexts)
    assert expected.max(axis=1).min() > 0.4
    assert log.behaviour == pytest.approx(expected, rel=1e-5)
    assert log.propensities == pytest.approx(expected[np.arange(200), log.actions], rel=1e-5)
    assert action_probabilities(model, log.contexts) == pytest.approx(expected, rel=1e-5)


def test_what_is_logged_is_what_happened() -> None:
    log = collect_log(model_of(), Colours(), 300, seed=3)
    x = log.contexts.astype(np.float64)
    means = np.stack([x[:, 0], x[:, 1], 1 - x[:, 0]], axis=1)
    assert log.mean_rewards == pytest.approx(means)
    assert np.abs(log.rewards - means[np.arange(300), log.actions]).max() <= 0.5
    assert (log.contexts.dtype, log.contexts.shape, log.n_actions) == (np.float32, (300, 2), 3)


@pytest.mark.parametrize("options", [{}, {"epsilon": 0.3}, {"support": [0, 2]}, {"support": [1, 2], "epsilon": 0.5}])
def test_actions_occur_as_often_as_the_behaviour_policy_says(options: dict[str, Any]) -> None:
    """Counts of each action against Σᵢ b(a|xᵢ); four seeds, each test at a false-positive rate of 1 in 10,000."""
    log = collect_log(model_of(), DummyVecEnv([Colours] * 20), 2000, seed=4, **options)
    assert log.behaviour is not None
    counts, expected = np.bincount(log.actions, minlength=3), log.behaviour.sum(axis=0)
    spread = np.sqrt((log.behaviour * (1 - log.behaviour)).sum(axis=0))
    played = expected > 0
    assert not counts[~played].any()
    assert np.abs((counts - expected)[played] / spread[played]).max() < stats.norm.isf(1e-4 / 6)


@pytest.mark.parametrize(
    ("options", "mixed"),
    [
        ({"epsilon": 0.3}, lambda pi: 0.7 * pi + 0.1),
        ({"support": [2, 0]}, lambda pi: pi * [1, 0, 1] / (pi[:, [0]] + pi[:, [2]])),
        ({"support": [1], "epsilon": 0.5}, lambda pi: np.tile([0, 1, 0], (len(pi), 1))),
        (
            {"support": [0, 1], "epsilon": 0.6},
            lambda pi: (0.4 * pi + 0.2) * [1, 1, 0] / (0.8 - 0.4 * pi[:, [2]]),
        ),
        ({"epsilon": 1.0}, lambda pi: np.full_like(pi, 1 / 3)),
    ],
)
def test_mixtures_and_supports(options: dict[str, Any], mixed: Any) -> None:
    model = model_of()
    log = collect_log(model, Colours(), 50, seed=1, **options)
    assert log.behaviour == pytest.approx(mixed(action_probabilities(model, log.contexts)), rel=1e-5)


def test_uniform_actions() -> None:
    log = collect_log("uniform", Colours(), 20, seed=0, support=[0, 1])
    assert log.behaviour == pytest.approx(np.tile([0.5, 0.5, 0], (20, 1)))
    assert log.policy is None
    assert log.deficient_actions()[:, 2].all()


def test_actions_are_not_tied_to_contexts() -> None:
    """Both start from one seed, and must not be the same numbers: uniform actions are independent of x (p > 10⁻⁴)."""
    log = collect_log("uniform", Colours(), 1000, seed=5)
    for feature in log.contexts.T:
        groups = [feature[log.actions == action] for action in range(3)]
        assert stats.kruskal(*groups).pvalue > 1e-4
    first = [collect_log("uniform", Colours(), 1, seed=seed) for seed in range(300)]
    pairs = np.array([[each.contexts[0, 0], each.actions[0]] for each in first])
    assert stats.spearmanr(*pairs.T).pvalue > 1e-4


def test_a_seed_says_everything() -> None:
    first, again, other = (collect_log(model_of(), Colours(), 40, seed=seed) for seed in (7, 7, 8))
    for name in ("contexts", "actions", "rewards", "propensities", "behaviour", "mean_rewards"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.contexts, other.contexts)
    unseeded = [collect_log("uniform", Colours(), 40).contexts for _ in range(2)]
    assert not np.array_equal(*unseeded)


def test_model_and_global_generators_stay_as_they_were() -> None:
    model = model_of()
    model.learn(16)
    model.policy.set_training_mode(True)
    parameters = {name: value.clone() for name, value in model.policy.state_dict().items()}
    last = model._last_obs.copy()
    states = random.getstate(), np.random.get_state()[1].tobytes(), th.get_rng_state()  # type: ignore[index, union-attr]
    for seed in (None, 0):
        collect_log(model, Colours(), 20, seed=seed)
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tobytes() == states[1]  # type: ignore[index, union-attr]
    assert th.equal(th.get_rng_state(), states[2])
    assert model.policy.training
    assert np.array_equal(model._last_obs, last)
    assert all(th.equal(value, parameters[name]) for name, value in model.policy.state_dict().items())


@pytest.mark.parametrize("cls", [PPO, SPPO])
def test_the_policy_is_in_the_log(cls: Any, tmp_path: Any) -> None:
    model = model_of(cls)
    collect_log(model, Colours(), 30, seed=0).save(tmp_path / "log")
    log = type(collect_log("uniform", Colours(), 1)).load(tmp_path / "log")
    assert log.policy is not None
    loaded = cls.load(io.BytesIO(log.policy))
    assert np.array_equal(action_probabilities(loaded, log.contexts), action_probabilities(model, log.contexts))


def test_batches_and_ids() -> None:
    batch = DummyVecEnv([Colours] * 3)
    log = collect_log("uniform", batch, 10, seed=0)
    assert log.contexts.shape == (10, 2)
    assert len(np.unique(log.contexts[:, 0])) == 10
    assert log.mean_rewards is not None
    assert log.mean_rewards[:, 0] == pytest.approx(log.contexts[:, 0])
    gym.register("Colours-v0", Colours)
    try:
        by_id = collect_log("uniform", "Colours-v0", 5, seed=0)
    finally:
        del gym.registry["Colours-v0"]
    assert np.array_equal(by_id.contexts, collect_log("uniform", Colours(), 5, seed=0).contexts)


def test_environments_without_a_truth() -> None:
    assert collect_log("uniform", Secretive(Colours()), 5, seed=0).mean_rewards is None


def test_a_better_policy_is_found_better_from_the_log() -> None:
    """Without an overlap of the intervals, which contain the truth; by chance each misses it in 5 % of seeds."""
    log = collect_log("uniform", Colours(), 3000, seed=2)
    assert log.mean_rewards is not None
    best = np.eye(3)[log.mean_rewards.argmax(axis=1)]
    worst = np.eye(3)[log.mean_rewards.argmin(axis=1)]
    good, bad = ips(log, best), ips(log, worst)
    assert bad.high < good.low
    assert bad.low <= log.true_value(worst) <= bad.high
    assert good.low <= log.true_value(best) <= good.high


def test_images_of_either_order() -> None:
    model = model_of(
        env=Images(), policy="CnnPolicy", policy_kwargs={"features_extractor_kwargs": {"features_dim": 16}}
    )
    last = collect_log(model, Images(), 3, seed=0)
    first = collect_log(model, VecTransposeImage(DummyVecEnv([Images])), 3, seed=0)
    assert last.contexts.shape == (3, 36, 36, 1)
    assert first.contexts.shape == (3, 1, 36, 36)
    assert last.contexts.dtype == np.uint8
    assert np.array_equal(last.behaviour, first.behaviour)  # type: ignore[arg-type]


def test_deterministic_policy_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, contexts = model_of(), np.random.default_rng(0).random((50, 2), dtype=np.float32)
    whole = action_probabilities(model, contexts)
    greedy = action_probabilities(model, contexts, mode="deterministic")
    assert np.array_equal(greedy.argmax(axis=1), model.predict(contexts, deterministic=True)[0])
    assert set(np.unique(greedy)) == {0, 1}
    monkeypatch.setattr("sb3_entropy.offline.probabilities.CHUNK", 7)
    assert action_probabilities(model, contexts) == pytest.approx(whole, rel=1e-5)
    assert whole.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-14)


class Longer(Colours):
    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        return self.context, 0.0, False, False, {}


class Continuous(Colours):
    action_space = spaces.Box(-1, 1, (1,))


class FromOne(Colours):
    action_space = spaces.Discrete(3, start=1)


class Four(Colours):
    action_space = spaces.Discrete(4)


class Described(Colours):
    observation_space = spaces.Dict({"x": Colours.observation_space})


class Wordy(Colours):
    context_rewards = np.zeros(2)  # type: ignore[assignment]

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        return self.context, 0.0, True, False, {}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must be a whole number ≥ 1, but 0 was given"),
        ({"n": 2.0}, TypeError, "n must be a whole number ≥ 1, but 2.0"),
        ({"epsilon": 1.5}, ValueError, "epsilon must be a number between 0 and 1, but 1.5"),
        ({"seed": -1}, ValueError, "seed must be a whole number between 0 and"),
        ({"support": []}, ValueError, "support must hold at least one action, but it is empty. Leave it out to"),
        ({"support": [0, 3]}, ValueError, "support must lie between 0 and 2, but row 1 has 3"),
        ({"support": [0.5]}, TypeError, "support must be whole numbers, but an array of float64"),
        ({"model": "random"}, ValueError, "Unknown model 'random'. Available: uniform"),
        ({"model": 3}, TypeError, "model must be a model of Stable-Baselines3, such as PPO, A2C or SPPO, but 3 was"),
        ({"env": None}, TypeError, "env must be an environment, a VecEnv or an id, but None was given"),
        ({"env": "Colour-v7"}, ValueError, "Unknown environment 'Colour-v7'"),
        ({"env": Longer()}, ValueError, "a step did not end its episode. Give an environment that terminates"),
        ({"env": Continuous()}, ValueError, "actions must be Discrete and count from 0, but the environment has Box"),
        ({"env": FromOne()}, ValueError, r"count from 0, but the environment has Discrete\(3, start=1\)"),
        ({"env": Described()}, ValueError, "the environment's observations are a Dict. Flatten them"),
        (
            {"env": Wordy()},
            ValueError,
            r"context_rewards must have the shape \(environments, actions\) = \(1, 3\), but",
        ),
    ],
)
def test_what_is_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"model": "uniform", "env": Colours(), "n": 4} | changes
    with pytest.raises(error, match=message):
        collect_log(given.pop("model"), given.pop("env"), given.pop("n"), **given)


def test_models_that_do_not_fit_the_environment() -> None:
    with pytest.raises(
        ValueError, match=r"The model chooses from Discrete\(3\), but the environment has Discrete\(4\)"
    ):
        collect_log(model_of(), Four(), 4)


def test_the_models_own_environment_is_refused() -> None:
    env = Colours()
    model = model_of(env=env)
    for own in (env, model.get_env()):
        with pytest.raises(ValueError, match=r"env is the one that the model learns in.*Give another instance"):
            collect_log(model, own, 4)
    model.env = None
    assert len(collect_log(model, env, 4)) == 4


@pytest.mark.parametrize("left", ["training", "norm_reward"])
def test_normalisation_must_be_at_rest(left: str) -> None:
    batch = VecNormalize(DummyVecEnv([Colours]), training=left == "training", norm_reward=left == "norm_reward")
    with pytest.raises(ValueError, match=r"A log holds raw rewards.*Set its training = False and norm_reward = False"):
        collect_log("uniform", batch, 4)
    batch.training = batch.norm_reward = False
    assert len(collect_log("uniform", batch, 4)) == 4


def test_an_action_that_cannot_be_played() -> None:
    """With logits 0, 2000, 0 the probability of action 0 is 0 even in double precision."""
    model = model_of()
    with th.no_grad():
        model.policy.action_net.weight.zero_()
        model.policy.action_net.bias.copy_(th.tensor([0.0, 2000.0, 0.0]))
    with pytest.raises(ValueError, match=r"gives the actions \[0, 2\] of support no probability in some context"):
        collect_log(model, Colours(), 4, support=[0, 2])
    log = collect_log(model, Colours(), 4, support=[0, 2], epsilon=0.01)
    assert log.behaviour == pytest.approx(np.tile([0.5, 0, 0.5], (4, 1)))


def test_models_without_probabilities() -> None:
    with pytest.raises(ValueError, match="The policy of DQN, DQNPolicy, has no action probabilities that depend on"):
        action_probabilities(DQN("MlpPolicy", Colours(), buffer_size=10), np.zeros((1, 2)))
    recurrent = RecurrentPPO("MlpLstmPolicy", Colours(), n_steps=8, batch_size=8)
    with pytest.raises(ValueError, match=r"The policy of RecurrentPPO, .*, has no action probabilities that depend on"):
        action_probabilities(recurrent, np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"The actions must be Discrete, but this PPO has Box"):
        action_probabilities(PPO("MlpPolicy", Continuous()), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="The contexts must be arrays, but the observations of this PPO are a Dict"):
        action_probabilities(PPO("MultiInputPolicy", Described()), np.zeros((1, 2)))


def test_contexts_that_are_none() -> None:
    model = model_of()
    with pytest.raises(ValueError, match=r"Unknown mode 'greedy'. Available: deterministic, stochastic"):
        action_probabilities(model, np.zeros((1, 2)), mode="greedy")
    with pytest.raises(ValueError, match=r"contexts must have the shape \(n, …\) with n ≥ 1, but \(0, 2\)"):
        action_probabilities(model, np.zeros((0, 2)))
    with pytest.raises(ValueError, match=r"a batch of observations of Box.*the shape of one observation, was given"):
        action_probabilities(model, np.zeros(2, dtype=np.float32))
