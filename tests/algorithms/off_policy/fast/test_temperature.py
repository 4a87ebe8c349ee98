"""A step of α by numbers is the one that autograd and Adam take, and they can go on from it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch as th

from sb3_entropy.algorithms.off_policy.fast.temperature import TemperatureDescent
from sb3_entropy.temperature import DualTemperature, FixedTemperature


def log_probs(step: int) -> th.Tensor:
    """:return: numbers of either sign"""
    return th.randn(16, generator=th.Generator().manual_seed(step)) * 3 - 1 + step % 4


def both(initial: float = 0.3, rate: float = 0.02, in_log: bool = True) -> tuple[DualTemperature, DualTemperature]:
    return DualTemperature(initial, -2.5, rate, in_log), DualTemperature(initial, -2.5, rate, in_log)


def state(temperature: DualTemperature) -> list[th.Tensor]:
    """:return: log α or α, and what Adam holds of it"""
    held = temperature.optimizer.state[temperature.parameter]
    return [temperature.parameter.detach(), *(held[name] for name in ("step", "exp_avg", "exp_avg_sq"))]


def assert_alike(one: DualTemperature, other: DualTemperature) -> None:
    for ours, theirs in zip(state(one), state(other), strict=True):
        th.testing.assert_close(ours, theirs, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("in_log", [True, False])
@pytest.mark.parametrize("rate", [0.02, 0.0])
def test_steps_are_those_of_autograd_and_adam(in_log: bool, rate: float) -> None:
    ours, theirs = both(rate=rate, in_log=in_log)
    descent = TemperatureDescent()
    for step in range(12):
        if step in (5, 9):  # the optimiser goes on, and so do we
            loss, expected = ours.descend(log_probs(step)), theirs.descend(log_probs(step))
        else:
            loss, expected = descent.step(ours, log_probs(step)), theirs.descend(log_probs(step))
        th.testing.assert_close(loss, expected, rtol=2e-6, atol=1e-7)
        assert loss is not None
        assert not loss.requires_grad
        th.testing.assert_close(ours.parameter.grad, theirs.parameter.grad, rtol=2e-6, atol=1e-7)
    assert_alike(ours, theirs)
    assert ours.optimizer.state[ours.parameter]["step"] == 12


def test_the_options_of_the_moment_count() -> None:
    ours, theirs = both()
    descent = TemperatureDescent()
    for step in range(9):
        for temperature in (ours, theirs):
            group = temperature.optimizer.param_groups[0]
            group["lr"], group["betas"] = 0.01 * (step + 1), (0.5, 0.7) if step > 4 else (0.9, 0.999)
        descent.step(ours, log_probs(step))
        theirs.descend(log_probs(step))
    assert_alike(ours, theirs)


def test_alpha_itself_stays_at_zero_or_above() -> None:
    ours, theirs = both(initial=0.01, rate=0.5, in_log=False)
    descent = TemperatureDescent()
    for temperature, step in ((ours, descent.step), (theirs, DualTemperature.descend)):
        for _ in range(3):
            step(temperature, th.full((4,), -10.0))
    assert ours.value(0.0) == theirs.value(0.0) == 0.0


def _halve(optimizer: th.optim.Optimizer, *_: Any) -> None:
    optimizer.param_groups[0]["params"][0].grad *= -0.5


def _own_loss(temperature: DualTemperature) -> None:
    vars(temperature)["loss"] = lambda log_prob: temperature.parameter.square().sum()


CHANGED: dict[str, Callable[[DualTemperature], Any]] = {
    "option": lambda temperature: temperature.optimizer.param_groups[0].update(weight_decay=0.3),
    "hook": lambda temperature: temperature.optimizer.register_step_pre_hook(_halve),
    "loss": _own_loss,
    "hook of the parameter": lambda temperature: temperature.parameter.register_hook(lambda gradient: -gradient),
    "optimizer": lambda temperature: vars(temperature).update(
        optimizer=th.optim.SGD([temperature.parameter], lr=0.1, momentum=0.5)
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_where_something_is_changed_it_is_the_temperatures_own(name: str) -> None:
    ours, theirs = both()
    descent = TemperatureDescent()
    for step in range(6):
        if step == 3:
            for temperature in (ours, theirs):
                CHANGED[name](temperature)
        descent.step(ours, log_probs(step))
        theirs.descend(log_probs(step))
    assert ours.value(0.0) == pytest.approx(theirs.value(0.0), rel=1e-6)
    plain = both()[1]
    for step in range(6):
        plain.descend(log_probs(step))
    assert ours.value(0.0) != pytest.approx(plain.value(0.0), rel=1e-4)


def test_what_is_too_large_to_be_squared_is_left_to_adam() -> None:
    ours, theirs = both()
    descent = TemperatureDescent()
    for step in (0.0, 1e30, 0.0):
        descent.step(ours, th.full((4,), step))
        theirs.descend(th.full((4,), step))
    assert_alike(ours, theirs)


def test_others_are_told_as_ever() -> None:
    class Counting(DualTemperature):
        """One of somebody."""

        def descend(self, log_prob: th.Tensor) -> th.Tensor:
            return th.tensor(7.0)

    assert TemperatureDescent().step(FixedTemperature(0.2), log_probs(0)) is None
    assert TemperatureDescent().step(Counting(0.1, 1.0), log_probs(0)) == 7.0


def test_it_works_where_autograd_is_off() -> None:
    ours, theirs = both()
    with th.no_grad():
        TemperatureDescent().step(ours, log_probs(1))
    theirs.descend(log_probs(1))
    assert_alike(ours, theirs)
