"""The operator whose fixed point is what is optimal, plain, soft, or soft in some states."""

import numpy as np

from sb3_entropy.mdp.tabular import Array, TabularMDP


class Bellman:
    """
    ``(TV)(s) = τ(s) log Σₐ m(s, a) exp(Q(s, a)/τ(s))`` with ``Q = r + γPV``, and maxₐ Q(s, a) where τ(s) = 0.

    What is large is kept as a logarithm, so that m may be beyond the largest number. In absorbing states where entropy
    is not counted TV = 0.

    :param mdp: the process
    :param tau: the temperature τ ≥ 0, one for all states or one each, shape (S,)
    """

    def __init__(self, mdp: TabularMDP, tau: float | Array):
        self.mdp = mdp
        self.ended = ~mdp.counts_entropy
        self.ahead = Ahead(mdp)
        self._tau = np.broadcast_to(np.asarray(tau, dtype=np.float64), (mdp.n_states,))[:, None]
        self._warm = self._tau > 0
        self._safe = np.where(self._warm, self._tau, 1.0)
        self._absent = None if mdp.present.all() else ~mdp.present

    def Q(self, V: Array) -> Array:  # noqa: N802
        """
        :param V: values, shape (S,)
        :return: ``r + γPV``, shape (S, A)
        """
        found: Array = self.mdp.R + self.ahead(V)
        return found

    def best(self, Q: Array) -> Array:
        """
        :param Q: values of actions, shape (S, A)
        :return: TV, shape (S,)
        """
        if not self._warm.any():
            plain: Array = self.present_only(Q).max(axis=1)
            return np.where(self.ended, 0.0, plain)
        greatest, sums, _ = self._weights(Q)
        found: Array = greatest + np.where(self._warm, self._safe * np.log(sums), 0.0)
        return np.where(self.ended, 0.0, found[:, 0])

    def policy(self, Q: Array) -> Array:
        """
        :param Q: values of actions, shape (S, A)
        :return: the policy that earns TV: ``m exp((Q − TV)/τ)``, and the first of the best actions where τ = 0
        """
        first: Array = np.eye(self.mdp.n_actions)[self.present_only(Q).argmax(axis=1)]
        if not self._warm.any():
            return first
        _, sums, weights = self._weights(Q)
        return np.where(self._warm, weights / sums, first)

    def present_only(self, Q: Array) -> Array:
        """
        :param Q: values of actions, shape (S, A)
        :return: the same with −∞ where the action is absent
        """
        return Q if self._absent is None else np.where(self._absent, -np.inf, Q)

    def _weights(self, Q: Array) -> tuple[Array, Array, Array]:
        """
        :return: a number for each state, such that the largest of ``m exp((Q − it)/τ)`` is 1, or of exp((Q − it)/τ)
            without m; the sum of these; and they; shapes (S, 1), (S, 1) and (S, A). Without use where τ = 0, but for
            the first, which is max Q
        """
        Q = self.present_only(Q)
        if self.mdp.log_measure is not None:
            Q = Q + np.where(self._warm, self._safe * self.mdp.log_measure, 0.0)
        greatest = Q.max(axis=1, keepdims=True)
        with np.errstate(over="ignore"):  # to −∞, whose weight is 0
            weights = np.exp((Q - greatest) / self._safe)
        return greatest, weights.sum(axis=1, keepdims=True), weights


class Ahead:
    """
    γ(s, a) Σ P(s'|s, a) V(s') as a function of V; where few states can follow, by going to these alone.

    :param mdp: the process
    """

    def __init__(self, mdp: TabularMDP):
        self.onward: Array = mdp.discount[:, :, None] * mdp.P
        most = int((self.onward != 0).sum(axis=2).max())
        self.few = most <= mdp.n_states // 4
        if self.few:
            self.states = np.argsort(self.onward == 0, axis=2, kind="stable")[:, :, :most]
            self.factors = np.take_along_axis(self.onward, self.states, axis=2)

    def __call__(self, V: Array) -> Array:
        """
        :param V: values, shape (S,)
        :return: those to come, shape (S, A)
        """
        found: Array = np.einsum("sak,sak->sa", self.factors, V[self.states]) if self.few else self.onward @ V
        return found
