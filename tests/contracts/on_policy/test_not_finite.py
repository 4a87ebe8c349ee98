"""NaN and infinity end a run with their place, before anything has been learned from them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3.common.callbacks import BaseCallback

from contracts.envs import make_env, make_vec_env
from contracts.models import (
    ASYNCHRONOUS,
    ON_POLICY,
    assert_equal_parameters,
    build,
    like_parent,
    parameters,
    policy_for,
)
from contracts.pairs import combinations

N_STEPS = 16
BAD = (math.nan, math.inf, -math.inf)
# The number of an observation, from 0 at the first reset. An episode has 8, the last of which nothing is learned from.
PLACES = {"reset": 0, "first-step": 1, "mid-rollout": 20, "later-reset": 24}


class Keeper(BaseCallback):
    """Keeps the parameters as they were when the last rollout began."""

    def _on_rollout_start(self) -> None:
        self.start = parameters(self.model)

    def _on_step(self) -> bool:
        return True


def spoiled(what: str, at: int, bad: float) -> Any:
    """:return: what puts ``bad`` in the place of an observation's, or a reward's, number ``at``"""

    def spoil(number: int, observation: Any, reward: float) -> tuple[Any, float]:
        if number != at:
            return observation, reward
        if what == "reward":
            return observation, bad
        part = observation["vector"] if isinstance(observation, dict) else observation
        part[1] = bad
        return observation, reward

    return spoil


def fails(model: Any, words: str, steps: int = 4 * N_STEPS) -> None:
    """Training ends in one clear message, and nothing has been learned from what was not finite."""
    keeper = Keeper()
    with pytest.raises(ValueError, match=words) as caught:
        model.learn(steps, callback=keeper, log_interval=1)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert "Nothing that was saved is affected." in message
    assert_equal_parameters(model, keeper.start)
    assert all(bool(tensor.isfinite().all()) for tensor in keeper.start.values())


@pytest.mark.parametrize(("key", "place", "bad"), combinations(ON_POLICY, PLACES, BAD, inheriting=ASYNCHRONOUS))
def test_observations(key: str, place: str, bad: float) -> None:
    env = make_env(spoil=spoiled("observation", PLACES[place], bad))
    fails(build(key, env), "NaN or infinite observation.*Check")


@pytest.mark.parametrize("at", [15, 16, 17, 32])
@pytest.mark.parametrize("key", ON_POLICY)
def test_observations_wherever_a_rollout_ends(key: str, at: int) -> None:
    """The observation after a rollout's last action is in no buffer, but its value is in the advantages."""
    env = make_env(length=1000, spoil=spoiled("observation", at, math.nan))
    fails(build(key, env), "NaN or infinite observation")


@pytest.mark.parametrize(("key", "at", "bad"), combinations(ON_POLICY, (1, 23, 31), BAD, inheriting=ASYNCHRONOUS))
def test_rewards(key: str, at: int, bad: float) -> None:
    env = make_env(spoil=spoiled("reward", at, bad))
    fails(
        build(key, env), r"NaN or infinite reward came up at step \d+ of this rollout in environment 0: .*Check the env"
    )


@pytest.mark.parametrize("key", ON_POLICY)
def test_dict_observations_are_named_by_their_key(key: str) -> None:
    env = make_env("dict", spoil=spoiled("observation", 5, math.nan))
    fails(build(key, env, policy=policy_for("dict")), "NaN or infinite observation 'vector'|'vector'")


@pytest.mark.parametrize("key", ON_POLICY)
def test_the_environment_is_named(key: str) -> None:
    vec_env = make_vec_env(3, length=20)
    vec_env.envs[2].unwrapped.spoil = spoiled("reward", 4, math.nan)
    fails(build(key, vec_env), "at step 3 of this rollout in environment 2")


@pytest.mark.parametrize("key", ON_POLICY)
def test_the_observation_at_a_time_limit(key: str) -> None:
    """It enters the reward, as the value of what would have followed."""
    env = make_env(truncates=True, spoil=spoiled("observation", 15, math.nan))
    fails(build(key, env), "NaN or infinite")


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("key", ON_POLICY)
def test_a_policy_that_diverges(key: str, discrete: bool, tmp_path: Path) -> None:
    """A step of 10³⁰ leaves no finite policy. What has been saved before stays as it was."""

    def exploding(progress: float) -> float:
        return 1e-3 if progress > 0.6 else 1e30

    env = make_env(actions="discrete" if discrete else "box")
    model = build(key, env, learning_rate=exploding)
    model.save(tmp_path / "before")
    before = parameters(model)
    remedy = r"Lower learning_rate|lower learning_rate"
    with pytest.raises(ValueError, match=rf"NaN or infinite.*({remedy})") as caught:
        model.learn(8 * N_STEPS, log_interval=1)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert_equal_parameters(type(model).load(tmp_path / "before", device="cpu"), before)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_policy_that_diverges_in_the_last_update(key: str) -> None:
    """It is looked at once more at the end, or else stepped with next time."""
    model = build(key, learning_rate=1e30)

    def learn_twice() -> None:
        for _ in range(2):
            model.learn(N_STEPS, log_interval=1)

    with pytest.raises(ValueError, match=r"NaN or infinite.*[Ll]ower learning_rate"):
        learn_twice()


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_policy_that_was_spoiled_from_outside(key: str) -> None:
    model = build(key)
    with th.no_grad():
        model.policy.action_net.weight[0, 0] = math.nan
    with pytest.raises(
        ValueError, match=r"parameter action_net.weight has become NaN or infinite. Lower learning_rate"
    ):
        model.learn(16)


@pytest.mark.parametrize("key", ON_POLICY)
def test_training_can_go_on_where_the_environment_recovers(key: str) -> None:
    env = make_env(spoil=spoiled("reward", 20, math.nan))
    model = build(key, env, **like_parent(key))
    fails(model, "NaN or infinite reward")
    model.learn(N_STEPS)
    assert all(np.isfinite(tensor.numpy()).all() for tensor in parameters(model).values())
