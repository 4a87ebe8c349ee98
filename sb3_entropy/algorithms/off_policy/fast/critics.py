"""All critics of a training, in batched products."""

import itertools
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
            if depth == 1:  # products with few columns are slow, those with few rows are not
                of_actions = affine.weight[:, :, -n_actions:].transpose(1, 2).contiguous()
                return th.bmm(of_actions, gradient.transpose(1, 2)).transpose(1, 2)
            below = None if room is None else room.of(("gradient", depth - 1), *hidden[depth - 1].shape)
            gradient = affine.input_gradient(gradient, below)
        return gradient[:, :, -n_actions:]

    def action_gradients_at(
        self, hidden: list[th.Tensor], places: th.Tensor, counts: Sequence[int], n_actions: int, room: Room
    ) -> th.Tensor:
        """
        Of each critic in some of the states alone.

        :param hidden: what :meth:`forward` gave
        :param places: e·B + b for critic e in state b, ascending, shape (M,)
        :param counts: how many of them are each critic's
        :param n_actions: A
        :param room: where to keep what comes back to the layers
        :return: ∇ₐQ_e(s_b, a), shape (M, A)
        """
        ends = list(itertools.accumulate(counts))
        parts = [(e, slice(end - n, end)) for e, (n, end) in enumerate(zip(counts, ends, strict=True)) if n]
        made = room.of("action gradient", len(places), n_actions)
        head = self.head.weight[:, 0]
        if not self.trunk.layers:
            for critic, part in parts:
                made[part] = head[critic, -n_actions:]
            return made
        gradient = room.of("gradient at", len(places), head.shape[1])
        for depth in range(len(self.trunk.layers), 0, -1):
            affine, _, activation_backward = self.trunk.layers[depth - 1]
            layer = hidden[depth].view(-1, affine.n_out)
            out = room.of(("rows", depth), len(places), affine.n_out)
            if len(places) < len(layer):
                layer = th.index_select(layer, 0, places, out=out)
            if depth == len(self.trunk.layers):
                for critic, part in parts:
                    activation_backward(head[critic].expand(part.stop - part.start, -1), layer[part], out[part])
            else:
                activation_backward(gradient, layer, out)
            if depth > 1:
                gradient = room.of("gradient at", len(places), affine.weight.shape[2])
            for critic, part in parts:
                if depth > 1:
                    th.mm(out[part], affine.weight[critic], out=gradient[part])
                else:
                    made[part] = th.mm(affine.weight[critic, :, -n_actions:].t(), out[part].t()).t()
        return made
