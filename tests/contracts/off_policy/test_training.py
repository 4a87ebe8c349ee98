"""Every setting trains, learns, and says what it does; callbacks see what they see in Stable-Baselines3."""

import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.sac.policies import SACPolicy

from contracts.envs import VECTOR, GoalEnv, RandomEnv, make_env, make_vec_env
from contracts.models import (
    OFF_POLICY,
    assert_same_state,
    build,
    has_moved,
    learned_state,
    observations_of,
    parameters,
    policy_for,
    record,
)
from contracts.on_policy.test_running import events, scalars, title
from contracts.pairs import combinations
from sb3_entropy.algorithms.off_policy.similarity.cosine import KINDS
from sb3_entropy.registry import SIMILARITY_RULES


def trained(key: str, env: Any = None, steps: int = 16, **kwargs: Any) -> Any:
    """:return: a model that has trained, and has moved"""
    own = {"similarity_threshold": 0.5} if key == "sac_adaent" else {}
    model = build(key, env, **{**own, **kwargs})
    start = parameters(model)
    model.learn(steps)
    assert has_moved(model, start)
    assert all(bool(value.isfinite().all()) for value in learned_state(model).values())
    return model


class OwnPolicy(SACPolicy):
    """A user's own."""


SETTINGS: dict[str, dict[str, Any]] = {
    "gsde": {"use_sde": True, "use_sde_at_warmup": True},
    "images": {"policy": "CnnPolicy", "env": lambda: make_env("image")},
    "dicts": {"policy": "MultiInputPolicy", "env": lambda: make_env("dict")},
    "shared": {
        "policy": "CnnPolicy",
        "env": lambda: make_env("image"),
        "policy_kwargs": {"share_features_extractor": True},
    },
    "her": {
        "policy": "MultiInputPolicy",
        "env": GoalEnv,
        "replay_buffer_class": HerReplayBuffer,
        "replay_buffer_kwargs": {"n_sampled_goal": 2},
    },
    "one-critic": {"policy_kwargs": {"n_critics": 1}},
    "own-policy": {"policy": OwnPolicy},
    "noise": {"action_noise": NormalActionNoise(np.zeros(2), np.full(2, 0.1))},
    "normalised": {"env": lambda: VecNormalize(make_vec_env(2, truncates=True)), "steps": 40},
    "n-steps": {"n_steps": 3, "soft_n_step": True, "ent_coef": "lin_0.2"},
    "target-actor": {"use_target_actor": True, "use_target_critic": True, "ent_coef_gradient": "alpha"},
    "matrix-actions": {"env": lambda: RandomEnv(VECTOR, spaces.Box(-1.0, 3.0, (2, 2), np.float32))},
    "small-actions": {"env": lambda: RandomEnv(VECTOR, spaces.Box(-0.5, 3.0, (1,), np.float32))},
    "linear": {"similarity_rule": "linear"},
    "blended": {"blend_temperature": 0.1, "plain_entropy": False},
    "poster": {"variant": "poster"},
}
#: of SAC-AdaEnt alone
OWN = ("linear", "blended", "poster")


@pytest.mark.parametrize(
    ("key", "setting"),
    [
        pytest.param(key, setting, marks=() if setting in OWN or (k + i) % 2 == 0 else pytest.mark.slow)
        for k, key in enumerate(OFF_POLICY)
        for i, setting in enumerate(SETTINGS)
        if key == "sac_adaent" or setting not in OWN
    ],
)
def test_every_setting_trains(key: str, setting: str) -> None:
    given = dict(SETTINGS[setting])
    env = given.pop("env", lambda: make_env(truncates=True))()
    model = trained(key, env, **given)
    observations = env.reset() if isinstance(env, VecNormalize) else env.reset()[0]
    action, _ = model.predict(observations)
    assert model.action_space.contains(action[0] if isinstance(env, VecNormalize) else action)
    for group in model.critic_groups:
        assert {id(p) for g in group.optimizer.param_groups for p in g["params"]} <= {
            id(p) for p in group.online.parameters()
        }
        assert not any(p.requires_grad and p.grad is not None for p in group.target.parameters())


@pytest.mark.parametrize(("rule", "kind", "fast"), combinations(SIMILARITY_RULES.keys(), KINDS, ("auto", False)))
def test_every_rule_of_every_similarity(rule: str, kind: str, fast: Any) -> None:
    model = trained("sac_adaent", similarity_rule=rule, similarity=kind, fast=fast, similarity_samples=20)
    assert model.adaptive.seen is not None
    assert model.adaptive.seen.isfinite().all()
    assert model.adaptive.seen.abs().max() <= 1


