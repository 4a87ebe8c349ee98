"""
SDDPG with the minimum of its critics, and SAC-AdaEnt at ε = −1, *are* Stable-Baselines3's SAC on the general path: bit
for bit in all that they learn, draw, store and log.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecNormalize

from contracts.envs import GoalEnv, make_env, make_vec_env
from contracts.models import OFF_POLICY, assert_same_state, build, record
from sb3_entropy.registry import ALGORITHMS

GENERAL: dict[str, dict[str, Any]] = {
    "sddpg": {"actor_critic": "minimum", "fast": False},
    "sac_adaent": {"similarity_threshold": -1, "fast": False},
}
KEYS = [key for key in OFF_POLICY if key in GENERAL]
ALPHAS: dict[str, dict[str, Any]] = {
    "auto": {},
    "fixed": {"ent_coef": 0.2},
    "auto-from": {"ent_coef": "auto_0.1", "target_entropy": -0.7},
}


class Normalised(BaseFeaturesExtractor):
    """Normalises by the batch; its running statistics are moved to the targets."""

    def __init__(self, observation_space: spaces.Box):
        super().__init__(observation_space, 3)
        self.norm = th.nn.BatchNorm1d(3)

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return self.norm(observations)


@dataclass
class Case:
    """A setting in which parent and child are compared."""

    kwargs: dict[str, Any] = field(default_factory=dict)
    make: Callable[[], Any] = lambda: make_env(truncates=True)
    total: int = 26


def noise(kind: Any) -> Any:
    """:return: noise of the two action dimensions"""
    return kind(mean=np.zeros(2), sigma=np.array([0.1, 0.3]))


HER = {"n_sampled_goal": 2, "goal_selection_strategy": "future"}
SETTINGS = {
    "plain": Case(),
    "gsde": Case({"use_sde": True, "use_sde_at_warmup": True, "sde_sample_freq": 3}),
    "gsde-expln": Case({"use_sde": True, "policy_kwargs": {"use_expln": True, "clip_mean": 1.0}}),
    "n-steps": Case({"n_steps": 3}),
    "noise": Case({"action_noise": noise(NormalActionNoise)}),
    "noise-three-envs": Case(
        {"action_noise": noise(OrnsteinUhlenbeckActionNoise)}, lambda: make_vec_env(3, truncates=True), 48
    ),
    "three-envs": Case({"gradient_steps": -1}, lambda: make_vec_env(3, truncates=True), 48),
    "every-four-steps": Case({"train_freq": 4, "gradient_steps": 2, "target_update_interval": 2}),
    "whole-rollouts": Case({"train_freq": (5, "step"), "gradient_steps": -1, "target_update_interval": 2}),
    "episodes": Case({"train_freq": (1, "episode"), "gradient_steps": -1}),
    "rare-targets": Case({"target_update_interval": 2, "gradient_steps": 3, "tau": 0.3}),
    "dict": Case({"policy": "MultiInputPolicy"}, lambda: make_env("dict", truncates=True), 14),
    "image": Case({"policy": "CnnPolicy"}, lambda: make_env("image"), 14),
    "image-shared": Case(
        {"policy": "CnnPolicy", "policy_kwargs": {"share_features_extractor": True}}, lambda: make_env("image"), 14
    ),
    "discrete-observations": Case(make=lambda: make_env("discrete")),
    "vec-normalize": Case({"gamma": 0.9}, lambda: VecNormalize(make_vec_env(2, truncates=True), gamma=0.9), 40),
    "her": Case(
        {"policy": "MultiInputPolicy", "replay_buffer_class": HerReplayBuffer, "replay_buffer_kwargs": HER}, GoalEnv
    ),
    "less-memory": Case({"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}),
    "full-buffer": Case({"buffer_size": 10}),
    "schedule": Case({"learning_rate": lambda progress: 0.01 * progress}),
    "one-critic": Case({"policy_kwargs": {"n_critics": 1}}),
    "three-critics": Case({"policy_kwargs": {"n_critics": 3, "activation_fn": th.nn.Tanh}}),
    "net-arch": Case({"policy_kwargs": {"net_arch": {"pi": [4, 3], "qf": [5]}, "log_std_init": -1.0}}),
    "optimizer": Case({"policy_kwargs": {"optimizer_class": th.optim.SGD, "optimizer_kwargs": {"momentum": 0.5}}}),
    "batch-norm": Case({"policy_kwargs": {"features_extractor_class": Normalised}}),
    "batch-norm-shared": Case(
        {"policy_kwargs": {"features_extractor_class": Normalised, "share_features_extractor": True}}
    ),
}


def cases() -> list[Any]:
    """:return: all combinations; quick are each setting once, and each algorithm with each α"""
    return [
        pytest.param(
            *(key, setting, kind),
            id=f"{key}-{setting}-{kind}",
            marks=() if (place + k) % 2 == 0 and (place // 2 + a) % 3 == 0 else pytest.mark.slow,
        )
        for place, setting in enumerate(SETTINGS)
        for k, key in enumerate(KEYS)
        for a, kind in enumerate(ALPHAS)
    ]


def buffer_arrays(model: Any) -> dict[str, np.ndarray]:
    """:return: all arrays of the replay buffer, by name"""
    found = {}
    for name, held in vars(model.replay_buffer).items():
        parts = held if isinstance(held, dict) else {"": held}
        found |= {f"{name}{part}": array for part, array in parts.items() if isinstance(array, np.ndarray)}
    return found


def compare(key: str, setting: str, kind: str, **extra: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train both and compare what they have learned, drawn and stored. Returns what they have logged."""
    case = SETTINGS[setting]
    models, logs, generators = [], [], []
    for cls, own in ((ALGORITHMS.get(key), {**GENERAL[key], **extra}), (SAC, {})):
        model = build(cls, case.make(), **{**copy.deepcopy(case.kwargs), **ALPHAS[kind], **own})
        logs.append(record(model).values)
        models.append(model.learn(case.total, log_interval=1))
        generators.append((th.get_rng_state(), np.random.get_state()[1].copy()))  # type: ignore[index]
    ours, theirs = models
    assert theirs._n_updates > 0
    assert_same_state(ours, theirs)
    assert (ours._n_updates, ours.num_timesteps) == (theirs._n_updates, theirs.num_timesteps)
    assert th.equal(generators[0][0], generators[1][0])
    assert np.array_equal(generators[0][1], generators[1][1])
    stored, expected = buffer_arrays(ours), buffer_arrays(theirs)
    assert stored.keys() == expected.keys()
    assert all(np.array_equal(stored[name], expected[name]) for name in expected)
    return logs[0], logs[1]


