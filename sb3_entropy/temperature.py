"""
The temperature α of entropy-regularised returns: fixed, scheduled, decayed, or tuned to a target entropy.

One temperature serves a whole update: the same α stands before the entropy in the return (Liu et al. 2020, Eq. 35) and
in the improvement (Eqs. 38 and 41).
"""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias, TypeVar

from gymnasium import spaces
from stable_baselines3.common.utils import FloatSchedule, LinearSchedule

from sb3_entropy.errors import check_number
from sb3_entropy.target_entropy import auto_target_entropy, max_entropy, n_action_dims

Schedule: TypeAlias = Callable[[float], float]
EntCoef: TypeAlias = float | str | Schedule

ALLOWED = (
    "a number ≥ 0, 'auto', 'auto_<initial>', 'lin_<initial>', 'decay_<initial>_<factor>' or "
    "'decay_<initial>_<factor>_<floor>', or a function of the remaining progress (1 → 0)"
)


class Temperature(ABC):
    """α ≥ 0, in units of reward per nat."""

    @abstractmethod
    def value(self, progress_remaining: float) -> float:
        """
        :param progress_remaining: the share of the training that is still to come, from 1 to 0
        :return: α
        """

    def update(self, entropy: float | None, n_transitions: int) -> None:  # noqa: B027  nothing to note, for most
        """
        Take note of one finished update of the policy.

        :param entropy: mean entropy H(π(·|s)) in nats over the states of the rollout; None if it was not computed
        :param n_transitions: how many transitions the rollout has
        """


@dataclass
class FixedTemperature(Temperature):
    """α is a constant."""

    constant: float

    def value(self, progress_remaining: float) -> float:
        return self.constant


@dataclass
class ScheduledTemperature(Temperature):
    """α = schedule(remaining progress)."""

    schedule: Schedule
    name: str = "ent_coef"

    def value(self, progress_remaining: float) -> float:
        # The last rollout may end after the last step that was asked for.
        progress_remaining = max(progress_remaining, 0.0)
        alpha = float(self.schedule(progress_remaining))
        if not alpha >= 0 or math.isinf(alpha):
            raise ValueError(
                f"The schedule of {self.name} gave {alpha!r} at remaining progress {progress_remaining:g}. "
                "It must give finite numbers ≥ 0 for every progress between 1 and 0."
            )
        return alpha


@dataclass
class DecayedTemperature(Temperature):
    """α_k = max(floor, initial · factorᵏ) after k updates: Ahmed et al. 2019 decay τ so, by .99 an update."""

    initial: float
    factor: float
    floor: float = 0.0
    n_updates: int = 0

    def value(self, progress_remaining: float) -> float:
        return max(self.floor, self.initial * self.factor**self.n_updates)

    def update(self, entropy: float | None, n_transitions: int) -> None:
        self.n_updates += 1


# How TunedTemperature is damped, and when it waits; derived in docs/temperature.md.
DAMPING = 4.0
MEMORY = 8192
LARGEST_STEP = 0.3
LARGEST_ERROR, LARGEST_DAMPED = 1.0, 0.5
WAITS_ABOVE = 2 / 3
WAITS_FOR = 200.0
RANGE = 1000.0
PATIENCE = 2 * MEMORY


