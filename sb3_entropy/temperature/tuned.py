"""α that is tuned to a target entropy, an update at a time: the rule for rollouts."""

import math
import warnings
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from sb3_entropy.temperature.base import Temperature
from sb3_entropy.temperature.dual import DualTemperature

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

    is_tuned: ClassVar[bool] = True
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


def continued(before: T, made: T) -> T | TunedTemperature | DualTemperature:
    """
    What becomes of a coefficient, α or λ, where only the target or the rate is another: one that is tuned is tuned to
    them from where it is, and of any other they are no matter.

    :param before: the coefficient as it was
    :param made: as it is made from the arguments that there are now
    :return: the one that goes on
    """
    for rule in (TunedTemperature, DualTemperature):
        if isinstance(before, rule) and isinstance(made, rule):
            return before.retargeted(made)  # type: ignore[arg-type]
    return before


def _clip(value: float, end: float) -> float:
    return min(max(value, -end), end)