@pytest.mark.parametrize(("key", "setting", "kind"), cases())
def test_is_its_parent_in_every_setting(key: str, setting: str, kind: str) -> None:
    ours, theirs = compare(key, setting, kind)
    assert {"train/critic_loss", "train/actor_loss", "train/ent_coef", "rollout/ep_rew_mean"} <= theirs.keys()
    assert ("train/ent_coef_loss" in theirs) == (kind != "fixed")
    # With gSDE Stable-Baselines3 logs a std of the exploration matrix before training; ours is of the present.
    for name in theirs.keys() - {name for name in theirs if name.startswith("time/")}:
        # Ours writes once more, at the end.
        assert ours[name][: len(theirs[name])] == pytest.approx(theirs[name], rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize(
    ("key", "change"),
    [("sddpg", "actor_critic"), ("sac_adaent", "use_target_critic"), ("sddpg", "ent_coef_gradient")],
)
def test_another_rule_makes_a_difference(key: str, change: str) -> None:
    """The comparisons above would see one."""
    other: dict[str, Any] = {
        "actor_critic": {"actor_critic": "first"},
        "use_target_critic": {"use_target_critic": True},
        "ent_coef_gradient": {"ent_coef_gradient": "alpha", "learning_rate": 0.01},
    }
    with pytest.raises(AssertionError):
        compare(key, "three-critics", "auto-from", **other[change])
