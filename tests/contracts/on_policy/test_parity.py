"""
An algorithm that extends one of Stable-Baselines3 or sb3-contrib *is* that algorithm at ``ent_coef=0``, and, in the
parent's units with entropy in the improvement alone, at any ``ent_coef`` that the parent has: bit for bit.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch as th
from stable_baselines3.common.vec_env import VecNormalize

from contracts.envs import ACTIONS, OBSERVATIONS, make_env, make_vec_env
from contracts.models import (
    ASYNCHRONOUS,
    ON_POLICY,
    WITH_BONUS,
    WITH_PARENT,
    arguments_of,
    assert_same_state,
    build,
    like_parent,
    policy_for,
    record,
    stock_parent,
)
from contracts.pairs import combinations
from sb3_entropy.registry import ALGORITHMS

KEYS = [key for key in WITH_PARENT if key in ON_POLICY]
ROLLOUT = 8
# Two minibatches an epoch, where there are any.
SIZE = {"n_steps": ROLLOUT, "batch_size": ROLLOUT // 2}


@dataclass
class Case:
    """A setting in which parent and child are compared."""

    make: Callable[[], Any] = make_env
    kwargs: dict[str, Any] = field(default_factory=dict)
    total: int = 2 * ROLLOUT


SETTINGS = {
    "gsde": Case(kwargs={"use_sde": True}),
    "gsde-resampled": Case(kwargs={"use_sde": True, "sde_sample_freq": 3}),
    "gsde-full-std": Case(kwargs={"use_sde": True, "policy_kwargs": {"full_std": False, "use_expln": True}}),
    "gsde-squashed": Case(kwargs={"use_sde": True, "policy_kwargs": {"squash_output": True}}),
    "three-envs": Case(lambda: make_vec_env(3, truncates=True), total=2 * 3 * ROLLOUT),
    "vec-normalize": Case(
        lambda: VecNormalize(make_vec_env(2, truncates=True), gamma=0.9), {"gamma": 0.9}, 2 * 2 * ROLLOUT
    ),
    "dict-vec-normalize": Case(
        lambda: VecNormalize(make_vec_env(2, observations="dict"), norm_obs_keys=["vector"]),
        {"policy": "MultiInputPolicy"},
        2 * 2 * ROLLOUT,
    ),
    # At the end of a training these are 0.
    "schedule": Case(kwargs={"learning_rate": lambda progress: 0.01 * progress}, total=3 * ROLLOUT),
    "clipped-value-schedule": Case(
        kwargs={"clip_range_vf": lambda progress: 0.1 * progress, "clip_range": 0.05}, total=3 * ROLLOUT
    ),
    "undiscounted": Case(kwargs={"gamma": 1.0, "gae_lambda": 0.9}),
    "whitened": Case(kwargs={"normalize_advantage": True}),
    "not-whitened": Case(kwargs={"normalize_advantage": False}),
    "clipped-value": Case(kwargs={"clip_range_vf": 0.05}),
    "target-kl": Case(kwargs={"target_kl": 1e-4, "n_epochs": 5, "learning_rate": 0.01}),
    "target-kl-large": Case(kwargs={"target_kl": 0.1}),
    "sub-sampled": Case(kwargs={"sub_sampling_factor": 3}),
    "line-search-fails": Case(kwargs={"line_search_max_iter": 1, "target_kl": 1.0, "cg_damping": 0.0}),
    "adam": Case(kwargs={"use_rms_prop": False}),
    "random-activation": Case(lambda: make_env(actions="discrete"), {"policy_kwargs": {"activation_fn": th.nn.RReLU}}),
    "truncated-batch": Case(kwargs={"batch_size": 5}),
    "shared-net": Case(kwargs={"policy_kwargs": {"share_features_extractor": False, "activation_fn": th.nn.ReLU}}),
}
UNITS = {"entropy_in_return": False, "ent_coef_unit": "normalised"}
# What ours is given and what the parent is given.
BONUSES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "without": ({"ent_coef": 0.0}, {}),
    "parents": ({"ent_coef": 0.01, **UNITS}, {"ent_coef": 0.01}),
}


def has_bonus(key: str, bonus: str) -> bool:
    """:return: whether the algorithm's parent can be given it"""
    return bonus == "without" or key in WITH_BONUS


