"""Bandits whose truth is known, and logs of them."""

import io
import itertools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sb3_entropy.offline import LoggedFeedback


@dataclass(frozen=True)
class TinyBandit:
    """
    Finitely many contexts k with features x = k, and rewards mean ± 1 with equal probability.

    :param share: P(k), shape (K,)
    :param means: E[r|k, a], shape (K, A)
    :param behaviour: b(a|k), shape (K, A)
    :param target: π(a|k), shape (K, A)
    """

    share: np.ndarray
    means: np.ndarray
    behaviour: np.ndarray
    target: np.ndarray

    @property
    def value(self) -> float:
        """:return: V(π)"""
        return float(self.share @ (self.target * self.means).sum(axis=1))

    def log(self, contexts: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> LoggedFeedback:
        """:return: a log of these rounds"""
        behaviour = self.behaviour[contexts]
        return LoggedFeedback(
            contexts=contexts[:, None].astype(float),
            actions=actions,
            rewards=rewards,
            propensities=behaviour[np.arange(len(actions)), actions],
            n_actions=self.means.shape[1],
            behaviour=behaviour,
            mean_rewards=self.means[contexts],
        )

    def all_logs(self, n: int) -> Iterator[tuple[float, LoggedFeedback, np.ndarray]]:
        """:return: every log of n rounds that can happen: its probability, itself, and π in its contexts"""
        contexts, A = range(len(self.share)), range(self.means.shape[1])
        rounds = [
            (0.5 * self.share[k] * self.behaviour[k, a], k, a, self.means[k, a] + noise)
            for k, a, noise in itertools.product(contexts, A, (-1.0, 1.0))
            if self.behaviour[k, a] > 0
        ]
        for logged in itertools.product(rounds, repeat=n):
            probabilities, ks, actions, rewards = map(np.array, zip(*logged, strict=True))
            yield float(np.prod(probabilities)), self.log(ks, actions, rewards), self.target[ks]


TINY = TinyBandit(
    share=np.array([0.3, 0.7]),
    means=np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]]),
    behaviour=np.array([[0.5, 0.2, 0.3], [0.1, 0.6, 0.3]]),
    target=np.array([[0.25, 0.05, 0.7], [0.4, 0.35, 0.25]]),
)

#: context 1 never sees its best action
DEFICIENT = TinyBandit(
    TINY.share,
    TINY.means,
    np.array([[0.5, 0.2, 0.3], [0.0, 0.7, 0.3]]),
    np.array([[0.25, 0.05, 0.7], [0.4, 0.35, 0.25]]),
)


def zip_bytes() -> bytes:
    """:return: what could be a saved model, for what looks at no more than that it is a zip"""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data", "{}")
    return file.getvalue()


def softmax(logits: np.ndarray) -> np.ndarray:
    """:return: rows of probabilities"""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def bent_log(n: int, rng: np.random.Generator) -> tuple[LoggedFeedback, np.ndarray]:
    """
    Contexts x ~ U[−1.5, 1.5) and three actions with E[r|x, a] = 2 + (x², 0, −x)ₐ, the first of which no line through x
    describes; b and π depend on x in opposite ways.

    :return: a log, and π in its contexts. V(π) is ``BENT_VALUE``
    """
    x = rng.uniform(-1.5, 1.5, size=n)
    means = 2 + np.stack([x**2, np.zeros(n), -x], axis=1)
    behaviour, target = softmax(np.outer(x, [-0.7, 0.0, 0.3])), bent_target(x)
    actions = (behaviour.cumsum(axis=1) > rng.random(n)[:, None]).argmax(axis=1)
    rewards = means[np.arange(n), actions] + rng.normal(size=n)
    propensities = behaviour[np.arange(n), actions]
    return LoggedFeedback(x[:, None], actions, rewards, propensities, 3, behaviour, means), target


def bent_target(x: np.ndarray) -> np.ndarray:
    """:return: π(a|x), shape (n, 3)"""
    return softmax(np.outer(x, [0.7, 0.0, -0.3]))


# V(π) of bent_log by Gauss–Legendre quadrature.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(50)
_NODES = 1.5 * _NODES
_MEANS = 2 + np.stack([_NODES**2, 0 * _NODES, -_NODES], axis=1)
BENT_VALUE = float((_WEIGHTS / 2) @ (bent_target(_NODES) * _MEANS).sum(axis=1))
