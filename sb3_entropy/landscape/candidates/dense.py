"""Multilayer perceptrons of many candidates, by NumPy: one stack of small matrix products a layer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch as th
from torch import nn

from sb3_entropy.distributions import StdScheme
from sb3_entropy.landscape.candidates.base import Leaves, Networks, Stack

#: activations, in place; within rounding of PyTorch's
ACTIVATIONS: dict[type[nn.Module], Callable[[np.ndarray], Any]] = {
    nn.Tanh: lambda x: np.tanh(x, out=x),
    nn.ReLU: lambda x: np.maximum(x, 0, out=x),
}


@dataclass(frozen=True)
class Place:
    """
    Where a tensor is in θ, or what it is where it is not learned.

    :param start: of its numbers in θ
    :param shape: its own
    :param constant: itself, if it is no part of θ
    """

    start: int
    shape: tuple[int, ...]
    constant: np.ndarray | None = None

    def of(self, thetas: np.ndarray) -> np.ndarray:
        """
        :param thetas: shape (C, P)
        :return: each candidate's, shape (C, …), float32
        """
        if self.constant is not None:
            return np.broadcast_to(self.constant, (len(thetas), *self.shape)).astype(np.float32)
        size = int(np.prod(self.shape))
        return thetas[:, self.start : self.start + size].reshape(-1, *self.shape).astype(np.float32)


@dataclass(frozen=True)
class Layer:
    """
    y = φ(xWᵀ + b).

    :param weight: W, shape (out, in)
    :param bias: b, shape (out,); None for none
    :param activation: φ, one of :data:`ACTIVATIONS`; None for none
    """

    weight: Place
    bias: Place | None
    activation: type[nn.Module] | None = None


@dataclass(frozen=True)
class LogStd:
    """
    log σ of a Gaussian.

    :param own: log σ₀, shape (A,); None if there is none
    :param head: what is read off the last hidden layer; None if log σ is log σ₀
    :param scheme: what makes log σ of both; None where the head's output is clipped instead, as SAC's is
    :param clip: between which bounds
    """

    own: Place | None
    head: Layer | None = None
    scheme: StdScheme | None = None
    clip: tuple[float, float] | None = None


@dataclass(frozen=True)
class DenseNetworks(Networks):
    """
    Hidden layers, and an output read off the last one.

    :param hidden: the layers, perhaps none
    :param output: the first leaf
    :param log_std: what makes the second leaf; None if there is none, or it is not asked for
    """

    hidden: tuple[Layer, ...]
    output: Layer
    log_std: LogStd | None = None
    name: str = field(default="dense", init=False)

    def stack(self, thetas: np.ndarray) -> "DenseStack":
        return DenseStack(self, thetas)


class _Affine:
    """The layer of each candidate; weights are kept as (in, out), which is faster for few rows."""

    def __init__(self, layer: Layer, thetas: np.ndarray):
        self.weights = np.ascontiguousarray(layer.weight.of(thetas).transpose(0, 2, 1))
        self.biases = None if layer.bias is None else layer.bias.of(thetas)[:, None]
        self.activate = None if layer.activation is None else ACTIVATIONS[layer.activation]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y: np.ndarray = x @ self.weights
        if self.biases is not None:
            y += self.biases
        if self.activate is not None:
            self.activate(y)
        return y

    def keep(self, candidates: np.ndarray) -> None:
        self.weights = self.weights[candidates]
        self.biases = None if self.biases is None else self.biases[candidates]


class DenseStack(Stack):
    """
    The weights of C candidates. A product is one of (S, in) and (in, out) for each, so it has the same bits whichever
    candidates are beside it.

    :param networks: the architecture
    :param thetas: shape (C, P)
    """

    def __init__(self, networks: DenseNetworks, thetas: np.ndarray):
        self.hidden = [_Affine(layer, thetas) for layer in networks.hidden]
        self.output = _Affine(networks.output, thetas)
        self.spec = networks.log_std
        own = None if self.spec is None else self.spec.own
        head = None if self.spec is None else self.spec.head
        self.own = None if own is None else own.of(thetas)[:, None]
        self.head = None if head is None else _Affine(head, thetas)

    def leaves(self, observations: Any) -> Leaves:
        n_candidates, n_states = observations.shape[:2]
        x = observations.astype(np.float32, copy=False).reshape(n_candidates, n_states, -1)
        for layer in self.hidden:
            x = layer(x)
        output = self.output(x)
        if self.spec is None:
            return (output,)
        return output, self._log_std(self.spec, x)

    def _log_std(self, spec: LogStd, latent: np.ndarray) -> np.ndarray:
        if self.head is None:
            assert self.own is not None
            return self.own
        read = self.head(latent)
        if spec.scheme is None:
            assert spec.clip is not None
            return np.clip(read, *spec.clip, out=read)
        own = None if self.own is None else th.from_numpy(self.own)
        with th.no_grad():
            log_std: np.ndarray = spec.scheme.of_head(th.from_numpy(read), own).numpy()
        return log_std

    def keep(self, candidates: np.ndarray) -> None:
        for layer in (*self.hidden, self.output, self.head):
            if layer is not None:
                layer.keep(candidates)
        self.own = None if self.own is None else self.own[candidates]
