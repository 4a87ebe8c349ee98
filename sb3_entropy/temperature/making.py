"""A temperature from what users write."""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch as th
from gymnasium import spaces
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule

from sb3_entropy.errors import check_number
from sb3_entropy.target_entropy import auto_target_entropy, max_entropy, n_action_dims
from sb3_entropy.temperature.base import (
    DecayedTemperature,
    FixedTemperature,
    Schedule,
    ScheduledTemperature,
    Temperature,
)
from sb3_entropy.temperature.dual import DualTemperature
from sb3_entropy.temperature.tuned import TunedTemperature

EntCoef: TypeAlias = float | str | Schedule

ALLOWED = (
    "a number ≥ 0, 'auto', 'auto_<initial>', 'lin_<initial>', 'decay_<initial>_<factor>' or "
    "'decay_<initial>_<factor>_<floor>', or a function of the remaining progress (1 → 0)"
)


def make_temperature(
    ent_coef: EntCoef,
    action_space: spaces.Space,  # type: ignore[type-arg]
    target_entropy: float | str = "auto",
    rate: float = 2e-4,
    bounded: bool = False,
) -> Temperature:
    """
    :param ent_coef: a number, a schedule, or a string: ``"auto"`` (tuned, from 1), ``"auto_0.1"`` (tuned, from 0.1),
        ``"lin_0.1"`` (linearly from 0.1 to 0), ``"decay_1_0.99_0.01"`` (by a factor an update, with a floor)
    :param action_space: what the policy chooses from
    :param target_entropy: H̄ in nats, or ``"auto"`` for :func:`auto_target_entropy`; used by ``"auto…"`` alone
    :param rate: how fast α is tuned, see :class:`TunedTemperature`
    :param bounded: whether the policy's support is the action box itself, so that its entropy has a maximum
    :return: the temperature
    :raises TypeError: if ``ent_coef`` is of another type
    :raises ValueError: if a number is out of range, a string cannot be read, or the target cannot be reached
    """
    made = _made_or_initial(ent_coef, target_entropy)
    if isinstance(made, Temperature):
        return made
    check_number("ent_coef_lr", rate, low=0, open_low=True)
    target = auto_target_entropy(action_space) if target_entropy == "auto" else target_entropy
    _check_reachable(float(target), action_space, bounded)
    return TunedTemperature(made, float(target), n_action_dims(action_space), rate)


def make_dual_temperature(
    ent_coef: EntCoef,
    action_space: spaces.Box,
    target_entropy: float | str = "auto",
    learning_rate: float = 3e-4,
    in_log: bool = True,
    device: th.device | str = "cpu",
) -> Temperature:
    """
    :param ent_coef: as for :func:`make_temperature`; ``"auto…"`` is SAC's rule, :class:`DualTemperature`
    :param action_space: what the policy chooses from; it is scaled to [−1, 1], and so is the entropy
    :param target_entropy: H̄ in nats in the [−1, 1] box, or ``"auto"`` for −dim A; used by ``"auto…"`` alone
    :param learning_rate: Adam's step size
    :param in_log: whether log α is descended in, or α itself
    :param device: where the minibatches are
    :return: the temperature
    :raises TypeError: if ``ent_coef`` is of another type
    :raises ValueError: if a number is out of range, a string cannot be read, or the target cannot be reached
    """
    made = _made_or_initial(ent_coef, target_entropy)
    if isinstance(made, Temperature):
        return made
    n_dims = n_action_dims(action_space)
    target = -float(n_dims) if target_entropy == "auto" else float(target_entropy)
    _check_reachable(target, spaces.Box(-1.0, 1.0, (n_dims,)), bounded=True)
    return DualTemperature(made, target, learning_rate, in_log, device)


def _made_or_initial(ent_coef: EntCoef, target_entropy: float | str) -> Temperature | float:
    """:return: a temperature that is not tuned, or where one that is begins"""
    if target_entropy != "auto":
        check_number("target_entropy", target_entropy)
    made = make_schedule("ent_coef", ent_coef, ALLOWED)
    if isinstance(made, Temperature):
        return made
    _, *numbers = made
    initial = numbers[0] if numbers else 1.0
    check_number("the initial value of ent_coef", initial, low=0, open_low=True)
    return initial


def make_schedule(
    name: str, given: Any, allowed: str, **kinds: tuple[int, ...]
) -> Temperature | tuple[str, *tuple[float, ...]]:
    """
    A coefficient that the training does not feed back into.

    :param name: the argument's name, for messages
    :param given: a number ≥ 0, ``"lin_0.1"``, ``"decay_1_0.99_0.01"`` or a function of the remaining progress
    :param allowed: what the argument may be, for messages
    :param kinds: further kinds of text that the argument may be, beside ``"auto"``, and how many numbers each has
    :return: the coefficient; of a text of another kind, its kind and its numbers
    :raises TypeError: if it is of another type
    :raises ValueError: if a number is out of range, or a text cannot be read
    """
    if callable(given):
        scheduled = ScheduledTemperature(FloatSchedule(given), name)
        try:
            scheduled.value(1.0)
        except TypeError as error:
            raise TypeError(f"{name} must be {allowed}, but {given!r} fails at progress 1: {error}.") from error
        return scheduled
    if not isinstance(given, str):
        try:
            check_number(name, given, low=0)
        except TypeError as error:
            raise TypeError(f"{name} must be {allowed}, but {given!r} was given.") from error
        return FixedTemperature(float(given))
    kind, *numbers = _read(name, given, allowed, kinds)
    if kind not in ("lin", "decay"):
        return kind, *numbers
    check_number(f"the initial value of {name}", numbers[0], low=0)
    if kind == "lin":
        return ScheduledTemperature(LinearSchedule(numbers[0], 0.0, 1.0), name)
    initial, factor, floor = (*numbers, 0.0)[:3]
    check_number(f"the decay factor of {name}", factor, low=0, high=1, open_low=True)
    check_number(f"the floor of {name}", floor, low=0)
    return DecayedTemperature(initial, factor, floor)


_N_NUMBERS = {"auto": (0, 1), "lin": (1,), "decay": (2, 3)}


def _read(name: str, text: str, allowed: str, kinds: Mapping[str, tuple[int, ...]]) -> tuple[str, *tuple[float, ...]]:
    kind, *rest = text.split("_")
    try:
        numbers = tuple(float(number) for number in rest)
    except ValueError:
        numbers = (math.nan,) * 9
    if len(numbers) not in {**_N_NUMBERS, **kinds}.get(kind, ()):
        raise ValueError(f"{name} must be {allowed}, but {text!r} was given.")
    return kind, *numbers


def _check_reachable(target: float, action_space: spaces.Space, bounded: bool) -> None:  # type: ignore[type-arg]
    discrete = not isinstance(action_space, spaces.Box)
    if not (discrete or bounded):
        return
    largest = max_entropy(action_space)
    if target >= largest or (discrete and target <= 0):
        lowest = "0" if discrete else "−∞"
        raise ValueError(
            f"target_entropy={target:g} cannot be reached: the entropy of a policy on {action_space} lies between "
            f"{lowest} and {largest:.4g} nats. Choose a target strictly between, or target_entropy='auto'."
        )
