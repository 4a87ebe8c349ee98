"""SIMPALA: SA2C where nothing lags, V-trace where something does, and what becomes of every fragment."""

import copy
import gc
import io
import math
import multiprocessing
from collections.abc import Iterable
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from contracts.envs import make_env, make_vec_env
from contracts.models import (
    assert_same_state,
    build,
    has_moved,
    like_parent,
    parameters,
    policy_for,
    record,
)
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize

from algorithms.actors.seen import Rollouts, update_by_hand
from sb3_entropy import SA2C
from sb3_entropy.algorithms.actors import setup
from sb3_entropy.algorithms.simpala import SIMPALA
from sb3_entropy.engines.serial import SerialEngine

T = 8
#: Σ αH of an episode of seven steps, where α is .1 and σ is 1 in two dimensions
BONUS = 7 * 0.1 * math.log(2 * math.pi * math.e)
ALONE = like_parent("simpala")


def made(env: Any = None, **kwargs: Any) -> Any:
    """:return: one that learns fast enough for its actors to lag visibly"""
    env = make_env(truncates=True) if env is None else env
    return build(SIMPALA, env, **{"n_steps": T, "n_epochs": 1, "learning_rate": 0.02, **kwargs})


# ---------------------------------------------------------------------- nothing lags


@pytest.mark.parametrize("settings", [{}, {"n_fragments": 2, "n_replayed": 1, "n_minibatches": 2}], ids=["one", "many"])
def test_the_serial_engine_gives_the_same_run_again(settings: dict[str, Any]) -> None:
    first, second, other = (made(n_actors=3, seed=seed, **settings).learn(10 * T) for seed in (3, 3, 4))
    assert_same_state(first, second)
    assert first.num_timesteps == second.num_timesteps
    assert has_moved(other, parameters(first))


@pytest.mark.parametrize(("observations", "actions"), [("vector", "discrete"), ("vector", "box"), ("dict", "box")])
def test_where_nothing_lags_it_is_sa2c(observations: str, actions: str) -> None:
    """Bit for bit over four updates in which time limits end episodes: values, temperature, logs, random numbers."""
    models, logs, states = [], [], []
    for cls, settings in ((SIMPALA, ALONE), (SA2C, {})):
        env = make_vec_env(2, observations=observations, actions=actions, truncates=True)
        # A target that is not at its edge: the temperature moves.
        more = {"ent_coef": "auto_0.1", "ent_coef_lr": 0.01, "policy": policy_for(observations)}
        model = build(cls, env, n_steps=T, learning_rate=0.02, **more, **settings)
        logs.append(record(model))
        models.append(model.learn(4 * 2 * T, log_interval=1))
        states.append(th.get_rng_state())
    ours, theirs = models
    assert_same_state(ours, theirs)
    assert ours.temperature == theirs.temperature
    assert ours.temperature.value(1.0) != 0.1
    assert th.equal(*states)
    assert [episode["r"] for episode in ours.ep_info_buffer] == [episode["r"] for episode in theirs.ep_info_buffer]
    assert set(logs[0].values["actors/policy_lag"]) == {0}
    for name in logs[1].values.keys() - {"time/fps", "time/time_elapsed"}:
        assert logs[0].values[name] == pytest.approx(logs[1].values[name], rel=1e-6, nan_ok=True), name


def test_below_lambda_1_its_own_advantage_is_another_than_gae() -> None:
    plain = build(SA2C, make_env(truncates=True), n_steps=T, gae_lambda=0.7).learn(3 * T)
    gae, impala = (
        build(SIMPALA, make_env(truncates=True), n_steps=T, gae_lambda=0.7, **{**ALONE, "advantage": name}).learn(3 * T)
        for name in ("gae", "impala")
    )
    assert_same_state(gae, plain)
    assert has_moved(impala, parameters(plain))


def test_at_lambda_1_it_is_the_same_but_for_rounding() -> None:
    gradients = []
    for name in ("gae", "impala"):
        model = made(**{**ALONE, "advantage": name}).learn(T)
        gradients.append([parameter.grad for parameter in model.policy.parameters()])
    for one, other in zip(*gradients, strict=True):
        th.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_as_many_fragments_as_actors_never_lag() -> None:
    model = made(n_actors=3, n_fragments=3)
    logged = record(model)
    model.learn(4 * 3 * T, log_interval=1)
    assert logged.values["actors/policy_lag"] == [0] * 4
    assert model.rollout_buffer.n_envs == 3
    assert model.num_timesteps == 4 * 3 * T


