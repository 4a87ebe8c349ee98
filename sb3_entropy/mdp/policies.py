"""Policies as differentiable functions of a vector of parameters θ."""

import math
from abc import ABC, abstractmethod
from typing import Protocol, TypeVar

import numpy as np
import torch as th

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.tabular import Array, TabularMDP

#: NumPy's or PyTorch's
A = TypeVar("A", Array, th.Tensor)


class Policy(Protocol):
    """
    What a policy is here: ``π(a|s) ∝ m(s, a) exp(logits(s, a))``, with the process's measure m.

    :param n_parameters: P
    """

    @property
    def n_parameters(self) -> int:
        """:return: P"""

    def logits(self, theta: th.Tensor) -> th.Tensor:
        """
        :param theta: θ of one policy, shape (P,), or of K, shape (K, P), float64
        :return: finite numbers, shape (S, A) or (K, S, A), differentiable with respect to ``theta``
        """


class LinearPolicy(ABC):
    """
    A policy whose logits are linear in θ. Its derivatives need no autograd.

    :param mdp: the process
    """

    def __init__(self, mdp: TabularMDP):
        self.n_states, self.n_actions = mdp.n_states, mdp.n_actions

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """:return: P"""

    @abstractmethod
    def spread(self, theta: A) -> A:
        """
        :param theta: shape (P, …)
        :return: logits, shape (A, S, …)
        """

    @abstractmethod
    def gathered(self, cotangent: Array) -> Array:
        """
        The transpose of :meth:`spread`.

        :param cotangent: of the logits, shape (A, S, …)
        :return: shape (P, …)
        """

    def logits(self, theta: th.Tensor) -> th.Tensor:
        """
        :param theta: θ of one policy, shape (P,), or of K, shape (K, P)
        :return: logits, shape (S, A) or (K, S, A)
        """
        return self.spread(theta.movedim(-1, 0)).movedim((0, 1), (-1, -2))


class SoftmaxLinear(LinearPolicy):
    """
    Softmax of a linear layer with bias on one-hot states: ``logits(s, a) = W[a, s] + b[a]``, as in Ahmed et al. 2019,
    Section 3.1. θ is W, row by row, and then b, as ``torch.nn.Linear(S, A)`` has them: P = AS + A, of which
    S + A directions change no probability.

    :param mdp: the process
    """

    @property
    def n_parameters(self) -> int:
        """:return: P"""
        return self.n_actions * (self.n_states + 1)

    def initial(self, n: int, rng: np.random.Generator) -> Array:
        """
        :param n: K, how many
        :param rng: where they are drawn from
        :return: parameters uniform in ±1/√S, as ``torch.nn.Linear`` begins, shape (K, P)
        """
        bound = 1 / math.sqrt(self.n_states)
        return rng.uniform(-bound, bound, size=(n, self.n_parameters))

    def spread(self, theta: A) -> A:
        """
        :param theta: shape (P, …)
        :return: logits, shape (A, S, …)
        """
        n, rest = self.n_actions * self.n_states, theta.shape[1:]
        weights = theta[:n].reshape(self.n_actions, self.n_states, *rest)
        return weights + theta[n:].reshape(self.n_actions, 1, *rest)

    def gathered(self, cotangent: Array) -> Array:
        """
        :param cotangent: of the logits, shape (A, S, …)
        :return: shape (P, …)
        """
        return np.concatenate([cotangent.reshape(-1, *cotangent.shape[2:]), cotangent.sum(axis=1)])


class TabularSoftmax(LinearPolicy):
    """
    One parameter for each logit: θ is ``logits(s, a)``, row by row, P = SA.

    :param mdp: the process
    """

    @property
    def n_parameters(self) -> int:
        """:return: P"""
        return self.n_actions * self.n_states

    def spread(self, theta: A) -> A:
        """
        :param theta: shape (P, …)
        :return: logits, shape (A, S, …)
        """
        return theta.reshape(self.n_states, self.n_actions, *theta.shape[1:]).swapaxes(0, 1)

    def gathered(self, cotangent: Array) -> Array:
        """
        :param cotangent: of the logits, shape (A, S, …)
        :return: shape (P, …)
        """
        return cotangent.swapaxes(0, 1).reshape(-1, *cotangent.shape[2:])


class Mix:
    """
    ``π'(a|s) = (1 − share) π(a|s) + share/|A|``: the policy mixed with the uniform one (Ahmed et al. 2019, Section
    3.1). Where the process has a measure m, uniform is m/Σₐ m, the policy of the greatest entropy.

    :param mdp: the process
    :param policy: π
    :param share: in [0, 1)
    :raises TypeError: if ``share`` is not a number
    :raises ValueError: if it lies outside; at 1 no parameter would matter
    """

    def __init__(self, mdp: TabularMDP, policy: Policy, share: float):
        check_number("share", share, 0.0, 1.0)
        if share == 1:
            raise ValueError("share must be less than 1, but 1 was given: the policy would not take part.")
        self.policy, self.share = policy, float(share)
        self._log_measure = th.tensor(np.log(mdp.measure, where=mdp.present, out=np.full_like(mdp.R, -np.inf)))

    @property
    def n_parameters(self) -> int:
        """:return: P, of the policy that is mixed"""
        return self.policy.n_parameters

    def logits(self, theta: th.Tensor) -> th.Tensor:
        """
        :param theta: θ of one policy, shape (P,), or of K, shape (K, P)
        :return: ``log(π'/m)``, shape (S, A) or (K, S, A)
        """
        inner = self.policy.logits(theta)
        log_density: th.Tensor = inner - th.logsumexp(inner + self._log_measure, dim=-1, keepdim=True)
        if self.share == 0:
            return log_density
        uniform = math.log(self.share) - th.logsumexp(self._log_measure, dim=-1, keepdim=True)
        mixed: th.Tensor = th.logaddexp(log_density + math.log1p(-self.share), uniform.expand_as(log_density))
        return mixed