def can_be_set(key: str, setting: str, bonus: str) -> bool:
    """:return: whether the parent has the setting's arguments, and the bonus in it"""
    known = arguments_of(stock_parent(key)).keys()  # type: ignore[arg-type]
    # Without a closed form the parent adds −log π where ours refuses: at 0 neither matters.
    closed = setting != "gsde-squashed" or bonus == "without"
    return closed and has_bonus(key, bonus) and SETTINGS[setting].kwargs.keys() - {"policy", "policy_kwargs"} <= known


def compare(key: str, case: Case, ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[Any, Any]:
    """Train both and compare what they have learned. Returns what they have logged."""
    size = {name: SIZE[name] for name in SIZE.keys() & arguments_of(ALGORITHMS.get(key)).keys() - case.kwargs.keys()}
    logs, models, generators = [], [], []
    for cls, extra in ((ALGORITHMS.get(key), {**like_parent(key), **ours}), (stock_parent(key), theirs)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You have specified a mini-batch size")
            model = build(cls, case.make(), **size, **copy.deepcopy(case.kwargs), **extra)  # type: ignore[arg-type]
        if key in ASYNCHRONOUS:
            settle(model.get_vec_normalize_env())
        logs.append(record(model))
        models.append(model.learn(case.total, log_interval=1))
        generators.append(th.get_rng_state())
    assert_same_state(*models)
    assert models[0]._n_updates == models[1]._n_updates
    assert models[0].num_timesteps == models[1].num_timesteps
    assert th.equal(*generators)
    return logs[0].values, logs[1].values


def settle(normalize: VecNormalize | None) -> None:
    """Let statistics stay where they are moved to: actors are told of them once a fragment, not at each step."""
    if normalize is not None:
        of_observations = normalize.obs_rms.values() if isinstance(normalize.obs_rms, dict) else [normalize.obs_rms]
        for moving in (*of_observations, normalize.ret_rms):
            moving.mean, moving.var = moving.mean + 0.3, 2.0 * moving.var
        normalize.training = False


@pytest.mark.parametrize(
    ("key", "observations", "actions", "bonus"),
    combinations(
        KEYS,
        OBSERVATIONS,
        ACTIONS,
        BONUSES,
        allowed=lambda key, *others: has_bonus(key, others[-1]),
        inheriting=ASYNCHRONOUS,
    ),
)
def test_is_its_parent_on_every_space(key: str, observations: str, actions: str, bonus: str) -> None:
    compare(
        key,
        Case(lambda: make_env(observations, actions, truncates=True), {"policy": policy_for(observations)}),
        *BONUSES[bonus],
    )


@pytest.mark.parametrize(
    ("key", "setting", "bonus"),
    combinations(KEYS, SETTINGS, BONUSES, allowed=can_be_set, inheriting=ASYNCHRONOUS),
)
def test_is_its_parent_in_every_setting(key: str, setting: str, bonus: str) -> None:
    compare(key, SETTINGS[setting], *BONUSES[bonus])


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("actions", ACTIONS)
def test_logs_what_its_parent_logs(key: str, actions: str) -> None:
    bonus = "parents" if key in WITH_BONUS else "without"
    ours, theirs = compare(key, Case(lambda: make_env(actions=actions)), *BONUSES[bonus])
    # The std is that of the policy as it stands, not as it stood an update ago; time is another.
    own_time = {"train/std", *(name for name in theirs if name.startswith("time/"))}
    assert {"train/value_loss", "rollout/ep_rew_mean"} <= theirs.keys()
    assert theirs.keys() <= ours.keys()
    for name in theirs.keys() - own_time:
        # Ours writes once more, at the end.
        assert ours[name][: len(theirs[name])] == pytest.approx(theirs[name], rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("key", KEYS)
def test_entropy_in_the_return_makes_a_difference(key: str) -> None:
    """The comparisons above would see one."""
    case = Case(lambda: make_env(actions="discrete"))
    with pytest.raises(AssertionError, match="different"):
        compare(key, case, {"ent_coef": 0.1}, {})
