"""Actor and critic as functions of flat parameters: matrix products forward, and their gradient written out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch as th
from torch import nn

from sb3_entropy.algorithms.common.affine import Affine, StackedAffine
from sb3_entropy.algorithms.common.flat import FlatParameters

#: what autograd calls: the gradient before an activation, from the one after it and from what it gave
tanh_backward = th.ops.aten.tanh_backward.default
_threshold_backward = th.ops.aten.threshold_backward.default


def _relu_backward(gradient: th.Tensor, output: th.Tensor) -> th.Tensor:
    result: th.Tensor = _threshold_backward(gradient, output, 0)
    return result


def _numpy_tanh(x: th.Tensor) -> th.Tensor:
    """Within rounding of PyTorch's, in a seventh of its time."""
    array = x.numpy()
    np.tanh(array, out=array)
    return x


#: an activation, in place, and its gradient
Activation = tuple[Callable[[th.Tensor], th.Tensor], Callable[..., th.Tensor]]

ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.Tanh: (th.Tensor.tanh_, tanh_backward),
    nn.ReLU: (th.Tensor.relu_, _relu_backward),
}
#: the same within rounding
ROUNDED: dict[type[nn.Module], Activation] = {**ACTIVATIONS, nn.Tanh: (_numpy_tanh, tanh_backward)}


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
        self.layers: list[tuple[Any, Callable[..., th.Tensor], Callable[..., th.Tensor]]] = [
            (
                Affine(linears[0], flat) if isinstance(layers, nn.Sequential) else StackedAffine(linears, flat),
                *activations[type(kinds[0])],
            )
            for linears, kinds in zip(parts[::2], parts[1::2], strict=True)
        ]

    def forward(self, x: th.Tensor) -> list[th.Tensor]:
        """
        :param x: features of B states, shape (B, D)
        :return: h₀, …, h_n; the last is what the heads read
        """
        hidden = [x]
        for affine, activate, _ in self.layers:
            hidden.append(activate(affine.forward(hidden[-1])))
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

    def backward(self, hidden: list[th.Tensor], gradient: th.Tensor) -> None:
        """
        Write the gradient of every layer.

        :param hidden: what :meth:`forward` gave
        :param gradient: ∂L/∂h_n, shape (B, width)
        """
        for depth in range(len(self.layers), 0, -1):
            affine, _, activation_backward = self.layers[depth - 1]
            gradient = activation_backward(gradient, hidden[depth])
            affine.backward(hidden[depth - 1], gradient)
            if depth > 1:
                gradient = affine.input_gradient(gradient)


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
