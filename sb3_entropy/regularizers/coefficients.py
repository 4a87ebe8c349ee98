"""λ of a regulariser: fixed, scheduled, tuned to a divergence, or a share of the policy gradient's norm."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sb3_entropy.errors import MisfitError, check_number
from sb3_entropy.temperature import Temperature, TunedTemperature, make_schedule

Coefficient: TypeAlias = float | str | Callable[[float], float]

ALLOWED = (
    "a number ≥ 0, 'lin_<initial>', 'decay_<initial>_<factor>' or 'decay_<initial>_<factor>_<floor>', 'auto' or "
    "'auto_<initial>' with target_divergence, 'share_<share>', or a function of the remaining progress (1 → 0)"
)
#: what a share of the gradient's norm may make of λ where the divergence has next to no gradient
LARGEST = 1e4


@dataclass
class GradientShare:
    """λ = share · ‖∇L‖ / ‖∇D‖ on each minibatch, L the policy's loss, so that ‖λ∇D‖ = share · ‖∇L‖."""

    share: float

    def value(self, policy_norm: float, divergence_norm: float) -> float:
        """
        :param policy_norm: ‖∇L‖
        :param divergence_norm: ‖∇D‖
        :return: λ, at most 10⁴; 0 where D has no gradient
        """
        if divergence_norm == 0:
            return 0.0
        return min(self.share * policy_norm / divergence_norm, LARGEST)


def make_coefficient(coef: Coefficient, sign: float, target: float | None, rate: float) -> Temperature | GradientShare:
    """
    :param coef: see ``ALLOWED``
    :param sign: 1 to attract, −1 to repel
    :param target: the divergence that ``"auto"`` tunes λ to
    :param rate: how fast, in nats of log λ a transition and relative error
    :return: λ. A tuned one follows the rule of :class:`~sb3_entropy.temperature.TunedTemperature` with the divergence
        in the place of the entropy, and its error relative to the target: e = ±clip((D − target)/target, −1, 1). It is
        told −D to attract, since λ then lowers what it is tuned by, and D to repel
    :raises TypeError: if it is of another type
    :raises ValueError: if a number is out of range, a text cannot be read, or there is no target to tune to
    """
    made = make_schedule("coef", coef, ALLOWED, share=(1,))
    tuned = not isinstance(made, Temperature) and made[0] == "auto"
    if tuned and target is None:
        raise MisfitError(
            f"coef={coef!r} tunes λ to a divergence: give target_divergence, a number > 0.", "coef", "target_divergence"
        )
    if target is not None:
        check_number("target_divergence", target, low=0, open_low=True)
        if not tuned:
            raise MisfitError(
                f"target_divergence={target!r} is used by coef='auto' alone, but coef={coef!r} was given.",
                "coef",
                "target_divergence",
            )
    if isinstance(made, Temperature):
        return made
    kind, *numbers = made
    if kind == "share":
        check_number("the share of coef", numbers[0], low=0)
        return GradientShare(numbers[0])
    assert target is not None
    check_number("coef_lr", rate, low=0, open_low=True)
    initial = numbers[0] if numbers else 1.0
    check_number("the initial value of coef", initial, low=0, open_low=True)
    return TunedTemperature(initial, -sign * target, target, rate, name="coef", measure="divergence", sign=-sign)
