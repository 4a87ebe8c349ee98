"""Steps of Adam in one kernel, within rounding of PyTorch's default ones."""

from collections.abc import Iterable

import torch as th
from torch import nn
from torch.optim import Adam, Optimizer

from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.common.flat_optimizers import FLAT_OPTIMIZERS, Descent, FlatAdam


class FusedAdam(FlatAdam):
    """Adam by PyTorch's fused kernel, which reads and writes every number once: in less than half of the time."""

    def __init__(self, optimizer: Optimizer, flat: FlatParameters):
        super().__init__(optimizer, flat)
        self._step = th.zeros((), dtype=th.float32, device="cpu")

    def step(self, values: th.Tensor, gradients: th.Tensor, state: dict[str, th.Tensor], count: int) -> None:
        group = self.group
        beta1, beta2 = group["betas"]
        th._fused_adam_(
            [values],
            [gradients],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [self._step.fill_(count)],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


def rounded_descent(optimizer: Optimizer, flat: FlatParameters, parameters: Iterable[nn.Parameter]) -> Descent:
    """
    :param optimizer: one that can be flat
    :param flat: where its parameters stand, perhaps among others
    :param parameters: all of it
    :return: what takes its steps, within rounding
    """
    own = list(parameters)
    made = FusedAdam if type(optimizer) is Adam else FLAT_OPTIMIZERS[type(optimizer)]
    return Descent(made(optimizer, flat), own, [own])
