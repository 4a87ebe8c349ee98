"""The actor of SAC on flat parameters: tanh of a Gaussian, and the gradient of its loss written out."""

import math
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
#: of batches that are remembered
MOST_SIZES = 4


class Drawn:
    """
    Samples a = tanh(μ + σξ) in B states, written over by the next ones in as many.

    :param output: where the heads write μ and log σ as they come, shape (B, 2A)
    :param made: for what has the shape (B, A), 7 times
    :param log_prob: for log π(a|s), shape (B,)
    :param learns_std: for whether log σ is what the network gives, and not clamped, shape (B, A)
    """

    #: h₀, …, h_n, shape (B, …) each
    hidden: list[th.Tensor]

    def __init__(self, output: th.Tensor, made: th.Tensor, log_prob: th.Tensor, learns_std: th.Tensor):
        self.output, self.made, self.log_prob, self.learns_std = output, made, log_prob, learns_std
        self.mean, self.raw_log_std = output.chunk(2, dim=1)
        #: log σ, σ, ξ, a, da/dx = 1 − a², and 1 − a² + ε, whose logarithm the log-probability has
        self.log_std, self.std, self.noise, self.actions, self.slope, self.volume, self.summands = made
        self._parts: dict[tuple[int, int], Drawn] = {}

    @classmethod
    def empty(cls, n_states: int, n_actions: int) -> "Drawn":
        """
        :param n_states: B
        :param n_actions: A
        :return: room for samples
        """
        shape = n_states, n_actions
        where: Any = {"dtype": th.float32, "device": "cpu"}
        learns_std = th.empty(shape, dtype=th.bool, device="cpu")
        return cls(
            th.empty((n_states, 2 * n_actions), **where),
            th.empty((7, *shape), **where),
            th.empty(n_states, **where),
            learns_std,
        )

    def part(self, begin: int, end: int) -> "Drawn":
        """:return: the samples in some of the states, now and whenever there are others"""
        if (begin, end) not in self._parts:
            rows = slice(begin, end)
            parts = self.output[rows], self.made[:, rows], self.log_prob[rows], self.learns_std[rows]
            self._parts[begin, end] = Drawn(*parts)
        part = self._parts[begin, end]
        part.hidden = [layer[begin:end] for layer in self.hidden]
        return part


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
        self.head = Affine((mu, log_std), self.flat, rounding=True)
        self.n_actions: int = mu.out_features
        self._room = Room()
        #: by their number
        self._drawn: dict[int, Drawn] = {}
        #: μ and σ that it has acted by last, shape (N, A)
        self.acted: tuple[np.ndarray, np.ndarray]

    def act(self, features: np.ndarray) -> np.ndarray:
        """
        :param features: shape (N, D), float32
        :return: a ~ π(·|s), shape (N, A), of one draw from PyTorch's global generator
        """
        if len(features) <= FEW:
            output = self.head.forward_array(self.trunk.forward_array(features))
        else:
            output = self.head.forward(self.trunk.forward(th.from_numpy(features))[-1]).numpy()
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
        n = len(features)
        if n not in self._drawn:
            if len(self._drawn) >= MOST_SIZES:
                self._drawn.clear()
            self._drawn[n] = Drawn.empty(n, self.n_actions)
        drawn = self._drawn[n]
        drawn.hidden = self.trunk.forward(features, self._room)
        self.head.forward(drawn.hidden[-1], drawn.output)
        log_std, std, noise = drawn.log_std, drawn.std, drawn.noise
        th.clamp(drawn.raw_log_std, LOG_STD_MIN, LOG_STD_MAX, out=log_std)
        th.eq(drawn.raw_log_std, log_std, out=drawn.learns_std)
        for part in noise.tensor_split(n_draws):
            part.normal_()
        th.exp(log_std, out=std)
        # Rounded as there: where |a| is nearly 1, the last place of a is the fourth or fifth of 1 − a².
        actions = th.mul(std, noise, out=drawn.actions).add_(drawn.mean).tanh_()
        slope = th.mul(actions, actions, out=drawn.slope).neg_().add_(1)
        volume = th.add(slope, self.actor.action_dist.epsilon, out=drawn.volume)
        summands = th.log(volume, out=drawn.summands).add_(log_std).addcmul_(noise, noise, value=0.5)
        th.sum(summands, 1, out=drawn.log_prob).add_(self.n_actions * HALF_LOG_2PI).neg_()
        return drawn

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
        gradient = self._room.of("gradient of the heads", n, 2 * self.n_actions)
        of_mean, of_log_std = gradient.chunk(2, dim=1)
        of_actions = th.mul(drawn.actions, 2 * weight, out=drawn.summands).div_(drawn.volume).sub_(action_gradient)
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
