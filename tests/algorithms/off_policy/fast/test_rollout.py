"""A rollout on the fast path is Stable-Baselines3's: what is stored, drawn and counted, and what callbacks see."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch as th
from contracts.envs import GoalEnv, make_env, make_vec_env
from contracts.models import build, record
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise, VectorizedActionNoise
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy import SDDPG
from sb3_entropy.algorithms.off_policy.fast import rollout

MINIMUM = {"actor_critic": "minimum", "policy_kwargs": {"net_arch": [8, 6]}}
#: of what a callback sees
EQUAL = {
    *("train_freq", "learning_starts", "log_interval", "continue_training", "idx", "done", "kwargs"),
    *("num_collected_steps", "num_collected_episodes"),
}
#: what may differ in rounding, and how much after a few updates
CLOSE = {"rtol": 1e-4, "atol": 2e-5}


def one_env() -> Any:
    return make_env(truncates=True)


def three_envs() -> Any:
    return make_vec_env(3, truncates=True)


def _noise(kind: Any) -> Any:
    return kind(mean=np.zeros(2), sigma=np.array([0.1, 0.3]))


#: settings, environments
PLAIN: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[], Any]]] = {
    "plain": (dict, one_env),
    "four steps": (lambda: {"train_freq": 4, "gradient_steps": 2}, one_env),
    "three environments": (lambda: {"gradient_steps": -1, "train_freq": (2, "step")}, three_envs),
    "noise": (lambda: {"action_noise": _noise(NormalActionNoise)}, one_env),
    "noise, three environments": (
        lambda: {"action_noise": VectorizedActionNoise(_noise(OrnsteinUhlenbeckActionNoise), 3)},
        three_envs,
    ),
    "full buffer": (lambda: {"buffer_size": 10}, one_env),
    "discrete observations": (dict, lambda: make_env("discrete")),
    "no time limits": (lambda: {"replay_buffer_kwargs": {"handle_timeout_termination": False}}, one_env),
}


class Watching(BaseCallback):
    """
    Notes what it sees.

    :param steps: those at which it does something
    :param act: what
    """

    def __init__(self, steps: tuple[int, ...] = (), act: Callable[[Any], Any] = lambda _: None):
        super().__init__()
        self.steps, self.act = steps, act
        self.seen: list[dict[str, Any]] = []
        self.modes: list[tuple[bool, bool]] = []

    def _on_rollout_start(self) -> None:
        self.modes.append((self.model.policy.training, self.model.actor.latent_pi.training))

    def _on_step(self) -> bool:
        self.seen.append(dict(self.locals))
        if self.n_calls in self.steps:
            return self.act(self.model) is not False
        return True

    def _on_rollout_end(self) -> None:
        self.modes.append((self.model.policy.training, self.model.actor.latent_pi.training))


class Count:
    """How often :func:`rollout.collect` is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        from sb3_entropy.algorithms.off_policy import algorithm

        self.n = 0

        def counted(*args: Any) -> Any:
            self.n += 1
            return rollout.collect(*args)

        monkeypatch.setattr(algorithm, "collect", counted)


def trained(cls: Any, make: Callable[[], Any], callback: Any, total: int, **settings: Any) -> tuple[Any, Any]:
    """:return: the model, and the state of both generators"""
    own = MINIMUM if cls is not SAC else {"policy_kwargs": MINIMUM["policy_kwargs"]}
    model = build(cls, make(), **{**own, **settings})
    model.learn(total, callback=callback, log_interval=2)
    return model, (th.get_rng_state(), np.random.get_state()[1].copy())  # type: ignore[index]


