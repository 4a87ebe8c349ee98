"""One step of SAC's temperature, with the gradient and Adam's arithmetic written out."""

import math
from typing import Any

import torch as th
from torch.optim import Adam, Optimizer

from sb3_entropy.algorithms.common.flat_optimizers import why_not_flat
from sb3_entropy.algorithms.common.standing import seen_of
from sb3_entropy.temperature import DualTemperature, Temperature

#: whose square still is a float32
LARGE = 1e18


class TemperatureDescent:
    """
    ``temperature.descend`` within rounding, in numbers where it is Adam's step of one: autograd and the optimiser take
    ten times as long.

    The optimiser's state is written as its own step would have written it, and ``step`` could go on from there. The
    first step is its own, which makes that state.
    """

    def __init__(self) -> None:
        self._optimizer: Optimizer | None = None
        self._seen: list[object] = []

    def step(self, temperature: Temperature, log_prob: th.Tensor) -> th.Tensor | None:
        """
        :param temperature: α
        :param log_prob: log π(ã|s), shape (B,)
        :return: the loss that α has descended, without gradient; None if there is none
        """
        if type(temperature) is DualTemperature and self._is_plain(temperature):
            entry = temperature.optimizer.state.get(temperature.parameter)
            excess = float(log_prob.mean()) + temperature.target
            if entry and abs(excess) < LARGE:
                return _step(temperature, entry, excess)
        with th.enable_grad():
            return temperature.descend(log_prob)

    def _is_plain(self, temperature: DualTemperature) -> bool:
        """Whether nothing is there but Adam: asked anew where anything is other than it was."""
        if vars(temperature).keys() & {"descend", "loss"}:
            return False
        optimizer: Optimizer = temperature.optimizer
        parameter: Any = temperature.parameter
        hooks = parameter._backward_hooks or parameter._post_accumulate_grad_hooks
        if hooks or not parameter.requires_grad or parameter.device.type != "cpu":
            return False
        seen = seen_of(optimizer)
        if optimizer is not self._optimizer or seen != self._seen:
            plain = type(optimizer) is Adam and why_not_flat(optimizer, [parameter]) is None
            self._optimizer, self._seen = optimizer if plain else None, seen
        return self._optimizer is not None


def _step(temperature: DualTemperature, entry: dict[str, th.Tensor], excess: float) -> th.Tensor:
    """
    With x = log α, or α, the loss −x · mean(log π + H̄) has the gradient g = −mean(log π + H̄), and Adam gives
    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², x ← x − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε) (Kingma & Ba 2015).

    :param temperature: α
    :param entry: what its optimiser holds of x
    :param excess: mean(log π(ã|s) + H̄)
    :return: the loss
    """
    parameter, group = temperature.parameter, temperature.optimizer.param_groups[0]
    value, (beta1, beta2) = parameter.item(), group["betas"]
    count = entry["step"].item() + 1
    mean = beta1 * entry["exp_avg"].item() - (1 - beta1) * excess
    square = beta2 * entry["exp_avg_sq"].item() + (1 - beta2) * excess * excess
    denominator = math.sqrt(square / (1 - beta2**count)) + group["eps"]
    moved = value - group["lr"] / (1 - beta1**count) * mean / denominator
    entry["step"].fill_(count)
    entry["exp_avg"].fill_(mean)
    entry["exp_avg_sq"].fill_(square)
    with th.no_grad():
        parameter.fill_(moved if temperature.in_log else max(moved, 0.0))
    if parameter.grad is not None:
        parameter.grad.fill_(-excess)
    return th.tensor(-value * excess)
