"""
What makes actions of a network's outputs and of given noise, for all candidates at once.

The outputs are a law's *leaves*, arrays of shape (C, S, …): C candidates, S states each. Noise comes in, and nothing is
drawn here: with equal noise, candidates differ by their parameters alone.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from scipy.special import betaincinv

from sb3_entropy.distributions.beta import beta_entropy
from sb3_entropy.distributions.boxes import is_stock, to_box

HALF_LOG_2PIE = 0.5 * math.log(2 * math.pi * math.e)


class Head(ABC):
    """From leaves and noise to the environment's actions."""

    #: how many random numbers an action takes
    n_noise: int
    #: what they are: normal ones, or uniform ones in [0, 1)
    noise: str

    @abstractmethod
    def act(self, leaves: tuple[np.ndarray, ...], noise: np.ndarray) -> np.ndarray:
        """
        :param leaves: what the networks give, shape (C, S, …)
        :param noise: shape (C, S, n_noise)
        :return: what the environments get, shape (C, S, *shape of an action)
        """

    @abstractmethod
    def mode(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        """
        :param leaves: what the networks give, shape (C, S, …)
        :return: what ``policy.predict(…, deterministic=True)`` gives, shape (C, S, *shape of an action)
        """

    @abstractmethod
    def entropy(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        """
        :param leaves: what the networks give, shape (C, S, …)
        :return: H(π(·|s)) in nats, shape (C, S), or one that broadcasts
        """


class IntoBox:
    """
    What ``policy.predict`` does with samples over a box: it clips them, or stretches those in [−1, 1].

    :param box: the actions
    :param scaled: whether samples are in [−1, 1]
    """

    def __init__(self, box: spaces.Box, scaled: bool):
        self.box, self.scaled, self.stock = box, scaled, is_stock(box)
        self.low, self.high = np.ravel(box.low), np.ravel(box.high)
        with np.errstate(over="ignore"):
            self.width = self.high - self.low

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """
        :param samples: shape (C, S, A), float32; they may be written into
        :return: the environment's actions, shape (C, S, *shape of the box)
        """
        shape = (*samples.shape[:2], *self.box.shape)
        if not self.stock:
            return to_box(self.box, samples.reshape(shape), self.scaled)
        if self.scaled:
            samples = self.low + 0.5 * (samples + 1.0) * self.width
        inside: np.ndarray = np.minimum(np.maximum(samples, self.low), self.high)  # np.clip takes twice as long
        return inside.reshape(shape)


class GaussianHead(Head):
    """
    a = μ(s) + σ(s) ε, then clipped; or tanh of it, then stretched. Its leaves are μ, shape (C, S, A), and log σ, in a
    shape that broadcasts; with a σ given, μ alone. H = Σ (½ log 2πe + log σ) of what is clipped, before it is.

    :param box: the actions
    :param std: σ instead of the policy's own, see :class:`~sb3_entropy.landscape.objectives.base.Conditions`
    :param squashed: whether tanh comes after
    """

    noise = "normal"

    def __init__(self, box: spaces.Box, std: float | None, squashed: bool):
        self.into_box, self.std, self.squashed = IntoBox(box, squashed), std, squashed
        self.n_actions = int(np.prod(box.shape))
        self.n_noise = 0 if std == 0 else self.n_actions

    def act(self, leaves: tuple[np.ndarray, ...], noise: np.ndarray) -> np.ndarray:
        mean = leaves[0]
        if self.std == 0:
            return self.mode(leaves)
        std = np.float32(self.std) if self.std is not None else np.exp(leaves[1])
        return self._sent(mean + std * noise)

    def mode(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        return self._sent(leaves[0])

    def _sent(self, samples: np.ndarray) -> np.ndarray:
        return self.into_box(np.tanh(samples) if self.squashed else samples)

    def entropy(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        if self.std is not None:
            return np.full((1, 1), self.n_actions * (HALF_LOG_2PIE + math.log(self.std)))
        log_std = np.asarray(leaves[1], dtype=np.float64)
        return np.asarray(HALF_LOG_2PIE * self.n_actions + log_std.sum(-1))


class DeterministicHead(Head):
    """The actor of TD3 and DDPG: its leaf is the action in [−1, 1], shape (C, S, A)."""

    noise, n_noise = "normal", 0

    def __init__(self, box: spaces.Box):
        self.into_box = IntoBox(box, scaled=True)

    def act(self, leaves: tuple[np.ndarray, ...], noise: np.ndarray) -> np.ndarray:
        return self.mode(leaves)

    def mode(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        return self.into_box(leaves[0])

    def entropy(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        raise ValueError("A deterministic policy has no entropy. Use ent_coef=0.")


class BetaHead(Head):
    """
    x ~ Beta(1 + softplus(·), 1 + softplus(·)) by inversion of its distribution function at uniform numbers, stretched
    over the box. Its leaf is the network's output, shape (C, S, 2A).

    :param box: the actions
    """

    noise = "uniform"

    def __init__(self, box: spaces.Box):
        self.into_box, self.n_noise = IntoBox(box, scaled=True), int(np.prod(box.shape))
        self.log_width = float(np.log(np.ravel(box.high.astype(np.float64) - box.low)).sum())

    @staticmethod
    def _concentrations(leaves: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        return np.split(1 + np.logaddexp(0, leaves[0].astype(np.float64)), 2, axis=-1)

    def act(self, leaves: tuple[np.ndarray, ...], noise: np.ndarray) -> np.ndarray:
        a, b = self._concentrations(leaves)
        return self.into_box((2 * betaincinv(a, b, noise) - 1).astype(np.float32))

    def mode(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        a, b = self._concentrations(leaves)
        eps = float(np.finfo(np.float32).eps)
        return self.into_box((2 * (a - 1 + eps) / (a + b - 2 + 2 * eps) - 1).astype(np.float32))

    def entropy(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        a, b = (th.from_numpy(np.ascontiguousarray(array)) for array in self._concentrations(leaves))
        return np.asarray(beta_entropy(a, b).sum(-1).numpy() + self.log_width)


@dataclass(frozen=True)
class Choosing:
    """
    What is chosen: one of n, or several at once.

    :param sizes: n₁, …, n_d
    :param start: what each counts from
    :param shape: of an action: () for Discrete
    :param is_single: for each, whether it is one logit, the second of two (MultiBinary)
    """

    sizes: tuple[int, ...]
    start: tuple[int, ...]
    shape: tuple[int, ...]
    binary: bool

    @classmethod
    def of(cls, space: Any) -> "Choosing":
        """
        :param space: Discrete, MultiDiscrete or MultiBinary
        :return: what is chosen
        """
        if isinstance(space, spaces.Discrete):
            return cls((int(space.n),), (int(space.start),), (), False)
        if isinstance(space, spaces.MultiDiscrete):
            sizes, start = np.ravel(space.nvec), np.ravel(space.start)
            return cls(tuple(map(int, sizes)), tuple(map(int, start)), space.nvec.shape, False)
        n = int(np.prod(space.shape))
        return cls((2,) * n, (0,) * n, space.shape, True)


class ChoiceHead(Head):
    """
    Finitely many actions, π' = (1 − m)·π + m·uniform: with u₀ < m the choices are uniform ones, else by inversion of
    π's distribution function, at the same uniform numbers.

    :param space: Discrete, MultiDiscrete or MultiBinary
    :param mix: m
    """

    noise = "uniform"

    def __init__(self, space: Any, mix: float):
        self.choosing, self.mix = Choosing.of(space), mix
        self.n_noise = 1 + len(self.choosing.sizes)
        self.start = np.array(self.choosing.start, dtype=np.int64)

    @abstractmethod
    def probabilities(self, leaves: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        """
        :param leaves: what the networks give, shape (C, S, …)
        :return: of π, for each choice, shape (C, S, nᵢ), float64
        """

    def act(self, leaves: tuple[np.ndarray, ...], noise: np.ndarray) -> np.ndarray:
        mixing = noise[..., 0] < self.mix
        chosen = []
        for i, p in enumerate(self.probabilities(leaves)):
            u = noise[..., 1 + i]
            by_policy = (p.cumsum(-1)[..., :-1] <= u[..., None]).sum(-1)
            by_chance = np.minimum((u * p.shape[-1]).astype(np.int64), p.shape[-1] - 1)
            chosen.append(np.where(mixing, by_chance, by_policy))
        return self._sent(chosen)

    def mode(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        return self._sent([p.argmax(-1) for p in self.probabilities(leaves)])

    def _sent(self, chosen: list[np.ndarray]) -> np.ndarray:
        stacked = np.stack(chosen, axis=-1) + self.start
        return stacked.reshape((*stacked.shape[:2], *self.choosing.shape))

    def entropy(self, leaves: tuple[np.ndarray, ...]) -> np.ndarray:
        mixed = [(1 - self.mix) * p + self.mix / p.shape[-1] for p in self.probabilities(leaves)]
        return np.asarray(sum(-(p * np.log(np.where(p > 0, p, 1.0))).sum(-1) for p in mixed))


class SoftmaxHead(ChoiceHead):
    """Its leaf is the logits, shape (C, S, Σ nᵢ), or of MultiBinary (C, S, d)."""

    def probabilities(self, leaves: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        logits = leaves[0].astype(np.float64)
        if self.choosing.binary:
            one = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
            return [np.stack([1 - p, p], axis=-1) for p in np.moveaxis(one, -1, 0)]
        found, end = [], 0
        for n in self.choosing.sizes:
            part = logits[..., end : end + n]
            p = np.exp(part - part.max(-1, keepdims=True))
            found.append(p / p.sum(-1, keepdims=True))
            end += n
        return found


class GreedyHead(ChoiceHead):
    """The action of the greatest value, of DQN and QR-DQN; mixed, it is ε-greedy. Its leaf is Q, shape (C, S, n)."""

    def probabilities(self, leaves: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        q = leaves[0]
        return [(np.arange(q.shape[-1]) == q.argmax(-1)[..., None]).astype(np.float64)]
