"""The library says when a policy buys its entropy outside the action box, once, and not without reason."""

import warnings
from typing import Any

import pytest
from gymnasium import spaces

from contracts.envs import VECTOR, RandomEnv
from contracts.models import ON_POLICY, build, record

MESSAGE = (
    r"\d+% of the policy's density, on average over action dimensions, lies outside the action box.*ent_coef=.*"
    r"action_distribution='beta'.*lower ent_coef"
)


def symmetric(bound: float, n_dims: int = 2) -> RandomEnv:
    """:return: an environment with actions in [−bound, bound]"""
    return RandomEnv(VECTOR, spaces.Box(-bound, bound, (n_dims,), "float32"))


def outside_warnings(model: Any, *, learn: int) -> list[str]:
    """:return: what was said while learning"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.learn(learn, log_interval=1)
    return [str(warning.message) for warning in caught if "outside the action box" in str(warning.message)]


@pytest.mark.parametrize("key", ON_POLICY)
def test_warns_once(key: str) -> None:
    model = build(key, symmetric(1.0), ent_coef=0.1, policy_kwargs={"log_std_init": 2.0})
    logged = record(model)
    said = outside_warnings(model, learn=64)
    assert len(said) == 1
    with pytest.warns(UserWarning, match=MESSAGE):
        warnings.warn(said[0], stacklevel=1)
    # 1 − P(|N(0, e²)| < 1)
    assert logged.values["train/outside_box"][0] == pytest.approx(0.892, abs=0.02)
    assert outside_warnings(model, learn=32) == []


@pytest.mark.parametrize("bound", [1.0, 2.0])
@pytest.mark.parametrize("key", ON_POLICY)
def test_is_silent_at_the_start(key: str, bound: float) -> None:
    assert outside_warnings(build(key, symmetric(bound)), learn=32) == []


@pytest.mark.parametrize("key", ON_POLICY)
def test_is_silent_where_nothing_is_bought(key: str) -> None:
    """Without a temperature there is no purchase, and the parent's own settings are no mistake."""
    model = build(key, symmetric(0.4), ent_coef=0.0)
    assert outside_warnings(model, learn=32) == []


@pytest.mark.parametrize("key", ON_POLICY)
def test_is_silent_inside_the_box(key: str) -> None:
    inside = (
        {"action_distribution": "beta"},
        {"action_distribution": "tanh_gaussian", "entropy_estimator": "quadrature", "log_std_init": 2.0},
    )
    for policy_kwargs in inside:
        assert outside_warnings(build(key, symmetric(0.1), ent_coef=0.1, policy_kwargs=policy_kwargs), learn=16) == []
