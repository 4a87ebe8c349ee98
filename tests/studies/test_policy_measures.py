"""What studies see of policies that are not ours: a number, or NaN where there is none."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from policies.families import Steps, build, states_of
from sb3_contrib import MaskablePPO

from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.registry import MEASURES
from sb3_entropy.studies.measures import Glimpse


def seen(model: Any) -> tuple[float, float]:
    """:return: the entropy, and the share outside the box"""
    glimpse = Glimpse(model, states_of(model), np.random.default_rng(0))
    entropy, share = MEASURES.get("entropy"), MEASURES.get("outside_box")
    values = {**entropy.recorded(entropy.observer(glimpse)), **share.recorded(share.observer(glimpse))}
    return values["policy/entropy"], values["policy/outside_box"]


@pytest.mark.parametrize("key", ["sac", "ppo"])
def test_entropy_and_share_of_a_stock_policy(key: str) -> None:
    model = build(key)
    values = describe_policy(model.policy, states_of(model))
    assert np.isfinite(values["train/entropy"])
    assert seen(model) == (values["train/entropy"], values["train/outside_box"])


def test_what_has_none() -> None:
    assert seen(build("td3")) == (pytest.approx(np.nan, nan_ok=True), 0)  # −∞ has no mean
    assert seen(build("dqn")) == (0, 0)
    masked = MaskablePPO("MlpPolicy", Steps(spaces.Discrete(3)), n_steps=8, batch_size=8)
    assert np.isnan(seen(masked)).all()
