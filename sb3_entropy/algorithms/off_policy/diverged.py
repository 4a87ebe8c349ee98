"""A training that diverges stops before what is not finite reaches a parameter, and says what was the first."""

import torch as th


class DivergedError(ValueError):
    """
    :param quantity: what has become NaN or infinite
    :param value: one of its values
    :param more: sentences that say where, and what to do
    """

    def __init__(self, quantity: str, value: float, more: str = ""):
        super().__init__(f"The {quantity} has become {value}. {more}".rstrip())
        self.quantity, self.value = quantity, value


def check_finite(quantity: str, tensor: th.Tensor) -> None:
    """
    :param quantity: its name, as in the log
    :param tensor: of any shape
    :raises DivergedError: if a number in it is NaN or infinite
    """
    if not tensor.isfinite().all():
        raise DivergedError(quantity, float(tensor[~tensor.isfinite()].reshape(-1)[0]))


def check_gradients(quantity: str, gradients: list[th.Tensor]) -> None:
    """
    :param quantity: whose they are
    :param gradients: of any shapes
    :raises DivergedError: if a number in one is NaN or infinite
    """
    check_finite(f"gradient of the {quantity}", th.stack(th._foreach_norm(gradients)))
