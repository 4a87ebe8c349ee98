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
    WITH_BONUS,
    WITH_PARENT,
    arguments_of,
    assert_same_state,
    build,
    policy_for,
    record,
    stock_parent,
)
from sb3_entropy.registry import ALGORITHMS

STEPS = 3 * 16


@dataclass
class Case:
    """A setting in which parent and child are compared."""

    name: str
    make: Callable[[], Any] = make_env
    kwargs: dict[str, Any] = field(default_factory=dict)
    total: int = STEPS


def with_spaces(observations: str = "vector", actions: str = "box") -> Case:
    """:return: the case of these spaces"""
    return Case(
        f"{observations}-{actions}",
        lambda: make_env(observations, actions, truncates=True),
        {"policy": policy_for(observations)},
    )


SPACES = [with_spaces(actions=actions) for actions in ACTIONS]
SPACES += [with_spaces(observations=observations, actions="discrete") for observations in OBSERVATIONS]
SPACES = list({case.name: case for case in SPACES}.values())
# A bonus knows of no observations.
PRODUCTS = [with_spaces("dict", actions) for actions in ("box", "multi_discrete", "multi_binary")]
PRODUCTS += [with_spaces("image", "box")]
SETTINGS = [
    Case("gsde", kwargs={"use_sde": True}),
    Case("gsde-resampled", kwargs={"use_sde": True, "sde_sample_freq": 3}),
    Case("gsde-full-std", kwargs={"use_sde": True, "policy_kwargs": {"full_std": False, "use_expln": True}}),
    Case("three-envs", lambda: make_vec_env(3, truncates=True), {"n_steps": 8}),
    Case("vec-normalize", lambda: VecNormalize(make_vec_env(2, truncates=True), gamma=0.9), {"gamma": 0.9}),
    Case("dict-vec-normalize", lambda: VecNormalize(make_vec_env(2, observations="dict"), norm_obs_keys=["vector"])),
    Case("schedule", kwargs={"learning_rate": lambda progress: 0.01 * progress}),
    Case("undiscounted", kwargs={"gamma": 1.0, "gae_lambda": 0.9}),
    Case("whitened", kwargs={"normalize_advantage": True}),
    Case("not-whitened", kwargs={"normalize_advantage": False}),
    Case("clipped-value", kwargs={"clip_range_vf": 0.05}),
    Case("clipped-value-schedule", kwargs={"clip_range_vf": lambda progress: 0.1 * progress, "clip_range": 0.05}),
    Case("target-kl", kwargs={"target_kl": 1e-4, "n_epochs": 5, "learning_rate": 0.01}),
    Case("target-kl-large", kwargs={"target_kl": 0.1}),
    Case("sub-sampled", kwargs={"sub_sampling_factor": 3}),
    Case("line-search-fails", kwargs={"line_search_max_iter": 1, "target_kl": 1.0, "cg_damping": 0.0}),
    Case("adam", kwargs={"use_rms_prop": False}),
    Case("random-activation", lambda: make_env(actions="discrete"), {"policy_kwargs": {"activation_fn": th.nn.RReLU}}),
    Case("truncated-batch", kwargs={"batch_size": 5}),
    Case("shared-net", kwargs={"policy_kwargs": {"share_features_extractor": False, "activation_fn": th.nn.ReLU}}),
]
SETTINGS[5].kwargs["policy"] = "MultiInputPolicy"
# Without a closed form the parent adds −log π where ours refuses: at 0 neither matters.
SQUASHED = Case("gsde-squashed", kwargs={"use_sde": True, "policy_kwargs": {"squash_output": True}})


def pairs(keys: list[str], cases: list[Case]) -> list[Any]:
    """:return: algorithms with the cases whose arguments their parents have"""
    return [
        pytest.param(key, case, id=f"{key}-{case.name}")
        for key in keys
        for case in cases
        if case.kwargs.keys() - {"policy", "policy_kwargs"} <= arguments_of(stock_parent(key)).keys()  # type: ignore[arg-type]
    ]


def compare(key: str, case: Case, ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[Any, Any]:
    """Train both and compare what they have learned. Returns what they have logged."""
    logs, models, generators = [], [], []
    for cls, extra in ((ALGORITHMS.get(key), ours), (stock_parent(key), theirs)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "You have specified a mini-batch size")
            model = build(cls, case.make(), **copy.deepcopy(case.kwargs), **extra)  # type: ignore[arg-type]
        logs.append(record(model))
        models.append(model.learn(case.total, log_interval=1))
        generators.append(th.get_rng_state())
    assert_same_state(*models)
    assert models[0]._n_updates == models[1]._n_updates
    assert models[0].num_timesteps == models[1].num_timesteps
    assert th.equal(*generators)
    return logs[0].values, logs[1].values


@pytest.mark.parametrize(("key", "case"), pairs(WITH_PARENT, [*SPACES, *PRODUCTS, *SETTINGS, SQUASHED]))
def test_is_its_parent_without_entropy(key: str, case: Case) -> None:
    compare(key, case, {"ent_coef": 0.0}, {})


@pytest.mark.parametrize(("key", "case"), pairs(WITH_BONUS, [*SPACES, *SETTINGS]))
def test_is_its_parent_with_the_parents_bonus(key: str, case: Case) -> None:
    units = {"entropy_in_return": False, "ent_coef_unit": "normalised"}
    compare(key, case, {"ent_coef": 0.01, **units}, {"ent_coef": 0.01})


@pytest.mark.parametrize("key", WITH_PARENT)
@pytest.mark.parametrize("actions", ACTIONS)
def test_logs_what_its_parent_logs(key: str, actions: str) -> None:
    parents_bonus = {"ent_coef": 0.01} if key in WITH_BONUS else {}
    units = {"entropy_in_return": False, "ent_coef_unit": "normalised", "ent_coef": parents_bonus.get("ent_coef", 0.0)}
    ours, theirs = compare(key, Case(actions, lambda: make_env(actions=actions)), units, parents_bonus)
    # The std is that of the policy as it stands, not as it stood an update ago; time is another.
    own_time = {"train/std", *(name for name in theirs if name.startswith("time/"))}
    assert {"train/value_loss", "rollout/ep_rew_mean"} <= theirs.keys()
    assert theirs.keys() <= ours.keys()
    for name in theirs.keys() - own_time:
        # Ours writes once more, at the end.
        assert ours[name][: len(theirs[name])] == pytest.approx(theirs[name], rel=1e-4, abs=1e-6), name


@pytest.mark.parametrize("key", WITH_PARENT)
def test_entropy_in_the_return_makes_a_difference(key: str) -> None:
    """The comparisons above would see one."""
    case = Case("box", lambda: make_env(actions="discrete"))
    with pytest.raises(AssertionError, match="different"):
        compare(key, case, {"ent_coef": 0.1}, {})
