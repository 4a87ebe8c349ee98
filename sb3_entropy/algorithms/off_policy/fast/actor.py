"""The actor of SAC on flat parameters: tanh of a Gaussian, and the gradient of its loss written out."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.sac.policies import LOG_STD_MAX, LOG_STD_MIN, Actor

from sb3_entropy.algorithms.common.affine import Affine, Room
from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.common.networks import Trunk

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
#: states of which NumPy's products are sooner done than PyTorch's
FEW = 4


@dataclass
class Drawn:
    """
    Samples a = tanh(μ + σξ) in B states.

    :param hidden: h₀, …, h_n, shape (B, …) each
    :param mean: μ, shape (B, A)
    :param std: σ, shape (B, A)
    :param learns_std: 1 where log σ is what the network gives, 0 where that is clamped, shape (B, A)
    :param noise: ξ, shape (B, A)
    :param actions: a, shape (B, A)
    :param slope: da/dx = 1 − a², shape (B, A)
    :param volume: 1 − a² + ε, whose logarithm the log-probability has, shape (B, A)
    :param log_prob: log π(a|s), shape (B,)
    """

    hidden: list[th.Tensor]
    mean: th.Tensor
    std: th.Tensor
    learns_std: th.Tensor
    noise: th.Tensor
    actions: th.Tensor
    slope: th.Tensor
    volume: th.Tensor
    log_prob: th.Tensor

    def first(self, n: int) -> "Drawn":
        """:return: the samples in the first n states"""
        return Drawn(
            [layer[:n] for layer in self.hidden],
            self.mean[:n],
            self.std[:n],
            self.learns_std[:n],
            self.noise[:n],
            self.actions[:n],
            self.slope[:n],
            self.volume[:n],
            self.log_prob[:n],
        )


class FlatActor:
    """
    :param actor: Stable-Baselines3's, without gSDE
    """

    def __init__(self, actor: Actor):
        self.actor = actor
        mu: Any = actor.mu
        log_std: Any = actor.log_std
        heads = [mu.weight, log_std.weight, mu.bias, log_std.bias]
        self.flat = FlatParameters([*actor.latent_pi.parameters(), *heads], alignment=1)
        self.trunk = Trunk(actor.latent_pi, self.flat, rounding=True)
        #: both heads read the same, and are one product: y = (μ, log σ)
        self.head = Affine((mu, log_std), self.flat)
        self.n_actions: int = mu.out_features
        self._room = Room()
        #: μ and σ that it has acted by last, shape (N, A)
        self.acted: tuple[np.ndarray, np.ndarray]

    def act(self, features: th.Tensor) -> np.ndarray:
        """
        :param features: shape (N, D), float32
        :return: a ~ π(·|s), shape (N, A), of one draw from PyTorch's global generator
        """
        if len(features) <= FEW:
            output = self.head.forward_array(self.trunk.forward_array(features.numpy()))
        else:
            output = self.head.forward(self.trunk.forward(features)[-1]).numpy()
        mean, log_std = output[:, : self.n_actions], output[:, self.n_actions :]
        actions: np.ndarray = th.empty(mean.shape, dtype=th.float32, device="cpu").normal_().numpy()
        std = np.exp(np.minimum(np.maximum(log_std, LOG_STD_MIN), LOG_STD_MAX))
        self.acted = mean, std
        actions *= std
        actions += mean
        np.tanh(actions, out=actions)
        return actions

    def draw(self, features: th.Tensor, n_draws: int = 1) -> Drawn:
        """
        :param features: shape (B, D)
        :param n_draws: in how many parts of the states, of one size, the noise is drawn: numbers depend on that
        :return: samples, from PyTorch's global generator
        """
        hidden = self.trunk.forward(features, self._room)
        output = self.head.forward(hidden[-1])
        mean, raw = output[:, : self.n_actions], output[:, self.n_actions :]
        log_std = raw.clamp(LOG_STD_MIN, LOG_STD_MAX)
        noise = th.empty_like(log_std)
        for part in noise.tensor_split(n_draws):
            part.normal_()
        std = log_std.exp()
        # Rounded as there: where |a| is nearly 1, the last place of a is the fourth or fifth of 1 − a².
        actions = (std * noise).add_(mean).tanh_()
        slope = (actions * actions).neg_().add_(1)
        volume = slope + self.actor.action_dist.epsilon
        summands = volume.log().add_(log_std).addcmul_(noise, noise, value=0.5)
        log_prob = summands.sum(1).add_(self.n_actions * HALF_LOG_2PI).neg_()
        return Drawn(hidden, mean, std, raw == log_std, noise, actions, slope, volume, log_prob)

    def backward(self, drawn: Drawn, action_gradient: th.Tensor, alpha: float | th.Tensor) -> None:
        """
        Write the gradient of mean_B (α log π(a|s) − Q(s, a)) in every parameter.

        With x = μ + σξ, ∂ log π/∂x = 2a(1 − a²)/(1 − a² + ε), and ∂ log π/∂ log σ has −1 beside what it has through x.

        :param drawn: of B states
        :param action_gradient: ∇ₐQ, shape (B, A)
        :param alpha: α, a number, or one a state, shape (B,)
        """
        n = len(action_gradient)
        weight = alpha.reshape(-1, 1) if isinstance(alpha, th.Tensor) else alpha
        gradient = drawn.mean.new_empty((n, 2 * self.n_actions))
        of_mean, of_log_std = gradient[:, : self.n_actions], gradient[:, self.n_actions :]
        of_actions = (drawn.actions * (2 * weight)).div_(drawn.volume).sub_(action_gradient)
        th.mul(of_actions, drawn.slope, out=of_mean)
        of_mean /= n
        th.mul(of_mean, drawn.std, out=of_log_std)
        of_log_std *= drawn.noise
        of_log_std -= weight / n
        of_log_std *= drawn.learns_std
        self.head.backward(drawn.hidden[-1], gradient)
        if self.trunk.layers:
            out = self._room.of("gradient", *drawn.hidden[-1].shape)
            self.trunk.backward(drawn.hidden, self.head.input_gradient(gradient, out), self._room)
