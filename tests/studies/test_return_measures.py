"""What a run has earned, as a yes or a no."""

import gymnasium as gym
import numpy as np
import pytest

from sb3_entropy.environments import register_envs
from sb3_entropy.registry import MEASURES


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, -1.0], 1.0), ([-1.0, 1.0], 0.0), ([-1.0, -20.0], 0.0), ([1.0, -0.8], 0.0), ([-1.0, np.nan], np.nan)],
)
def test_to_go_right_is_to_earn_minus_one_at_the_end(values, expected):
    measure = MEASURES.get("goes_right")
    assert (measure.yes_or_no, measure.higher_is_better, measure.curves) == (True, None, ("deterministic/return",))
    np.testing.assert_equal(measure.score(np.arange(2), np.array(values)), expected)


@pytest.mark.parametrize(("first", "second"), [(0.4, 0.0), (-0.4, 0.05), (-0.4, 0.5)])
def test_state_2_of_the_bifurcation_alone_pays_that(first, second):
    register_envs()
    env = gym.make("entropy/Bifurcation-v0")
    env.reset()
    state = env.step(np.array([first]))[4]["state"]
    earned = float(env.step(np.array([second]))[1])
    assert MEASURES.get("goes_right").score(np.arange(1), np.array([np.mean([earned] * 10)])) == (state == 2)
