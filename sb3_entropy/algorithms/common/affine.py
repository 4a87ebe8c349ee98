"""Affine maps on flat parameters, one or several in one product, and their gradient written out."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch as th
from torch import nn

from sb3_entropy.algorithms.common.flat import FlatParameters

#: shapes of one use that are remembered
MOST_SHAPES = 64


class Room:
    """
    Tensors that are written again and again: a large one that is new in every step is cleared by the system first,
    page by page, which takes longer than the arithmetic.
    """

    def __init__(self) -> None:
        self._tensors: dict[Hashable, th.Tensor] = {}
        self._views: dict[Hashable, dict[tuple[int, ...], th.Tensor]] = {}

    def of(self, use: Hashable, *shape: int, dtype: th.dtype = th.float32) -> th.Tensor:
        """
        :param use: what for; whoever names the same writes over it, in whatever shape
        :param shape: how large
        :param dtype: of which type, the same for one use
        :return: with any numbers in it
        """
        views = self._views.setdefault(use, {})
        if shape not in views:
            size = math.prod(shape)
            if len(views) >= MOST_SHAPES:
                views.clear()
            if use not in self._tensors or len(self._tensors[use]) < size:
                views.clear()
                self._tensors[use] = th.empty(size, dtype=dtype, device="cpu")
            views[shape] = self._tensors[use][:size].view(shape)
        return views[shape]


class Affine:
    """
    y = xWᵀ + b, as ``torch.nn.functional.linear`` computes it.

    :param layers: whose W, shape (out, in), and b, shape (out,); several read the same x, and give parts of one y
    :param flat: where they and their gradients stand, those of several without gaps
    :param rounding: whether it may differ in rounding: products with few columns are slow, those with few rows are not
    """

    def __init__(self, layers: nn.Linear | Sequence[nn.Linear], flat: FlatParameters, rounding: bool = False):
        several = [layers] if isinstance(layers, nn.Linear) else layers
        weights: list[Any] = [layer.weight for layer in several]
        biases: list[Any] = [layer.bias for layer in several]
        self.weight, self.weight_gradient = (flat.rows(own, weights) for own in (flat.values, flat.gradients))
        self.bias, self.bias_gradient = (flat.rows(own, biases) for own in (flat.values, flat.gradients))
        self.transposed = self.weight.t()
        self.n_out, n_in = self.weight.shape
        self._few_inputs, self._few_outputs = rounding and 2 * n_in < self.n_out, rounding and 8 * self.n_out < n_in
        self._column = self.bias.unsqueeze(1)
        self._transposed_array, self._bias_array = self.transposed.numpy(), self.bias.numpy()

    def forward(self, x: th.Tensor, out: th.Tensor | None = None) -> th.Tensor:
        """
        :param x: shape (B, in)
        :param out: where to write y; None for a tensor of its own
        :return: y, shape (B, out)
        """
        if self._few_outputs:
            y = th.addmm(self._column, self.weight, x.t()).t()
            return y.contiguous() if out is None else out.copy_(y)
        return th.addmm(self.bias, x, self.transposed, out=out)

    def forward_array(self, x: np.ndarray) -> np.ndarray:
        """
        :param x: shape (B, in)
        :return: y, shape (B, out), by NumPy: within rounding, and in half of the time for a few rows
        """
        y: np.ndarray = x @ self._transposed_array
        y += self._bias_array
        return y

    def backward(self, x: th.Tensor, gradient: th.Tensor) -> None:
        """
        Write ∂L/∂W = Gᵀx and ∂L/∂b = Σ_B G.

        :param x: what went in, shape (B, in)
        :param gradient: G = ∂L/∂y, shape (B, out)
        """
        if self._few_inputs:
            self.weight_gradient.copy_(th.mm(x.t(), gradient).t())
        else:
            th.mm(gradient.t(), x, out=self.weight_gradient)
        th.sum(gradient, 0, out=self.bias_gradient)

    def input_gradient(self, gradient: th.Tensor, out: th.Tensor | None = None) -> th.Tensor:
        """
        :param gradient: G, shape (B, out)
        :param out: where to write; None for a tensor of its own
        :return: ∂L/∂x = GW, shape (B, in)
        """
        return th.mm(gradient, self.weight, out=out)


class StackedAffine:
    """
    E maps of one shape at once: y_e = x_e W_eᵀ + b_e.

    :param layers: whose W, shape (out, in) each, and b, shape (out,) each
    :param flat: where they and their gradients stand, at equal distances
    """

    def __init__(self, layers: Sequence[nn.Linear], flat: FlatParameters):
        weights: list[Any] = [layer.weight for layer in layers]
        biases: list[Any] = [layer.bias for layer in layers]
        self.weight, self.weight_gradient = (flat.stack(own, weights) for own in (flat.values, flat.gradients))
        bias, self.bias_gradient = (flat.stack(own, biases) for own in (flat.values, flat.gradients))
        self.bias = bias.unsqueeze(1)
        self.transposed = self.weight.transpose(1, 2)
        self.n_out = self.weight.shape[1]

    def forward(self, x: th.Tensor, out: th.Tensor | None = None) -> th.Tensor:
        """
        :param x: shape (E, B, in)
        :param out: where to write y; None for a tensor of its own
        :return: y, shape (E, B, out)
        """
        return th.baddbmm(self.bias, x, self.transposed, out=out)

    def backward(self, x: th.Tensor, gradient: th.Tensor) -> None:
        """
        Write ∂L/∂W = Gᵀx and ∂L/∂b = Σ_B G.

        :param x: what went in, shape (E, B, in)
        :param gradient: G = ∂L/∂y, shape (E, B, out)
        """
        if 2 * x.shape[2] < self.n_out:  # as in Affine
            self.weight_gradient.copy_(th.bmm(x.transpose(1, 2), gradient).transpose(1, 2))
        else:
            th.bmm(gradient.transpose(1, 2), x, out=self.weight_gradient)
        th.sum(gradient, 1, out=self.bias_gradient)

    def input_gradient(self, gradient: th.Tensor, out: th.Tensor | None = None) -> th.Tensor:
        """
        :param gradient: G, shape (E, B, out)
        :param out: where to write; None for a tensor of its own
        :return: ∂L/∂x = GW, shape (E, B, in)
        """
        product = th.mul if gradient.shape[2] == 1 else th.bmm
        return product(gradient, self.weight, out=out)
