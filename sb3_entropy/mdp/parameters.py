"""Logits as a function of θ, and back: in NumPy where a policy is linear, by autograd where it is not."""

from typing import Protocol

import numpy as np
import torch as th

from sb3_entropy.mdp.policies import LinearPolicy, Policy
from sb3_entropy.mdp.tabular import Array


class Chart(Protocol):
    """What derivatives with respect to logits need to become derivatives with respect to θ."""

    def logits(self, theta: Array) -> Array:
        """
        :param theta: shape (P, K)
        :return: shape (A, S, K)
        """

    def pulled_back(self, theta: Array, gradient: Array) -> Array:
        """
        :param theta: shape (P, K)
        :param gradient: with respect to logits, shape (A, S, K)
        :return: with respect to θ, shape (P, K)
        """

    def hessian(self, theta: Array, gradient: Array, hessian: Array) -> Array:
        """
        ``Jᵀ H J + Σ gᵢ ∇²logitᵢ``, J the Jacobian of the logits.

        :param theta: shape (P,)
        :param gradient: g, with respect to logits, shape (A, S)
        :param hessian: H, with respect to logits, shape (A, S, A, S)
        :return: with respect to θ, shape (P, P)
        """


def chart_of(policy: Policy) -> Chart:
    """
    :param policy: any
    :return: how its logits are computed and differentiated
    """
    return _Linear(policy) if isinstance(policy, LinearPolicy) else _Differentiated(policy)


class _Linear:
    def __init__(self, policy: LinearPolicy):
        self.policy = policy

    def logits(self, theta: Array) -> Array:
        return self.policy.spread(theta)

    def pulled_back(self, theta: Array, gradient: Array) -> Array:
        return self.policy.gathered(gradient)

    def hessian(self, theta: Array, gradient: Array, hessian: Array) -> Array:
        half = self.policy.gathered(hessian)  # (P, A, S)
        return self.policy.gathered(half.transpose(1, 2, 0))


class _Differentiated:
    """Only the logits are differentiated here, which no linear system is solved for."""

    def __init__(self, policy: Policy):
        self.policy = policy

    def logits(self, theta: Array) -> Array:
        with th.no_grad():
            logits = self.policy.logits(th.tensor(theta.T))
        if logits.ndim != 3 or logits.shape[0] != theta.shape[1] or logits.dtype != th.float64:
            raise ValueError(
                f"logits() of {type(self.policy).__name__} must return float64 of the shape (K, S, A) for K = "
                f"{theta.shape[1]} vectors of parameters, but {logits.dtype} of the shape {tuple(logits.shape)} came."
            )
        return np.ascontiguousarray(logits.numpy().transpose(2, 1, 0))

    def pulled_back(self, theta: Array, gradient: Array) -> Array:
        inputs = th.tensor(theta.T, requires_grad=True)
        with th.enable_grad():
            logits = self.policy.logits(inputs)
        (found,) = th.autograd.grad(logits, inputs, th.tensor(gradient.transpose(2, 1, 0)))
        return found.numpy().T

    def hessian(self, theta: Array, gradient: Array, hessian: Array) -> Array:
        at, g = th.tensor(theta), th.tensor(gradient.T)
        S, A = g.shape
        jacobian = th.func.jacrev(self.policy.logits)(at).reshape(S * A, -1).numpy()
        curved = th.func.hessian(lambda point: (g * self.policy.logits(point)).sum())(at).numpy()
        full = hessian.transpose(1, 0, 3, 2).reshape(S * A, S * A)
        found: Array = jacobian.T @ full @ jacobian + curved
        return found
