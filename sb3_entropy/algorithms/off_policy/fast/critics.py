"""All critics of a training, in batched products."""

from collections.abc import Sequence
from typing import Any

import torch as th
from torch import nn

from sb3_entropy.algorithms.common.affine import Room, StackedAffine
from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.common.networks import Trunk


class StackedCritics:
    """
    E critics of one shape, Q_e(s, a): MLPs of the concatenated (s, a), with one output.

    :param networks: Linear and activation in turns, and a last Linear
    :param flat: where their parameters stand, those of one critic after those of another
    """

    def __init__(self, networks: Sequence[nn.Sequential], flat: FlatParameters):
        self.networks, self.flat = list(networks), flat
        hidden: list[Any] = [network[:-1] for network in networks]
        outputs: list[Any] = [network[-1] for network in networks]
        self.trunk, self.head = Trunk(hidden, flat, rounding=True), StackedAffine(outputs, flat)
        self._alone: dict[int, StackedCritics] = {}

    def __len__(self) -> int:
        return len(self.networks)

    def alone(self, critic: int) -> "StackedCritics":
        """:return: one of them, on the same parameters"""
        if critic not in self._alone:
            self._alone[critic] = StackedCritics([self.networks[critic]], self.flat)
        return self._alone[critic]

    def forward(self, x: th.Tensor, room: Room | None = None) -> tuple[list[th.Tensor], th.Tensor]:
        """
        :param x: (s, a), shape (B, D + A)
        :param room: where to keep the hidden layers until it is given again; None for tensors of their own
        :return: hidden layers, shape (E, B, …) each, and Q, shape (E, B)
        """
        hidden = self.trunk.forward(x.expand(len(self), -1, -1), room)
        return hidden, self.head.forward(hidden[-1]).squeeze(2)

    def backward(self, hidden: list[th.Tensor], gradient: th.Tensor, room: Room) -> None:
        """
        Write the gradient of every parameter.

        :param hidden: what :meth:`forward` gave
        :param gradient: ∂L/∂Q, shape (E, B)
        :param room: where to keep what comes back to the layers
        """
        of_output = gradient.unsqueeze(2)
        self.head.backward(hidden[-1], of_output)
        if self.trunk.layers:
            out = room.of("gradient", *hidden[-1].shape)
            self.trunk.backward(hidden, self.head.input_gradient(of_output, out), room)

    def action_gradients(self, hidden: list[th.Tensor], n_actions: int, room: Room | None = None) -> th.Tensor:
        """
        :param hidden: what :meth:`forward` gave
        :param n_actions: A
        :param room: where to keep what comes back to the layers; None for tensors of their own
        :return: ∇ₐQ, shape (E, B, A)
        """
        gradient = self.head.weight.expand(-1, hidden[-1].shape[1], -1)
        for depth in range(len(self.trunk.layers), 0, -1):
            affine, _, activation_backward = self.trunk.layers[depth - 1]
            own = None if room is None else room.of(("gradient", depth), *hidden[depth].shape)
            gradient = activation_backward(gradient, hidden[depth], own)
            if depth == 1:
                return th.bmm(gradient, affine.weight[:, :, -n_actions:])
            below = None if room is None else room.of(("gradient", depth - 1), *hidden[depth - 1].shape)
            gradient = affine.input_gradient(gradient, below)
        return gradient[:, :, -n_actions:]