@pytest.mark.parametrize("key", OFF_POLICY)
def test_the_same_seed_gives_the_same_run(key: str) -> None:
    first, second, other = (trained(key, make_env(), seed=seed, ent_coef="auto_0.1") for seed in (3, 3, 4))
    assert_same_state(first, second)
    assert not th.equal(first.actor.mu.weight, other.actor.mu.weight)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_no_warning_at_the_defaults(key: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(key)


# ---------------------------------------------------------------------- learning


class Slope(gym.Env):
    """One step an episode: −4(a − a*)², with a* = 0.5 where it is shown 1, and −0.5 where it is shown −1."""

    observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.side = float(self.np_random.choice([-1, 1]))
        return np.array([self.side], np.float32), {}

    def step(self, action: Any) -> Any:
        return np.zeros(1, np.float32), -4 * float(action[0] - self.side / 2) ** 2, True, False, {}


@pytest.mark.parametrize("key", OFF_POLICY)
def test_learns_what_is_easy(key: str) -> None:
    model = build(
        key,
        Slope(),
        learning_rate=0.01,
        batch_size=64,
        ent_coef=0.05,
        buffer_size=1000,
        learning_starts=64,
        policy_kwargs={"net_arch": [16]},
    ).learn(400)
    for side in (-1.0, 1.0):
        action, _ = model.predict(np.array([side], np.float32), deterministic=True)
        assert action[0] == pytest.approx(side / 2, abs=0.2)


# ---------------------------------------------------------------------- callbacks and logs


class Locals(BaseCallback):
    """Keeps the names and the shapes of what callbacks see, at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []
        self.calls: list[str] = []

    def _on_rollout_start(self) -> None:
        self.calls.append("start")

    def _on_step(self) -> bool:
        assert self.locals["self"] is self.model
        assert self.locals["replay_buffer"] is self.model.replay_buffer
        self.steps.append({name: getattr(value, "shape", None) for name, value in self.locals.items()})
        self.calls.append("step")
        return True

    def _on_rollout_end(self) -> None:
        self.calls.append("end")


@pytest.mark.parametrize("key", OFF_POLICY)
def test_callbacks_see_what_the_stock_loop_shows(key: str) -> None:
    def seen_by(algorithm: Any) -> Locals:
        seen = Locals()
        build(algorithm, make_vec_env(2, length=3, truncates=True), train_freq=3).learn(24, callback=seen)
        return seen

    stock, found = seen_by(SAC), seen_by(key)
    assert {"new_obs", "rewards", "actions", "buffer_actions", "num_collected_steps"} <= stock.steps[-1].keys()
    assert found.steps == stock.steps
    assert found.calls == stock.calls


class Stops(BaseCallback):
    """Ends the training at a step."""

    def _on_step(self) -> bool:
        return self.num_timesteps < 11


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_callback_may_end_it(key: str) -> None:
    assert build(key).learn(40, Stops()).num_timesteps == 11


ALWAYS = {
    *("train/actor_loss", "train/critic_loss", "train/ent_coef", "train/learning_rate"),
    *("train/entropy", "train/entropy_q10", "train/entropy_q50", "train/entropy_q90"),
    *("train/std", "train/std_min", "train/std_max", "rollout/ep_rew_mean", "rollout/ep_len_mean", "time/fps"),
    "rollout/soft_return",
}
ADAENT = {
    *("train/plain_critic_loss", "train/plain_share", "train/soft_minus_plain"),
    *("train/similarity_q10", "train/similarity_q50", "train/similarity_q90"),
}


@pytest.mark.parametrize("key", OFF_POLICY)
def test_tensorboard_shows_what_is_documented(key: str, tmp_path: Path) -> None:
    own = {"similarity_threshold": 0.5} if key == "sac_adaent" else {}
    model = build(key, ent_coef="auto_0.1", tensorboard_log=str(tmp_path), **own)
    model.learn(24, log_interval=1)
    written = events(tmp_path / f"{title(key)}_1")
    tags = set(written.Tags()["scalars"])
    assert ALWAYS | {"train/ent_coef_loss"} | (ADAENT if own else set()) <= tags
    assert not (ADAENT & tags) or own
    assert all(np.isfinite(value) for tag in tags for _, value in scalars(written, tag))
    # The last update's values are there, at the last step.
    assert scalars(written, "train/ent_coef")[-1][0] == 24
    assert scalars(written, "train/entropy")[-1][0] == 24
    assert "_hparams_/experiment" in written.summary_metadata
    model.learn(8, reset_num_timesteps=False, log_interval=1)
    assert [path.name for path in tmp_path.iterdir()] == [f"{title(key)}_1"]


@pytest.mark.parametrize("key", OFF_POLICY)
def test_to_log_changes_nothing(key: str) -> None:
    own = {"similarity_threshold": 0.5} if key == "sac_adaent" else {}
    often = build(key, **own)
    record(often)
    often.learn(24, log_interval=1)
    assert_same_state(often, build(key, **own).learn(24, log_interval=None))


def test_what_is_said_of_the_std_is_the_policys() -> None:
    model = build("sddpg").learn(20)
    logged = record(model)
    model._record_policy()
    model.logger.dump()
    states = th.as_tensor(model.replay_buffer.observations[:20, 0])
    with th.no_grad():
        _, log_std, _ = model.actor.get_action_dist_params(states)
    assert logged.values["train/std"][-1] == pytest.approx(float(log_std.exp().mean()), rel=1e-4)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_which_path_is_taken_is_said_once(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    build(key, verbose=1, fast=False).learn(20, log_interval=None)
    assert capsys.readouterr().out.count("Training on the general path: fast=False") == 1
    build(key, verbose=1).learn(20, log_interval=None)
    assert capsys.readouterr().out.count("Training on the fast path") == 1
    build(key, verbose=1, use_sde=True).learn(20, log_interval=None)
    assert capsys.readouterr().out.count("Training on the general path: use_sde=True") == 1
    with pytest.raises(ValueError, match=r"fast=True cannot be met, for use_sde=True\. Give fast='auto'"):
        build(key, fast=True, use_sde=True).learn(20)


@pytest.mark.parametrize(
    ("key", "observations"), combinations(OFF_POLICY, ("discrete", "multi_discrete", "multi_binary", "dict"))
)
def test_every_observation_space(key: str, observations: str) -> None:
    model = trained(key, make_env(observations), steps=12, policy=policy_for(observations))
    if observations != "dict":
        assert model.predict(observations_of(model))[0].shape == (5, 2)
