"""
Values and occupancies of K policies of one process, exactly.

Policies are the last axis of every array here, (A, S, K): sums over actions and states then run over whole slabs of
memory. What users see has them first.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sb3_entropy.mdp.elimination import Elimination, Places
from sb3_entropy.mdp.tabular import Array, Flags, TabularMDP

#: from how many policies times states on elimination in the common pattern is faster than LAPACK, and which share
#: of the work it may be at most
MANY, SPARSE = 1600, 0.1
#: more expected steps than this are taken for an episode that never ends
ENDLESS = 1e12


@dataclass(frozen=True, eq=False)
class Policies:
    """
    K policies.

    :param pi: probabilities π(a|s), shape (A, S, K)
    :param log_density: log(π/m), shape (A, S, K); any finite number where π = 0
    """

    pi: Array
    log_density: Array


def softmax(logits: Array, measure: Array) -> Policies:
    """
    π = m exp(logits)/Z with Z(s) = Σₐ m exp(logits).

    :param logits: finite numbers, shape (A, S, K)
    :param measure: m, shape (A, S, 1)
    :return: the policies
    """
    # The greatest of the actions that are present: the others could hide them.
    shift = np.where(measure > 0, logits, -np.inf).max(axis=0) if (measure == 0).any() else logits.max(axis=0)
    shifted = logits - shift
    if (measure == 0).any():
        np.minimum(shifted, 0.0, out=shifted)
    weights = np.exp(shifted)
    if (measure != 1).any():
        weights *= measure
    total = weights.sum(axis=0)
    weights /= total
    shifted -= np.log(total, out=total)
    return Policies(weights, shifted)


@dataclass(frozen=True, eq=False)
class Solution:
    """
    What is exactly known of K policies, with the temperature τ. Shapes have K last.

    :param V: ``V(s) = Σₐ π(a|s) (Q(s, a) − τ log π/m)``, shape (S, K)
    :param Q: ``Q(s, a) = r(s, a) + γ(s, a) Σ P(s'|s, a) V(s')``, shape (A, S, K)
    :param d: ``ρᵀ(I − γP_π)⁻¹``, shape (S, K)
    :param entropies: H(π(·|s)), shape (S, K)
    :param returns: ``Σ d(s) Σₐ π(a|s) r(s, a)``, shape (K,)
    :param discounted_entropies: ``Σ d(s) H(π(·|s))`` over the states where entropy is counted, shape (K,)
    """

    V: Array
    Q: Array
    d: Array
    entropies: Array
    returns: Array
    discounted_entropies: Array


class Solver:
    """
    Solves ``V = r_π + τH + γP_π V`` and ``dᵀ = ρᵀ + dᵀ γP_π``.

    Absorbing states are solved apart: there ``V = τH/(1 − γ_π)``, 0 where no entropy is counted, also if γ = 1. The
    others are a system of their own, ``(I − G) V = b`` with ``G(s, s') = Σₐ π(a|s) γ(s, a) P(s'|s, a)``.

    :param mdp: the process
    """

    def __init__(self, mdp: TabularMDP):
        self.mdp = mdp
        self.inner, self.outer = np.flatnonzero(~mdp.absorbing), np.flatnonzero(mdp.absorbing)
        self.measure = np.ascontiguousarray(mdp.measure.T)[:, :, None]
        self.R = np.ascontiguousarray(mdp.R.T)[:, :, None]
        self.discount = np.ascontiguousarray(mdp.discount.T)[:, :, None]
        #: γ(s, a) P(s'|s, a), shape (A, S, S)
        self.onward = np.ascontiguousarray((mdp.discount[:, :, None] * mdp.P).transpose(1, 0, 2))
        #: its part from states that are not absorbing into absorbing ones, shape (A n, n')
        self.into = self.onward[:, self.inner][:, :, self.outer].reshape(
            mdp.n_actions * len(self.inner), len(self.outer)
        )
        self.counted = mdp.counts_entropy[:, None]
        #: where what happens in a state matters at all, shape (S, 1): neither value nor entropy begins in the others
        self.acted = (~mdp.absorbing)[:, None] | self.counted
        present = mdp.present.T[:, self.inner]
        self.may_be_endless = bool((self.discount[:, self.inner, 0][present] > 1 - 1e-9).any())

    @cached_property
    def elimination(self) -> Elimination:
        """:return: of the states that are not absorbing"""
        pattern: Flags = (self.onward[:, self.inner][:, :, self.inner] != 0).any(axis=0)
        return Elimination(pattern)

    @cached_property
    def is_sparse(self) -> bool:
        """:return: whether elimination in the pattern is much less work than in full matrices"""
        return self.elimination.cost <= SPARSE * len(self.inner) ** 3 / 3

    @cached_property
    def _additions(self) -> list[tuple[Places, Places, Array]]:
        """For each action: where its entries of G are stored, the state and the factor of π. No place twice."""
        found = []
        for onward in self.onward[:, self.inner][:, :, self.inner]:
            s, t = np.nonzero(onward)
            found.append((self.elimination.places[s, t], s, onward[s, t][:, None]))
        return found

    def solve(self, policies: Policies, tau: float, first: int = 0) -> Solution:
        """
        :param policies: K policies
        :param tau: τ
        :param first: the number that a message gives the first of them
        :return: their values and occupancies
        :raises ValueError: if γ = 1 and an episode never ends
        """
        pi, log_density = policies.pi, policies.log_density
        n_policies = pi.shape[2]
        entropies = -np.einsum("ask,ask->sk", pi, log_density)
        earned = np.einsum("ask,as->sk", pi, self.R[:, :, 0])
        paid = earned + (tau * self.counted) * entropies
        V = np.zeros((self.mdp.n_states, n_policies))
        d = np.zeros_like(V)
        stop = self._stop(pi)
        if len(self.outer):
            counted = self.counted[self.outer, 0]
            V[self.outer[counted]] = paid[self.outer[counted]] / stop[counted]
        V[self.inner], d[self.inner] = self._inner(pi, paid, V, first)
        if len(self.outer):
            arrivals = self._arrivals(pi, d)
            with np.errstate(divide="ignore"):
                d[self.outer] = np.divide(arrivals, stop, out=np.zeros_like(arrivals), where=arrivals > 0)
        Q = self.R + (self.onward.reshape(-1, self.mdp.n_states) @ V).reshape((*self.R.shape[:2], n_policies))
        acted = np.where(self.acted, d, 0.0) if len(self.outer) else d
        return Solution(
            V,
            Q,
            d,
            entropies,
            np.einsum("sk,sk->k", acted, earned),
            np.einsum("sk,sk->k", np.where(self.counted, acted, 0.0), entropies),
        )

    def advantage(self, policies: Policies, tau: float, solution: Solution) -> Array:
        """
        :param policies: K policies
        :param tau: τ
        :param solution: theirs
        :return: ``A_τ(s, a) = Q(s, a) − τ log π/m − V(s)``, shape (A, S, K); its mean under π is 0
        """
        advantage = solution.Q - solution.V
        if tau:
            advantage -= (tau * self.counted) * policies.log_density
        if not self.acted.all():
            advantage *= self.acted
        return advantage

    def gradient(self, policies: Policies, tau: float, solution: Solution) -> Array:
        """
        ``∂J/∂logit(s, a) = d(s) π(a|s) A_τ(s, a)``: Eq. 3 of Ahmed et al. 2019, in which ∇H has brought −τ log π and
        Σₐ ∇π = 0 has taken away what does not depend on a.

        :param policies: K policies
        :param tau: τ
        :param solution: theirs
        :return: the gradient with respect to logits, shape (A, S, K)
        """
        gradient = self.advantage(policies, tau, solution)
        gradient *= policies.pi
        gradient *= np.where(self.acted, solution.d, 0.0)
        return gradient

    def resolvent(self, policies: Policies) -> Array:
        """
        :param policies: one policy, K = 1
        :return: ``N = (I − γP_π)⁻¹``, shape (S, S); but 0 in the columns of absorbing states without entropy
        """
        pi = policies.pi[:, :, :1]
        S = self.mdp.n_states
        N = np.zeros((S, S))
        G = np.einsum("as,ast->st", pi[:, :, 0], self.onward)
        inner = np.ix_(self.inner, self.inner)
        N[inner] = np.linalg.inv(np.eye(len(self.inner)) - G[inner])
        acting = self.outer[self.counted[self.outer, 0]]
        if len(acting):
            N[acting, acting] = 1 / (1 - G[acting, acting])
            N[np.ix_(self.inner, acting)] = N[inner] @ G[np.ix_(self.inner, acting)] * N[acting, acting]
        return N

    def _stop(self, pi: Array) -> Array:
        """:return: 1 − γ_π in absorbing states, shape (n, K)"""
        staying = self.onward[:, self.outer, self.outer]
        stop: Array = np.maximum(1 - np.einsum("ank,an->nk", pi[:, self.outer], staying), 0.0)
        return stop

    def _arrivals(self, pi: Array, d: Array) -> Array:
        """:return: the discounted number of arrivals in absorbing states, shape (n, K)"""
        flow = (pi[:, self.inner] * d[self.inner]).reshape(-1, pi.shape[2])
        return self.mdp.rho[self.outer, None] + self.into.T @ flow

    def _inner(self, pi: Array, paid: Array, V: Array, first: int) -> tuple[Array, Array]:
        """:return: V and d in the states that are not absorbing, each of shape (n, K)"""
        n, n_policies = len(self.inner), pi.shape[2]
        b = paid[self.inner]
        if V[self.outer].any():
            ahead = (self.into @ V[self.outer]).reshape(len(pi), n, n_policies)
            b += np.einsum("ank,ank->nk", pi[:, self.inner], ahead)
        rho = np.repeat(self.mdp.rho[self.inner, None], n_policies, axis=1)
        if n_policies * n >= MANY and self.is_sparse:
            return self._eliminated(pi[:, self.inner], b, rho, first)
        G = np.matmul(pi[:, self.inner].transpose(1, 2, 0), self.onward[:, self.inner][:, :, self.inner].swapaxes(0, 1))
        M = np.eye(n) - G.swapaxes(0, 1)  # (K, n, n)
        if self.may_be_endless:
            # The expected number of steps, with a chance of ending in each that keeps M regular.
            steps = np.linalg.solve(M + 1e-14 * np.eye(n), np.ones((n_policies, n, 1)))[:, :, 0]
            self._refuse_endless((steps < 0.5) | (steps > ENDLESS), first)
        V_inner = np.linalg.solve(M, b.T[:, :, None])[:, :, 0]
        d_inner = np.linalg.solve(M.swapaxes(1, 2), rho.T[:, :, None])[:, :, 0]
        return V_inner.T, np.maximum(d_inner, 0.0).T

    def _eliminated(self, pi: Array, b: Array, rho: Array, first: int) -> tuple[Array, Array]:
        elimination = self.elimination
        entries = np.zeros((elimination.size, pi.shape[2]))
        entries[elimination.places.diagonal()] = 1.0
        for of_action, (places, s, factor) in zip(pi, self._additions, strict=True):
            entries[places] -= factor * of_action[s]
        least = elimination.factorise(entries)
        if self.may_be_endless:
            self._refuse_endless((least < 1 / ENDLESS)[:, None], first)
        return elimination.solve(entries, b), elimination.solve_transposed(entries, rho)

    def _refuse_endless(self, endless: Flags, first: int) -> None:
        """:param endless: which policies, and from which states, shape (K, n) or (K, 1)"""
        if endless.any():
            policy, place = np.argwhere(endless)[0]
            begins = f" from state {self.inner[place]}" if 0 < endless[policy].sum() < endless.shape[1] else ""
            raise ValueError(
                f"I − γP_π is singular: gamma is 1, and episodes of policy {first + policy}{begins} never end. "
                "Give gamma < 1, or policies whose episodes end from every state."
            )
