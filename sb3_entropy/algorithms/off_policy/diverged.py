"""A training whose numbers are no longer finite stops before it learns from them, and says which went first."""

import math

import torch as th


class DivergedError(ValueError):
    """
    :param quantity: what is not finite, by its key in the log: "critic_loss", "plain_critic_loss", "actor_loss" or
        "ent_coef_loss"
    :param value: what it is
    """

    def __init__(self, quantity: str, value: float):
        super().__init__(
            f"The training has diverged: {quantity} is {value}, and must be finite. Nothing has been learned from it. "
            "Look for NaN in rewards and observations; else lower learning_rate or the scale of the rewards."
        )
        self.quantity, self.value = quantity, value

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[str, float]]:
        return type(self), (self.quantity, self.value)


def check_finite(quantity: str, value: th.Tensor) -> None:
    """
    :param quantity: what it is called
    :param value: a scalar
    :raises DivergedError: if it is not finite
    """
    number = float(value)
    if not math.isfinite(number):
        raise DivergedError(quantity, number)