# ---------------------------------------------------------------------- something lags

BOUNDS = {"rho_bar": 1.1, "c_bar": 0.95, "pg_rho_bar": 1.05}


@pytest.mark.parametrize(
    ("actions", "advantage", "soft_gradient", "correction", "fast"),
    [
        ("discrete", "impala", "entropy", "vtrace", True),
        ("box", "impala", "log_prob", "vtrace", True),
        ("discrete", "gae", "log_prob", "vtrace", "rounding"),
        ("multi_binary", "gae", "entropy", "vtrace", False),
        ("box", "impala", "log_prob", "none", False),
    ],
)
def test_an_update_from_late_fragments(
    actions: str, advantage: str, soft_gradient: str, correction: str, fast: bool | str
) -> None:
    """
    Of the fourth update, whose two fragments are an update late: V, log π, the entropy and γV at a time limit are the
    learner's, ratios are truncated, and the gradient is that of the loss written out.
    """
    names = {"advantage": advantage, "soft_gradient": soft_gradient}
    model = made(
        make_vec_env(2, actions=actions, truncates=True, length=3),
        n_actors=4,
        n_fragments=2,
        ent_coef=0.3,
        gamma=0.9,
        gae_lambda=0.8,
        max_grad_norm=1e9,
        correction=correction,
        fast=fast,
        **names,
        **BOUNDS,
    )
    seen = Rollouts()
    logged = record(model)
    model.learn(4 * 2 * 2 * T, callback=seen, log_interval=1)
    assert logged.values["actors/policy_lag"][-1] == 1
    parts = {"alpha": 0.3, "gamma": 0.9, "lam": 0.8, "vf_coef": 0.5, "corrects": correction == "vtrace"}
    found = update_by_hand(seen.policies[-1], seen.rollouts[-1], **parts, **names, **BOUNDS)
    if correction == "vtrace":
        assert min(found.ratios) < 0.95
        assert max(found.ratios) > 1.1
    assert len(found.of_time_limits) >= 2
    for name, parameter in model.policy.named_parameters():
        expected = found.gradient[name]
        assert parameter.grad is not None
        th.testing.assert_close(parameter.grad, expected, rtol=0, atol=2e-4 * float(expected.abs().max()))


def test_the_value_at_a_time_limit_is_the_learners() -> None:
    """That of the actor, which callbacks are shown, is another."""
    model = made(make_env(truncates=True, length=3), n_actors=3, gamma=0.5, learning_rate=0.05)
    seen = Rollouts()
    model.learn(6 * T, callback=seen)
    buffer, policy = model.rollout_buffer, seen.policies[-1]
    limits = [
        (t, step.infos[0]["terminal_observation"])
        for t, step in enumerate(seen.rollouts[-1])
        if step.infos[0].get("TimeLimit.truncated")
    ]
    assert limits
    for t, observation in limits:
        value = policy.predict_values(policy.obs_to_tensor(observation)[0]).item()
        step = seen.rollouts[-1][t]
        rewards = buffer.rewards.reshape(-1)
        assert rewards[t] == pytest.approx(step.rewards[0] + 0.5 * value, rel=1e-5)
        assert step.values[0] != pytest.approx(buffer.values.reshape(-1)[t], rel=1e-3)


