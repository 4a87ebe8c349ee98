"""Actor and critic as functions of flat parameters: matrix products forward, and their gradient written out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch as th
from torch import nn

from sb3_entropy.algorithms.common.affine import Affine, Room, StackedAffine
from sb3_entropy.algorithms.common.flat import FlatParameters

#: what autograd calls: the gradient before an activation, from the one after it and from what it gave
tanh_backward = th.ops.aten.tanh_backward.default
_tanh_backward_out = th.ops.aten.tanh_backward.grad_input
_threshold_backward = th.ops.aten.threshold_backward.default
_threshold_backward_out = th.ops.aten.threshold_backward.grad_input


def _relu_backward(gradient: th.Tensor, output: th.Tensor, out: th.Tensor | None) -> th.Tensor:
    made: th.Tensor
    if out is None:
        made = _threshold_backward(gradient, output, 0)
    else:
        made = _threshold_backward_out(gradient, output, 0, grad_input=out)
    return made


def _tanh_backward(gradient: th.Tensor, output: th.Tensor, out: th.Tensor | None) -> th.Tensor:
    made: th.Tensor
    made = tanh_backward(gradient, output) if out is None else _tanh_backward_out(gradient, output, grad_input=out)
    return made


def _numpy_tanh(x: th.Tensor) -> th.Tensor:
    """Within rounding of PyTorch's, in a seventh of its time."""
    array = x.numpy()
    np.tanh(array, out=array)
    return x


#: an activation, in place, and its gradient, of what came back to it and what it gave, written into the third if given
Activation = tuple[Callable[[th.Tensor], th.Tensor], Callable[[th.Tensor, th.Tensor, th.Tensor | None], th.Tensor]]

ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.Tanh: (th.Tensor.tanh_, _tanh_backward),
    nn.ReLU: (th.Tensor.relu_, _relu_backward),
}
#: the same within rounding
ROUNDED: dict[type[nn.Module], Activation] = {**ACTIVATIONS, nn.Tanh: (_numpy_tanh, _tanh_backward)}


class Trunk:
    """
    The hidden layers of a network: h₀ = x, hᵢ = φ(hᵢ₋₁Wᵢᵀ + bᵢ).

    :param layers: Linear and activation in turns, perhaps none; of E networks of one shape, those of each: then what
        follows has a first axis E
    :param flat: where their parameters stand
    :param rounding: whether φ may differ in rounding
    """

    def __init__(self, layers: nn.Sequential | Sequence[nn.Sequential], flat: FlatParameters, rounding: bool):
        activations = ROUNDED if rounding else ACTIVATIONS
        networks = [layers] if isinstance(layers, nn.Sequential) else layers
        parts: list[Any] = list(zip(*networks, strict=True))
        #: map, activation and the activation's gradient
        self.layers: list[tuple[Any, Any, Any]] = [
            (
                Affine(linears[0], flat, rounding)
                if isinstance(layers, nn.Sequential)
                else StackedAffine(linears, flat),
                *activations[type(kinds[0])],
            )
            for linears, kinds in zip(parts[::2], parts[1::2], strict=True)
        ]

    def forward(self, x: th.Tensor, room: Room | None = None) -> list[th.Tensor]:
        """
        :param x: features of B states, shape (B, D)
        :param room: where to keep the hidden layers until it is given again; None for tensors of their own
        :return: h₀, …, h_n; the last is what the heads read
        """
        hidden = [x]
        for depth, (affine, activate, _) in enumerate(self.layers):
            out = None if room is None else room.of(("hidden", depth), *x.shape[:-1], affine.n_out)
            hidden.append(activate(affine.forward(hidden[-1], out)))
        return hidden

    def forward_array(self, x: np.ndarray) -> np.ndarray:
        """
        :param x: features of B states, shape (B, D)
        :return: h_n, by NumPy, within rounding
        """
        for affine, activate, _ in self.layers:
            x = affine.forward_array(x)
            if activate is _numpy_tanh:
                np.tanh(x, out=x)
            else:
                np.maximum(x, 0, out=x)
        return x

    def backward(self, hidden: list[th.Tensor], gradient: th.Tensor, room: Room | None = None) -> None:
        """
        Write the gradient of every layer.

        :param hidden: what :meth:`forward` gave; what comes back to a layer is written over it, where there is room
        :param gradient: ∂L/∂h_n, shape (B, width)
        :param room: where to keep what comes back to the layers; None for tensors of their own
        """
        for depth in range(len(self.layers), 0, -1):
            affine, _, activation_backward = self.layers[depth - 1]
            gradient = activation_backward(gradient, hidden[depth], None if room is None else hidden[depth])
            affine.backward(hidden[depth - 1], gradient)
            if depth > 1:
                out = None if room is None else room.of("gradient", *hidden[depth - 1].shape)
                gradient = affine.input_gradient(gradient, out)


class Critic:
    """
    V(s): a trunk and one output.

    :param layers: the trunk's
    :param value_net: the output's
    :param flat: where the parameters stand
    :param rounding: see :class:`Trunk`
    """

    def __init__(self, layers: nn.Sequential, value_net: nn.Linear, flat: FlatParameters, rounding: bool):
        self.trunk = Trunk(layers, flat, rounding)
        self.head = Affine(value_net, flat)

    def values(self, x: th.Tensor) -> th.Tensor:
        """
        :param x: features of B states, shape (B, D)
        :return: V, shape (B, 1)
        """
        return self.head.forward(self.trunk.forward(x)[-1])

    def backward(self, hidden: list[th.Tensor], gradient: th.Tensor) -> None:
        """
        Write the gradient of every layer.

        :param hidden: what the trunk's ``forward`` gave
        :param gradient: ∂L/∂V, shape (B, 1)
        """
        self.head.backward(hidden[-1], gradient)
        if self.trunk.layers:
            self.trunk.backward(hidden, self.head.input_gradient(gradient))


def why_no_trunk(layers: nn.Module) -> str | None:
    """
    :param layers: the hidden layers of a policy
    :return: why no :class:`Trunk` can be made of them; None if one can
    """
    parts = list(layers.children())
    kinds = [type(part) for part in parts]
    if kinds[::2] != [nn.Linear] * len(kinds[::2]) or len(kinds) % 2:
        return "its hidden layers are not linear ones and activations in turns"
    others = {kind.__name__ for kind in kinds[1::2] if kind not in ACTIVATIONS}
    if others:
        return f"its activation is {', '.join(sorted(others))}, and neither Tanh nor ReLU"
    return None