def assert_alike(ours: Any, theirs: Any) -> None:
    """Counts and stored transitions; actions are within rounding, and what follows from them."""
    for name in ("num_timesteps", "_episode_num", "_n_updates", "_current_progress_remaining"):
        assert getattr(ours, name) == getattr(theirs, name), name
    a, b = ours.replay_buffer, theirs.replay_buffer
    assert (a.pos, a.full) == (b.pos, b.full)
    for name in ("observations", "next_observations", "dones", "timeouts"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for name in ("actions", "rewards"):
        assert np.allclose(getattr(a, name), getattr(b, name), **CLOSE), name
    assert np.array_equal(ours._last_obs, theirs._last_obs)
    assert np.array_equal(ours._last_original_obs, theirs._last_original_obs)
    assert [e["r"] for e in ours.ep_info_buffer] == pytest.approx([e["r"] for e in theirs.ep_info_buffer], rel=1e-4)


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("name", PLAIN)
def test_it_is_the_parents(name: str, watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, make = PLAIN[name]
    count = Count(monkeypatch)
    callbacks = [Watching(), Watching()] if watched else [None, None]
    total = 30 if make is not three_envs else 75
    ours, drawn = trained(SDDPG, make, callbacks[0], total, **settings())
    theirs, expected = trained(SAC, make, callbacks[1], total, **settings())
    assert count.n > 3
    assert_alike(ours, theirs)
    assert th.equal(drawn[0], expected[0])
    assert np.array_equal(drawn[1], expected[1])
    if watched:
        assert_same_seen(*callbacks)  # type: ignore[arg-type]


def assert_same_seen(ours: Watching, theirs: Watching) -> None:
    assert ours.n_calls == theirs.n_calls
    assert ours.modes == theirs.modes
    for seen, expected in zip(ours.seen, theirs.seen, strict=True):
        # what a rollout of Stable-Baselines3's leaves behind is still there in the next, by whichever loop
        assert seen.keys() == expected.keys()
        for name, value in expected.items():
            found = seen[name]
            if isinstance(value, np.ndarray):
                assert (found.shape, found.dtype) == (value.shape, value.dtype), name
                assert np.allclose(found, value, **CLOSE), name
            elif name in EQUAL:
                assert found == value, name
            else:
                assert type(found) is type(value) or name in ("self", "infos"), name
        assert [info.keys() for info in seen["infos"]] == [info.keys() for info in expected["infos"]]


def test_what_a_callback_keeps_is_not_written_over() -> None:
    callback = Watching()
    model, _ = trained(SDDPG, one_env, callback, 30)
    stored = model.replay_buffer
    for row, seen in enumerate(callback.seen[:-1]):
        if not seen["dones"][0]:
            assert np.array_equal(seen["new_obs"], stored.next_observations[row])
        assert np.array_equal(seen["buffer_actions"], stored.actions[row])


class OwnBuffer(ReplayBuffer):
    """One of somebody."""


class OwnSDDPG(SDDPG):
    """One of somebody, who looks at what is stored."""

    n_stored = 0

    def _store_transition(self, *args: Any) -> None:
        self.n_stored += 1
        super()._store_transition(*args)


HER = {"n_sampled_goal": 2, "goal_selection_strategy": "future"}
#: class, settings, environments
NOT_PLAIN: dict[str, tuple[Any, dict[str, Any], Callable[[], Any]]] = {
    "episodes": (SDDPG, {"train_freq": (1, "episode")}, one_env),
    "VecNormalize": (SDDPG, {}, lambda: VecNormalize(make_vec_env(2, truncates=True))),
    "own buffer": (SDDPG, {"replay_buffer_class": OwnBuffer}, one_env),
    "n steps": (SDDPG, {"n_steps": 3}, one_env),
    "gsde": (SDDPG, {"use_sde": True}, one_env),
    "her": (
        SDDPG,
        {"policy": "MultiInputPolicy", "replay_buffer_class": HerReplayBuffer, "replay_buffer_kwargs": HER},
        GoalEnv,
    ),
    "less memory": (
        SDDPG,
        {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}},
        one_env,
    ),
    "own method": (OwnSDDPG, {}, one_env),
}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_the_parent(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, settings, make = NOT_PLAIN[name]
    count = Count(monkeypatch)
    model, _ = trained(cls, make, None, 30, **settings)
    assert model._n_updates > 0
    assert count.n == 0
    if cls is OwnSDDPG:
        assert model.n_stored == 30


def _replace_add(model: Any) -> None:
    add, model.added = model.replay_buffer.add, []

    def own(*args: Any, **kwargs: Any) -> None:
        model.added.append(model.num_timesteps)
        add(*args, **kwargs)

    model.replay_buffer.add = own


def _replace_predict(model: Any) -> None:
    model.predict = lambda *_, **__: (np.array([[-1.0, 2.0]], np.float32), None)


def test_a_method_that_a_callback_replaces_is_called_from_that_step_on() -> None:
    model, _ = trained(SDDPG, one_env, Watching((20,), _replace_add), 30, train_freq=6)
    assert model.added == list(range(20, 31))
    model, _ = trained(SDDPG, one_env, Watching((20,), _replace_predict), 30, train_freq=6)
    actions = model.policy.unscale_action(model.replay_buffer.actions[:30, 0])
    assert np.allclose(actions[20:], [-1.0, 2.0])
    assert not np.allclose(actions[19], [-1.0, 2.0])


def test_a_hook_counts_from_the_next_action_on() -> None:
    def hook(model: Any) -> None:
        model.actor.mu.register_forward_hook(lambda *args: th.full_like(args[-1], 50.0))

    model, _ = trained(SDDPG, one_env, Watching((20,), hook), 30, train_freq=6)
    assert np.allclose(model.replay_buffer.actions[20:30], 1.0)
    assert not np.allclose(model.replay_buffer.actions[19], 1.0)
    assert model._flat_path is None


def test_parameters_that_a_callback_writes_act_at_once() -> None:
    def write(model: Any) -> None:
        with th.no_grad():
            model.actor.mu.bias.fill_(-50.0)

    model, _ = trained(SDDPG, one_env, Watching((20,), write), 30, train_freq=10)
    assert np.allclose(model.replay_buffer.actions[20:30], -1.0)
    assert model._flat_path is not None


def test_a_callback_ends_the_training_before_the_step_is_stored() -> None:
    callbacks = [Watching((21,), lambda _: False) for _ in range(2)]
    ours, _ = trained(SDDPG, one_env, callbacks[0], 30)
    theirs, _ = trained(SAC, one_env, callbacks[1], 30)
    assert_alike(ours, theirs)
    assert ours.replay_buffer.pos == 20


def test_what_is_changed_between_two_trainings_without_callbacks_counts() -> None:
    model, _ = trained(SDDPG, one_env, None, 30)
    path = model._flat_path
    assert path.undisturbed is not None
    model.learn(3, reset_num_timesteps=False)
    assert model._flat_path is path
    model.critic.optimizer.param_groups[0]["betas"] = (0.5, 0.6)
    model.learn(3, reset_num_timesteps=False)
    assert model._flat_path is not path
    model.actor.mu.register_forward_hook(lambda *_: None)
    model.learn(1, reset_num_timesteps=False)
    assert model._flat_path is None


def test_an_environment_that_loads_parameters_is_noticed() -> None:
    model, _ = trained(SDDPG, one_env, None, 30)
    path, saved = model._flat_path, model.get_parameters()
    base = model.env.envs[0].unwrapped
    base.spoil = lambda _, observation, reward: (model.set_parameters(saved), (observation, reward))[1]
    model.learn(1, reset_num_timesteps=False)
    assert model._flat_path is not path
    held = [parameter for group in model.critic.optimizer.param_groups for parameter in group["params"]]
    assert all(model.critic.optimizer.state[parameter]["step"] > 0 for parameter in held)


def test_what_is_not_finite_is_not_stored() -> None:
    def spoil(number: int, observation: Any, reward: float) -> tuple[Any, float]:
        return observation, float("nan") if number == 25 else reward

    model = build(SDDPG, make_env(spoil=spoil), **MINIMUM)
    with pytest.raises(ValueError, match="NaN or infinite reward"):
        model.learn(60)
    assert np.isfinite(model.replay_buffer.rewards).all()
    assert model.replay_buffer.pos == model.num_timesteps - 1


def test_an_actor_that_is_not_finite_is_named() -> None:
    model, _ = trained(SDDPG, one_env, None, 30)
    with th.no_grad():
        model.actor.latent_pi[0].weight[0, 0] = th.nan
    with pytest.raises(ValueError, match=r"parameter actor\.latent_pi\.0\.weight has become NaN"):
        model.learn(1, reset_num_timesteps=False)


def test_training_mode_at_the_end_is_the_parents() -> None:
    ours, _ = trained(SDDPG, one_env, None, 30)
    theirs, _ = trained(SAC, one_env, None, 30)
    modes = [[module.training for module in model.policy.modules()] for model in (ours, theirs)]
    assert modes[0] == modes[1]


def test_the_soft_return_and_the_log_are_told_as_ever() -> None:
    logs = []
    for fast in (True, False):
        model = build(SDDPG, one_env(), **MINIMUM, fast=fast)
        logs.append(record(model).values)
        model.learn(40, log_interval=1)
    assert logs[0].keys() == logs[1].keys()
    assert "rollout/soft_return" in logs[0]
    for name in logs[0].keys() - {name for name in logs[0] if name.startswith("time/")}:
        assert logs[0][name] == pytest.approx(logs[1][name], rel=2e-3, abs=1e-4), name
