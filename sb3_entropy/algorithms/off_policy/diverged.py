"""A training that diverges stops before what is not finite reaches a parameter, and says what was the first."""

import math
from collections.abc import Sequence

import torch as th


class DivergedError(ValueError):
    """
    :param quantity: what has become NaN or infinite, by its key in the log
    :param value: what it is
    :param more: sentences that say where, and what to do
    """

    def __init__(self, quantity: str, value: float, more: str = ""):
        super().__init__(f"The training has diverged: the {quantity} is {value}. {more}".rstrip())
        self.quantity, self.value, self.more = quantity, value, more

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[str, float, str]]:
        return type(self), (self.quantity, self.value, self.more)


def check_finite(quantity: str, value: th.Tensor) -> None:
    """
    :param quantity: what it is called
    :param value: a number, or several, of which the sum is looked at
    :raises DivergedError: if it is not finite
    """
    number = float(value if value.dim() == 0 else value.sum())
    if not math.isfinite(number):
        raise DivergedError(quantity, number)


def check_gradients(quantity: str, gradients: Sequence[th.Tensor]) -> None:
    """
    :param quantity: whose they are
    :param gradients: of any shapes
    :raises DivergedError: if their norm is not finite
    """
    if gradients:
        norms = [th.linalg.vector_norm(gradients[0])] if len(gradients) == 1 else th._foreach_norm(list(gradients))
        check_finite(f"gradient of the {quantity}", norms[0] if len(norms) == 1 else th.stack(list(norms)))
