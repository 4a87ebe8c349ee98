"""
What an action distribution is of the actor's last hidden layer h(s): samples, log-probabilities, entropies, and where
it pays their gradients written out.

A distribution's *leaves* are the tensors that it is a function of: logits, or mean and log σ. A loss is differentiated
with respect to them, by hand or by autograd; what lies behind them, a head's ``backward`` does.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.common.affine import Affine
from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.distributions.laws import Law

# Numbers that Python adds up sooner than PyTorch.
FEW = 32


@dataclass
class Evaluated:
    """
    A distribution in B states, and the actions in question.

    :param log_prob: log π(a|s), shape (B,)
    :param entropy: H in nats, shape (B,); None without a closed form
    :param parts: what law and gradients are made of
    """

    log_prob: th.Tensor
    entropy: th.Tensor | None
    parts: tuple[Any, ...]


class Head(ABC):
    """
    :param policy: whose distribution it is
    :param flat: where the policy's parameters stand
    """

    def __init__(self, policy: ActorCriticPolicy, flat: FlatParameters):
        self.policy = policy
        self.affine = Affine(policy.action_net, flat)  # type: ignore[arg-type]

    def holds(self) -> bool:
        """:return: whether what it reads beside the flat parameters is still the policy's"""
        return True

    @abstractmethod
    def act(self, latent: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        """
        :param latent: h(s), shape (B, width)
        :return: a sample in each state, from PyTorch's global generator, and its log-probability, shape (B,)
        """

    def sample(self, latent: np.ndarray) -> tuple[np.ndarray, float]:
        """
        :param latent: h(s), shape (B, width)
        :return: the sample, within rounding, and a number that is finite only where all is
        """
        actions, log_prob = self.act(th.from_numpy(latent))
        return actions.numpy(), float(log_prob.sum())

    def leaves(self, latent: th.Tensor) -> tuple[th.Tensor, ...]:
        """
        :param latent: h(s), shape (B, width)
        :return: what the distribution is made of, without gradient
        """
        return (self.affine.forward(latent),)

    @abstractmethod
    def evaluate(self, leaves: tuple[th.Tensor, ...], actions: th.Tensor) -> Evaluated:
        """
        :param leaves: of B states; log-probability and entropy have a gradient where these have one
        :param actions: a, one a state, as the rollout buffer keeps them
        :return: the distribution, and these actions in it
        """

    @abstractmethod
    def entropy(self, leaves: tuple[th.Tensor, ...]) -> th.Tensor:
        """
        :param leaves: of B states
        :return: H in nats, shape (B,)
        """

    @abstractmethod
    def law(self, evaluated: Evaluated) -> Law:
        """:return: the law that has been evaluated"""

    def backward(self, latent: th.Tensor, gradients: tuple[th.Tensor, ...]) -> th.Tensor:
        """
        Write the gradient of the head's own parameters.

        :param latent: h(s), shape (B, width)
        :param gradients: ∂L/∂(leaf), one a leaf
        :return: ∂L/∂h, shape (B, width)
        """
        self.affine.backward(latent, gradients[0])
        return self.affine.input_gradient(gradients[0])


class WrittenHead(Head):
    """
    One of which the gradient of log-probability and entropy is written out; else autograd differentiates them.

    A minibatch calls ``evaluate``, then ``gradients``, ∂L/∂(leaves), then ``backward``: ∂L/∂(W, b, log σ₀) and ∂L/∂h.
    """

    @abstractmethod
    def gradients(
        self, evaluated: Evaluated, log_prob_gradient: th.Tensor, entropy_gradient: th.Tensor | None
    ) -> tuple[th.Tensor, ...]:
        """
        The gradient of a loss with respect to the leaves, in the order of autograd's operations.

        :param evaluated: what :meth:`evaluate` gave of leaves without gradient
        :param log_prob_gradient: ∂L/∂ log π(a|s), shape (B,)
        :param entropy_gradient: ∂L/∂H(s), a scalar, the same in all states; None for 0
        :return: one a leaf, in its shape
        """