@pytest.mark.parametrize(
    ("observations", "actions", "more"),
    [
        ("vector", "multi_discrete", {}),
        ("discrete", "multi_binary", {}),
        ("dict", "discrete", {"policy": "MultiInputPolicy"}),
        ("image", "box", {"policy": "CnnPolicy"}),
        ("vector", "box", {"use_sde": True, "sde_sample_freq": 3}),
        ("vector", "box", {"policy_kwargs": {"action_distribution": "beta"}, "fast": "rounding"}),
    ],
)
def test_a_learner_that_stands_still_finds_what_its_actors_found(
    observations: str, actions: str, more: dict[str, Any]
) -> None:
    """At a lag, but with the same parameters: the same values and probabilities, in one pass instead of T."""
    model = made(make_env(observations, actions, truncates=True), learning_rate=0.0, n_actors=2, **more)
    seen = Rollouts(keeps_policies=False)

    class Weights(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            self.model._kept = [  # type: ignore[attr-defined]
                np.array(held).ravel()
                for held in (self.model.rollout_buffer.values, self.model.rollout_buffer.log_probs)  # type: ignore[attr-defined]
            ]

    model.learn(3 * T, callback=[seen, Weights()])
    assert model._version == 3
    last = seen.rollouts[-1]
    np.testing.assert_allclose(model._kept[0], np.ravel([step.values for step in last]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model._kept[1], np.ravel([step.log_probs for step in last]), rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------- fragments that are too late


class OutOfOrder(SerialEngine):
    """Answers come the last asked for first; every fourth time the one that has waited longest."""

    n_waits = 0

    def _wait(self, answers: list[Any], count: int, timeout: float | None) -> Iterable[Any]:
        self.n_waits += 1
        return [answers[0 if self.n_waits % 4 == 0 else -1]]


@pytest.fixture
def out_of_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "make_engine", lambda *_: OutOfOrder())


@pytest.mark.usefixtures("out_of_order")
def test_what_lags_too_much_is_dropped_and_counted() -> None:
    """Its steps were taken, its episodes are episodes, and of those the bonuses are not known."""
    n_updates = 20
    model = made(
        n_actors=2,
        max_policy_lag=1,
        ent_coef=0.1,
        policy_kwargs={"std_scheme": "fixed"},  # H is the same in every state
    )
    logged = record(model)
    while model._n_updates < n_updates:
        model.learn(T, reset_num_timesteps=model._n_updates == 0, log_interval=1)
    n_dropped = model.n_dropped_fragments
    assert 3 <= n_dropped <= 7
    assert model.num_timesteps == (n_updates + n_dropped) * T
    assert logged.values["actors/dropped_fragments"][-1] == n_dropped
    assert max(logged.values["actors/policy_lag"]) <= 1
    finished = [*model.journal.bonuses.finished]
    known = [total for total in finished if not math.isnan(total)]
    assert known == pytest.approx([BONUS] * len(known), rel=1e-5)
    assert n_dropped <= len(finished) - len(known) <= 3 * n_dropped
    returns = [episode["r"] for episode in model.ep_info_buffer]
    assert len(returns) == len(finished)
    of_known = [r for r, total in zip(returns, finished, strict=True) if not math.isnan(total)]
    assert logged.values["rollout/soft_return"][-1] == pytest.approx(np.mean(of_known) + BONUS, rel=1e-5)


def test_weights_that_are_delayed_make_every_fragment_late() -> None:
    model = made(n_actors=1, weights_delay=2)
    logged = record(model)
    model.learn(5 * T, log_interval=1)
    assert logged.values["actors/policy_lag"] == [0, 1, 2, 2, 2]


def test_delayed_weights_are_those_of_this_training() -> None:
    """One that begins anew has no step of an episode of the one before."""
    model = made(n_actors=1, weights_delay=2, ent_coef=0.1, policy_kwargs={"std_scheme": "fixed"})
    logged = record(model)
    for _ in range(2):
        model.learn(5 * T, log_interval=1)
    assert logged.values["actors/policy_lag"] == 2 * [0, 1, 2, 2, 2]
    assert [*model.journal.bonuses.finished] == pytest.approx(5 * T // 7 * [BONUS], rel=1e-5)
    assert [episode["l"] for episode in model.ep_info_buffer] == 5 * T // 7 * [7]


class MoreActors(BaseCallback):
    """Asks for two more after the second update."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps == 2 * T:
            self.model.n_actors = 3  # type: ignore[attr-defined]


def test_there_may_be_more_actors_at_any_time() -> None:
    """They begin other episodes, and each has its own."""
    model = made(n_actors=1, ent_coef=0.1, policy_kwargs={"std_scheme": "fixed"})
    logged = record(model)
    model.learn(14 * T, callback=MoreActors(), log_interval=1)
    assert logged.values["actors/policy_lag"] == [0, 0, 0, 1, *[2] * 10]
    assert [*model.journal.bonuses.finished] == pytest.approx(3 * (4 * T // 7) * [BONUS], rel=1e-5)


def test_the_rollouts_probabilities_are_the_learners() -> None:
    """Before the update and after it; in the log-probability form too, whose minibatches have them weighted."""
    model = made(make_vec_env(2, truncates=True), n_actors=3, soft_gradient="log_prob", ent_coef=0.1)
    seen = Rollouts()
    kept: list[np.ndarray] = []

    class Kept(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            kept.append(self.model.rollout_buffer.log_probs.copy())  # type: ignore[attr-defined]

    model.learn(4 * 2 * T, callback=[seen, Kept()])
    policy, rollout = seen.policies[-1], seen.rollouts[-1]
    with th.no_grad():
        expected = [policy.evaluate_actions(step.observations, th.tensor(step.actions))[1].numpy() for step in rollout]
    assert np.abs(expected - np.array([step.log_probs for step in rollout])).max() > 0.1
    np.testing.assert_allclose(kept[-1], expected, rtol=1e-4, atol=1e-5)
    buffer = model.rollout_buffer
    for _ in range(2):
        np.testing.assert_array_equal(buffer.log_probs, buffer.swap_and_flatten(kept[-1]))
        model.train()


def test_fragments_of_another_length_are_dropped() -> None:
    """Those that are under way when a callback changes it; those that come are of the new one, delayed or not."""

    class Shorter(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            if self.model.num_timesteps == 3 * T:  # type: ignore[attr-defined]
                self.model.n_steps = 3  # type: ignore[attr-defined]

    model = made(n_actors=2, weights_delay=1)
    model.learn(8 * T, callback=Shorter())
    assert model.n_dropped_fragments == 1
    assert model.rollout_buffer.buffer_size == 3
    assert model.num_timesteps == 4 * T + 3 * (model._n_updates - 3)


# ---------------------------------------------------------------------- replay and minibatches


def test_earlier_fragments_are_learned_from_again() -> None:
    """And stand beside the new one; of steps, episodes and soft returns they are no part."""
    model = made(n_actors=1, n_replayed=2, replay_size=3, ent_coef=0.1, policy_kwargs={"std_scheme": "fixed"})
    logged = record(model)
    widths, versions = [], []

    class Widths(BaseCallback):
        def _on_step(self) -> bool:
            assert len(self.locals["rewards"]) == 1
            assert self.model.rollout_buffer.pos == self.locals["n_steps"]  # type: ignore[attr-defined]
            return True

        def _on_rollout_end(self) -> None:
            assert len(self.locals["dones"]) == 1
            widths.append(self.model.rollout_buffer.n_envs)  # type: ignore[attr-defined]
            versions.append([fragment.version for fragment in self.model._replay])  # type: ignore[attr-defined]

    model.learn(6 * T, callback=Widths(), log_interval=1)
    assert widths == [1, 2, 3, 3, 3, 3]
    assert versions == [[1], [1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6]]
    assert model.num_timesteps == 6 * T
    assert len(model.ep_info_buffer) == 6 * T // 7
    assert logged.values["rollout/soft_return"][-1] == pytest.approx(
        np.mean([episode["r"] for episode in model.ep_info_buffer]) + BONUS, rel=1e-5
    )


def test_the_temperature_is_tuned_at_the_pace_of_the_steps() -> None:
    """Not of the transitions that are learned from, some of them again."""
    model = made(n_actors=1, n_replayed=2, ent_coef="auto_0.1").learn(6 * T)
    assert model.rollout_buffer.n_envs == 3
    assert model.temperature.n_seen == 6 * T


def test_what_is_kept_stays() -> None:
    """A VecFrameStack's reset() writes into what it has returned."""
    model = made(VecFrameStack(make_vec_env(1), 2), n_actors=1, n_replayed=1).learn(2 * T)
    kept = model._replay[-1].last_observations
    before = kept.copy()
    model.learn(T)
    np.testing.assert_array_equal(kept, before)
    assert before.any()


def test_a_replayed_fragment_is_corrected_for_its_lag() -> None:
    """The update of the second rollout, with the first beside it, by hand."""
    model = made(n_actors=1, n_replayed=1, ent_coef=0.2, gamma=0.9, max_grad_norm=1e9, fast=False, learning_rate=0.1)
    seen = Rollouts()
    model.learn(2 * T, callback=seen)
    both = [
        type(new)(*(_beside(a, b) for a, b in zip(new, old, strict=True)))
        for new, old in zip(seen.rollouts[1], seen.rollouts[0], strict=True)
    ]
    bounds = {"rho_bar": 1.0, "c_bar": 1.0, "pg_rho_bar": 1.0, "lam": 1.0}
    parts = {"alpha": 0.2, "gamma": 0.9, "vf_coef": 0.5, "corrects": True}
    kinds = {"advantage": "impala", "soft_gradient": "entropy"}
    found = update_by_hand(seen.policies[1], both, **bounds, **parts, **kinds)
    assert found.ratios[:T] == pytest.approx([1.0] * T, abs=1e-4)
    assert min(found.ratios[T:]) < 0.9
    for name, parameter in model.policy.named_parameters():
        expected = found.gradient[name]
        th.testing.assert_close(parameter.grad, expected, rtol=0, atol=2e-4 * float(expected.abs().max()))


def _beside(new: Any, old: Any) -> Any:
    if isinstance(new, list):
        return [*new, *old]
    return th.cat([new, old]) if isinstance(new, th.Tensor) else np.concatenate([new, old])


def test_minibatches_and_epochs() -> None:
    model = made(n_actors=2, n_fragments=2, n_minibatches=3, n_epochs=2)
    model.learn(2 * 2 * T)
    steps = {int(state["step"]) for state in model.policy.optimizer.state.values()}
    assert steps == {2 * 2 * 3}
    assert model._n_updates == 2 * 2


# ---------------------------------------------------------------------- VecNormalize


class Told(gym.Wrapper):  # type: ignore[type-arg]
    """Keeps what a VecNormalize takes into its statistics: of all copies together."""

    observations: ClassVar[list[np.ndarray]] = []
    returns: ClassVar[list[float]] = []
    running = 0.0

    def reset(self, **kwargs: Any) -> Any:
        observation, info = self.env.reset(**kwargs)
        self.observations.append(observation)
        self.running = 0.0
        return observation, info

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.running = 0.9 * self.running + float(reward)
        self.returns.append(self.running)
        if not (terminated or truncated):
            self.observations.append(observation)
        return observation, reward, terminated, truncated, info


def test_the_statistics_are_those_of_all_that_was_seen() -> None:
    """By the actors, and by the original, which is reset once."""
    Told.observations.clear()
    Told.returns.clear()
    env = VecNormalize(DummyVecEnv([lambda: Told(make_env(length=5, truncates=True))] * 2), gamma=0.9)
    model = made(env, n_actors=3, n_fragments=3)
    model.learn(4 * 6 * T)
    assert len(Told.returns) == model.num_timesteps == 4 * 6 * T
    for found, seen in ((env.obs_rms, Told.observations), (env.ret_rms, Told.returns)):
        expected = RunningMeanStd(shape=np.shape(seen[0]))
        expected.update(np.array(seen, np.float64))
        assert found.count == pytest.approx(expected.count)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.var, expected.var, rtol=1e-5)


def test_whichever_fragment_comes_first_the_statistics_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, where an update has one of each actor."""
    models = []
    for engine in (SerialEngine, OutOfOrder):
        monkeypatch.setattr(setup, "make_engine", lambda *_, engine=engine: engine())
        models.append(made(VecNormalize(make_vec_env(2)), n_actors=3, n_fragments=3).learn(4 * 6 * T))
    in_order, other = (model.env for model in models)
    assert_same_state(*models)
    for found, expected in ((other.obs_rms, in_order.obs_rms), (other.ret_rms, in_order.ret_rms)):
        np.testing.assert_equal((found.mean, found.var), (expected.mean, expected.var))


def test_while_it_is_not_training_the_statistics_stay() -> None:
    env = VecNormalize(make_vec_env(1), training=False)
    held = copy.deepcopy((env.obs_rms.mean, env.obs_rms.var, env.obs_rms.count))
    made(env).learn(3 * T)
    np.testing.assert_equal((env.obs_rms.mean, env.obs_rms.var, env.obs_rms.count), held)


# ---------------------------------------------------------------------- arguments, and what comes between


class OwnReturns(RolloutBuffer):
    """Somebody's, with returns of its own."""

    def compute_returns_and_advantage(self, last_values: th.Tensor, dones: np.ndarray) -> None:
        super().compute_returns_and_advantage(last_values, dones)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n_fragments": 3}, "n_fragments must be at most n_actors=2, .*but 3 was given. Raise n_actors, or"),
        (
            {"max_policy_lag": 1, "weights_delay": 2},
            "weights_delay must be at most max_policy_lag=1, but 2 was given.*",
        ),
        (
            {"ray_address": "auto"},
            "Only engine='ray' has a ray_address, but 'auto' was given with engine='serial'. Leave",
        ),
        (
            {"n_replayed": 3, "replay_size": 2},
            "n_replayed must be at most replay_size=2, of which they are drawn, but 3 was given. Raise",
        ),
        (
            {"rollout_buffer_class": OwnReturns},
            "rollout_buffer_class=OwnReturns computes returns in a way of its own.*",
        ),
    ],
)
def test_what_does_not_fit_says_what_to_do(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        made(**given)
    assert any(remedy in str(caught.value) for remedy in ("Raise", "Leave it out", "Give a class"))
    model = made()
    held = vars(model).copy()
    with pytest.raises(ValueError, match=words):
        model.set_arguments(**given)
    assert vars(model) == held


def test_a_model_that_comes_back_counts_on() -> None:
    model = made(n_actors=3, max_policy_lag=2, ent_coef="auto_0.1").learn(5 * T)
    model.n_dropped_fragments, model.n_replaced_actors = 7, 2
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    again = SIMPALA.load(file, env=make_env(truncates=True), device="cpu")
    again.learn(3 * T, reset_num_timesteps=False)
    assert (again.num_timesteps, again._n_updates, again._version) == (8 * T, 8, 8)
    assert (again.n_dropped_fragments, again.n_replaced_actors) == (7, 2)
    other = copy.deepcopy(model)
    start = parameters(model)
    assert has_moved(other.learn(2 * T, reset_num_timesteps=False), start)
    assert not has_moved(model, start)


def test_new_actors_do_not_see_again_what_the_first_ones_saw() -> None:
    """The original is reset once, and copies of it would begin alike."""
    seen = Rollouts()
    model = made(n_actors=1, learning_rate=0.0)
    for n_actors in (1, 2):
        model.n_actors = n_actors
        model.learn(T, callback=seen, reset_num_timesteps=False)
    first, second = (np.array([step.observations.numpy() for step in rollout]) for rollout in seen.rollouts)
    assert not np.isin(second, first).any()
    model.set_random_seed(0)
    again = Rollouts()
    model.learn(T, callback=again)
    np.testing.assert_array_equal([step.observations.numpy() for step in again.rollouts[0]], first)


class Interrupt(BaseCallback):
    """Ctrl-C at a step."""

    def _on_step(self) -> bool:
        if self.n_calls == 13:
            raise KeyboardInterrupt
        return True


def broken(number: int, observation: Any, reward: float) -> tuple[Any, float]:
    """An environment that fails after a while."""
    if number == 21:
        raise KeyError("velocity")
    return observation, reward


def test_after_an_interruption_it_goes_on() -> None:
    model = made()
    with pytest.raises(KeyboardInterrupt):
        model.learn(5 * T, callback=Interrupt())
    start = parameters(model)
    assert has_moved(model.learn(2 * T, reset_num_timesteps=False), start)


def test_an_error_says_in_which_actor_it_was() -> None:
    model = made(make_env(spoil=broken))
    with pytest.raises(KeyError, match="velocity") as caught:
        model.learn(9 * T)
    assert caught.value.__notes__ == ["This happened in actor 0, in its own copies of the environments."]


@pytest.mark.slow  # its quick twins are the two above
def test_in_processes_of_their_own() -> None:
    """An environment's error comes through, an interruption leaves a model that can be used, and nobody is left."""
    model = made(make_env(spoil=broken), engine="process")
    with pytest.raises(KeyError, match="velocity") as caught:
        model.learn(9 * T)
    assert "This happened in actor" in caught.value.__notes__[0]
    model.close()
    assert multiprocessing.active_children() == []
    model.set_env(make_env())
    with pytest.raises(KeyboardInterrupt):
        model.learn(5 * T, callback=Interrupt())
    model.learn(2 * T)
    assert len(multiprocessing.active_children()) == 2
    del model, caught
    gc.collect()
    assert multiprocessing.active_children() == []