@dataclass
class TunedTemperature(Temperature):
    """
    α is tuned so that the mean entropy approaches a target H̄ (Haarnoja et al. 2018, arXiv 1812.05905, Eq. 18; Liu et
    al. 2020, §4.1 and line 15 of Fig. 1).

    α is the multiplier of the constraint H ≥ H̄, with the dual loss log α · (H − H̄), SAC's in Stable-Baselines3.
    On-policy, the entropy follows α only after many updates, and plain descent swings around the target; so it is
    damped by a proportional term (Stooke, Achiam, Abbeel 2020, arXiv 2007.03964, Section 4), and descends only where
    the entropy does not get better by itself. After an update with n transitions

        log α ← log α − g · min(rate · n, 0.3) · clip(e, ±1) − min(4, 1/(2w)) · (clip(e, ±½) − clip(e_before, ±½)),

    where e = (H − H̄) / d, with d action dimensions and H a running mean, in which the last rollout has the weight
    w = min(1, n/min(8192, N)) after N transitions. Steps count transitions, so that α moves at the same pace for an
    algorithm that updates every 5 of them and for one that updates every 2048; and a policy that follows α within one
    update does not make it swing.

    g is 0 while H moves towards H̄ at more than ⅔ of the best pace at which it has done so since it was last there, and
    would be there within 200/rate transitions, and else 1. A policy that takes thousands of steps to lose the entropy
    it began with is on its way, and cannot go faster: a descent that went on meanwhile would wind α up, far past what
    holds the target.

    α stays between a thousandth and a thousand times where it started. So a target *below* the entropy that the policy
    keeps without any bonus cannot be reached: α falls to next to nothing, and what is left is nearly the unregularised
    algorithm. A target *above* the largest entropy that the actions allow is refused when the temperature is made.
    Where α stays next to one end, within a factor of 2, for 16384 transitions, a warning says so, once.

    :param initial: α at the start
    :param target: H̄ in nats
    :param n_dims: d, how many independent actions there are; the unit of the error where something else is tuned
    :param rate: nats of log α a transition and nat of e
    :param name: the argument that is tuned, for warnings
    :param measure: what it is tuned by, and has the target ``target_<measure>``, for warnings
    :param sign: −1 if what is given as an entropy is the measure's negative
    """

    #: raised when it tunes otherwise than before; enters the identity of the runs that use it
    behaviour_version: ClassVar[int] = 2

    initial: float
    target: float
    n_dims: float
    rate: float
    name: str = "ent_coef"
    measure: str = "entropy"
    sign: float = 1.0
    log_factor: float = 0.0
    entropy: float | None = None
    pace: float = 0.0
    best_pace: float = 0.0
    n_seen: int = 0
    n_at_end: int = 0
    warned: bool = False
    loss: float = 0.0

    def value(self, progress_remaining: float) -> float:
        return self.initial * math.exp(self.log_factor)

    def retargeted(self, other: "TunedTemperature") -> "TunedTemperature":
        """
        :param other: with the target and the rate that are wanted
        :return: one that is tuned to them from where α is now
        """
        wanted = replace(self, target=other.target, n_dims=other.n_dims, rate=other.rate)
        return replace(wanted, best_pace=0.0, n_at_end=0, warned=False)

    def update(self, entropy: float | None, n_transitions: int) -> None:
        if entropy is None:
            return
        self.loss = math.log(self.value(0.0)) * (entropy - self.target)
        self.n_seen += n_transitions
        weight = min(1.0, n_transitions / min(MEMORY, self.n_seen))
        before = entropy if self.entropy is None else self.entropy
        self.entropy = before + weight * (entropy - before)
        error, error_before = ((height - self.target) / self.n_dims for height in (self.entropy, before))
        step = min(DAMPING, 0.5 / weight) * (_clip(error, LARGEST_DAMPED) - _clip(error_before, LARGEST_DAMPED))
        if not self._is_on_its_way(before, n_transitions):
            step += min(self.rate * n_transitions, LARGEST_STEP) * _clip(error, LARGEST_ERROR)
        self.log_factor = _clip(self.log_factor - step, math.log(RANGE))
        self._warn_at_an_end(n_transitions)

    def _is_on_its_way(self, before: float, n_transitions: int) -> bool:
        """
        Whether H moves towards H̄ at more than ⅔ of its best pace, and would be there within 200/rate transitions. Paces
        are in nats a transition, and running means too.
        """
        assert self.entropy is not None
        weight = min(1.0, n_transitions / MEMORY)
        self.pace += weight * ((self.entropy - before) / n_transitions - self.pace)
        if (self.entropy - self.target) * (before - self.target) < 0:
            self.best_pace = 0.0
        towards = math.copysign(1.0, self.target - self.entropy) * self.pace
        self.best_pace = max(self.best_pace, towards)
        arrives = towards * WAITS_FOR >= abs(self.entropy - self.target) * self.rate
        return arrives and towards > WAITS_ABOVE * self.best_pace

    def _warn_at_an_end(self, n_transitions: int) -> None:
        near = abs(self.log_factor) > math.log(RANGE / 2)
        self.n_at_end = self.n_at_end + n_transitions if near else 0
        if self.warned or self.n_at_end < PATIENCE:
            return
        self.warned = True
        assert self.entropy is not None
        value, target = self.value(0.0), f"target_{self.measure}"
        up, down = ("higher", "lower") if self.sign > 0 else ("lower", "higher")
        floor = (
            f"The policy keeps the target by itself: the constraint is inactive, {self.name} next to 0 is right, and "
            f"this is nearly the algorithm without it. If it is to act, choose a {up} {target} or a fixed {self.name}. "
            "If rewards are so small that the floor is felt, start lower."
        )
        ceiling = (
            f"Start higher, with {self.name}='auto_{value:.2g}', if rewards are that large, or choose a {down} "
            f"{target} that the policy can reach."
        )
        warnings.warn(
            f"{self.name} has been next to its {'floor' if self.log_factor < 0 else 'ceiling'}, {value:.3g}, for "
            f"{self.n_at_end} transitions, with {self.measure} {self.sign * self.entropy:.3g} and "
            f"{target}={self.sign * self.target:.3g}. {floor if self.log_factor < 0 else ceiling}",
            stacklevel=2,
        )


T = TypeVar("T")


def continued(before: T, made: T) -> T | TunedTemperature:
    """
    What becomes of a coefficient, α or λ, where only the target or the rate is another: one that is tuned is tuned to
    them from where it is, and of any other they are no matter.

    :param before: the coefficient as it was
    :param made: as it is made from the arguments that there are now
    :return: the one that goes on
    """
    if isinstance(before, TunedTemperature) and isinstance(made, TunedTemperature):
        return before.retargeted(made)
    return before


def _clip(value: float, end: float) -> float:
    return min(max(value, -end), end)


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
    if target_entropy != "auto":
        check_number("target_entropy", target_entropy)
    made = make_schedule("ent_coef", ent_coef, ALLOWED)
    if isinstance(made, Temperature):
        return made
    _, *numbers = made
    check_number("ent_coef_lr", rate, low=0, open_low=True)
    initial = numbers[0] if numbers else 1.0
    check_number("the initial value of ent_coef", initial, low=0, open_low=True)
    target = auto_target_entropy(action_space) if target_entropy == "auto" else target_entropy
    _check_reachable(float(target), action_space, bounded)
    return TunedTemperature(initial, float(target), n_action_dims(action_space), rate)


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
