"""Actions of a tanh-Gaussian policy, drawn from a generator of their own."""

import numpy as np
import torch as th


def standard_normal(shape: tuple[int, ...], like: th.Tensor, generator: th.Generator) -> th.Tensor:
    """
    :param shape: of what is drawn
    :param like: a tensor whose kind and device the draws get
    :param generator: where they come from, on any device
    :return: z ~ N(0, 1)
    """
    return th.randn(shape, dtype=like.dtype, device=generator.device, generator=generator).to(like.device)


def tanh_(x: th.Tensor) -> th.Tensor:
    """
    :param x: without gradient; overwritten
    :return: tanh x, by NumPy where it can be: several times faster on a CPU, one thread
    """
    if x.device.type != "cpu":
        return x.tanh_()
    array = x.numpy()
    np.tanh(array, out=array)
    return x


def actions(mean: th.Tensor, std: th.Tensor, z: th.Tensor) -> th.Tensor:
    """
    :param mean: μ, shape (B, A)
    :param std: σ, likewise
    :param z: standard normal, shape (N, B, A), or (N, 1, A): the same in all states
    :return: tanh(μ + σz), shape (N, B, A)
    """
    return tanh_(th.addcmul(mean, std, z))


def actions_by_component(mean: th.Tensor, std: th.Tensor, z: th.Tensor) -> th.Tensor:
    """
    :param mean: μ, shape (B, A)
    :param std: σ, likewise
    :param z: standard normal, the same in all states, shape (N, A)
    :return: tanh(μ + σz), shape (A, N, B): each component lies together, as sums over components want it
    """
    mean, std = (x.t().contiguous().unsqueeze(1) for x in (mean, std))  # else the sum would keep their strides
    return tanh_(th.addcmul(mean, std, z.t().unsqueeze(2)))
