"""The temperature as a part: made anew where its arguments are others, and told of the updates that had its α alone."""

import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.logger import Logger

from sb3_entropy.algorithms.common.tempering import Tempering
from sb3_entropy.temperature import FixedTemperature, Temperature, TunedTemperature, make_temperature

ACTIONS = spaces.Discrete(4)
TUNED = ["auto_0.1", 0.5, 1e-2]


def made(arguments: list[Any], before: Tempering | None = None) -> Tempering:
    def make(ent_coef: Any, target_entropy: Any, rate: float) -> Temperature:
        return make_temperature(ent_coef, ACTIONS, target_entropy, rate)

    return (before or Tempering()).remade(arguments, make)


def test_the_same_arguments_make_nothing() -> None:
    tempering = made(TUNED)
    assert made(list(TUNED), tempering) is tempering
    assert made(list(TUNED), pickle.loads(pickle.dumps(tempering))).temperature == tempering.temperature


def test_kinds() -> None:
    assert (made(TUNED).is_soft, made(TUNED).is_tuned) == (True, True)
    assert (made([0.2, "auto", 1.0]).is_soft, made([0.2, "auto", 1.0]).is_tuned) == (True, False)
    assert (made([0.0, "auto", 1.0]).is_soft, made(["lin_0.1", "auto", 1.0]).is_soft) == (False, True)
    with pytest.raises(ValueError, match="cannot be reached"):
        made(["auto", 5.0, 1.0])


@pytest.mark.parametrize(
    ("arguments", "goes_on"),
    [
        (["auto_0.1", 0.7, 1e-2], True),
        (["auto_0.1", 0.5, 1e-3], True),
        (["auto_0.2", 0.5, 1e-2], False),
        ([0.3, 0.5, 1e-2], False),
    ],
)
def test_a_change_between_rollout_and_update(arguments: list[Any], goes_on: bool) -> None:
    """α stays what the returns have; what is told of it is told to the temperature that goes on from there alone."""
    before = made(TUNED)
    for _ in range(3):
        before.begin(1.0)
        before.see(np.array([1.2, 1.4]))
        before.end(32)
    before.begin(1.0)
    before.see(np.array([1.3, 1.35]))
    held = vars(before).copy(), vars(before.temperature).copy()
    after = made(arguments, before)
    assert (vars(before), vars(before.temperature)) == held
    assert (after.alpha, after.mean_entropy, after.in_force) == (before.alpha, pytest.approx(1.325), goes_on)
    value = after.temperature.value(0.0)
    assert (value == before.alpha) is goes_on
    after.end(32)
    assert (after.temperature.value(0.0) != value) is goes_on


@pytest.mark.parametrize(("index", "value"), [(1, 0.5), (2, 1e-4)])
@pytest.mark.parametrize("ent_coef", ["decay_1_0.5", "lin_1", 0.3])
def test_one_that_is_not_tuned_has_no_use_for_target_and_rate(ent_coef: Any, index: int, value: float) -> None:
    arguments = [ent_coef, "auto", 1e-2]
    tempering = made(arguments)
    for _ in range(4):
        tempering.begin(0.5)
        tempering.end(8)
    reached = tempering.temperature.value(0.5)
    tempering.begin(0.5)
    arguments[index] = value
    after = made(arguments, tempering)
    assert after.temperature.value(0.5) == reached
    assert after.temperature is tempering.temperature
    after.end(8)
    assert after.temperature.value(0.5) == (0.5**5 if ent_coef == "decay_1_0.5" else reached)
    with pytest.raises(ValueError, match="target_entropy"):
        made([ent_coef, float("nan"), 1e-2], after)


def test_only_the_updates_that_have_begun_count() -> None:
    tempering = made(["decay_1_0.5_0.1", "auto", 1.0])
    tempering.end(8)
    tempering.begin(1.0)
    assert tempering.alpha == 1.0
    tempering.end(8)
    assert tempering.temperature.value(1.0) == 0.5
    loaded = pickle.loads(pickle.dumps(tempering))
    loaded.end(8)
    assert loaded.temperature.value(1.0) == 0.5


def test_a_tuned_one_without_entropies_stays() -> None:
    tempering = made(TUNED)
    tempering.begin(1.0)
    tempering.see(np.zeros(0))
    assert tempering.mean_entropy is None
    tempering.end(32)
    assert tempering.temperature.value(0.0) == 0.1


def test_what_is_logged() -> None:
    logger, tempering = Logger(None, []), made(TUNED)
    tempering.begin(1.0)
    tempering.see(np.array([1.3]))
    tempering.end(32)
    tempering.record(logger, 20.0)
    assert isinstance(tempering.temperature, TunedTemperature)
    assert logger.name_to_value == {
        "train/ent_coef": 0.1,
        "train/ent_coef_raw_reward": 2.0,
        "train/ent_coef_loss": pytest.approx(np.log(0.1) * (1.3 - 0.5)),
    }
    logger = Logger(None, [])
    Tempering(FixedTemperature(0.3), alpha=0.3).record(logger, None)
    assert logger.name_to_value == {"train/ent_coef": 0.3}
