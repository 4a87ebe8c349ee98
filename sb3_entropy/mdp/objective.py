"""The entropy-augmented return of policies with given parameters, exactly, and its derivatives."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import MisfitError, check_number
from sb3_entropy.mdp.evaluation import Evaluation, chunks, evaluation, joined
from sb3_entropy.mdp.parameters import chart_of
from sb3_entropy.mdp.policies import Policy
from sb3_entropy.mdp.solver import Policies, Solution, Solver, softmax
from sb3_entropy.mdp.tabular import Array, TabularMDP, numbers


class ExactObjective:
    """
    ``J_τ(θ) = E[Σ γᵗ (r(sₜ, aₜ) + τ H(π_θ(·|sₜ)))]``, computed from the process's model in double precision, for
    thousands of θ at once. Entropy is counted in the state in which the action is taken.

    Everything but the policy's logits is differentiated in closed form.

    :param mdp: the process
    :param policy: logits as a function of θ
    :param tau: the temperature τ, in units of reward per nat
    :raises TypeError: if ``tau`` is not a number
    :raises ValueError: if it is not finite
    """

    def __init__(self, mdp: TabularMDP, policy: Policy, tau: float = 0.0):
        check_number("tau", tau)
        self.mdp, self.policy, self.tau = mdp, policy, float(tau)
        self._solver, self._chart = Solver(mdp), chart_of(policy)

    def __call__(self, theta: ArrayLike) -> Array:
        """
        :param theta: θ, shape (P,), or K of them, shape (K, P)
        :return: J, shape () or (K,)
        :raises ValueError: if the shape is another, a number is not finite, or γ = 1 and an episode never ends
        """
        thetas, single = self._checked(theta)
        found = np.empty(len(thetas))
        for rows, _, solution, _ in self._solved(thetas):
            found[rows] = solution.returns + self.tau * solution.discounted_entropies
        return found[0] if single else found

    def evaluate(self, theta: ArrayLike) -> Evaluation:
        """
        :param theta: θ, shape (P,), or K of them, shape (K, P)
        :return: values, occupancies and entropies
        :raises ValueError: as for a call
        """
        thetas, single = self._checked(theta)
        parts = [evaluation(p.pi, s, self.tau) for _, p, s, _ in self._solved(thetas)]
        return joined(parts, single)

    def gradient(self, theta: ArrayLike) -> Array:
        """
        ``∇J = Σₛ d(s) Σₐ ∇π(a|s) Q(s, a) + τ Σₛ d(s) ∇H(π(·|s))`` with soft Q (Ahmed et al. 2019, Eq. 3, with the
        occupancy not normalised), which is ``Σ d(s) π(a|s) A_τ(s, a) ∇logit(s, a)``, ``A_τ = Q − τ log π/m − V``.

        :param theta: θ, shape (P,), or K of them, shape (K, P)
        :return: the gradient, of the same shape
        :raises ValueError: as for a call
        """
        thetas, single = self._checked(theta)
        found = np.empty_like(thetas)
        for rows, policies, solution, chunk in self._solved(thetas):
            of_logits = self._solver.gradient(policies, self.tau, solution)
            found[rows] = self._chart.pulled_back(chunk, of_logits).T
        return found[0] if single else found

    def hessian(self, theta: ArrayLike) -> Array:
        """
        With ``N = (I − γP_π)⁻¹``, ``M(s, a; t) = π(a|s) [(γPN)(s, a, t) − N(s, t) + 1[s = t]]``, the change of the
        expected visits in t by logit (s, a), and ``X = d(s) M(s, a; s') π(a'|s') A_τ(s', a')``, the Hessian with
        respect to logits is ``X + Xᵀ + 1[s = s'] d(s) (1[a = a'] π(a|s)(A_τ(s, a) − τ) − π(a|s) π(a'|s)(A_τ(s, a) +
        A_τ(s, a') − τ))``.

        :param theta: θ, shape (P,)
        :return: the Hessian, shape (P, P)
        :raises ValueError: if more than one θ is given, or as for a call
        """
        thetas, single = self._checked(theta)
        if not single:
            raise ValueError(f"hessian() takes one θ, shape ({thetas.shape[1]},), but {thetas.shape} was given.")
        ((_, policies, solution, chunk),) = self._solved(thetas)
        gradient = self._solver.gradient(policies, self.tau, solution)
        found = self._chart.hessian(chunk[:, 0], gradient[:, :, 0], self._logit_hessian(policies, solution))
        return 0.5 * (found + found.T)

    def _logit_hessian(self, policies: Policies, solution: Solution) -> Array:
        """:return: shape (A, S, A, S)"""
        solver = self._solver
        (n_actions, n_states), pi = policies.pi.shape[:2], policies.pi[:, :, 0]
        advantage = solver.advantage(policies, self.tau, solution)[:, :, 0]
        d = np.where(solver.acted, solution.d, 0.0)[:, 0]
        N = solver.resolvent(policies)
        ahead = (solver.onward.reshape(-1, n_states) @ N).reshape(n_actions, n_states, n_states)
        visits = pi[:, :, None] * (ahead - N + np.eye(n_states))  # M(s, a; t)
        X = np.einsum("s,ast,bt->asbt", d, visits, pi * advantage, optimize=True)
        found: Array = X + X.transpose(2, 3, 0, 1)
        tau = self.tau * solver.counted[:, 0]
        local = -np.einsum("as,bs,abs->abs", pi, pi, advantage[:, None] + advantage[None] - tau)
        local[np.arange(n_actions), np.arange(n_actions)] += pi * (advantage - tau)
        states = np.arange(n_states)
        found[:, states, :, states] += (d * local).transpose(2, 0, 1)
        return found

    def _checked(self, theta: ArrayLike) -> tuple[Array, bool]:
        """:return: shape (K, P), and whether there was one"""
        return checked_thetas(theta, self.policy.n_parameters)

    def _solved(self, thetas: Array) -> Iterator[tuple[slice, Policies, Solution, Array]]:
        """:return: part by part: which rows, their policies, what is known of them, and θ, shape (P, k)"""
        for rows in chunks(len(thetas), self.mdp):
            theta = np.ascontiguousarray(thetas[rows].T)
            logits = self._chart.logits(theta)
            if not np.isfinite(logits).all():
                action, state, k = np.argwhere(~np.isfinite(logits))[0]
                raise ValueError(
                    f"Logits must be finite, but that of state {state} and action {action} is "
                    f"{logits[action, state, k]} at theta number {rows.start + k}. Look at these parameters."
                )
            policies = softmax(logits, self._solver.measure)
            yield rows, policies, self._solver.solve(policies, self.tau, rows.start), theta


def checked_thetas(theta: ArrayLike, n_parameters: int) -> tuple[Array, bool]:
    """
    :param theta: θ, shape (P,), or K of them, shape (K, P)
    :param n_parameters: P
    :return: shape (K, P), and whether there was one
    :raises TypeError: if they are no numbers
    :raises ValueError: if the shape is another, or a number is not finite
    """
    array = numbers("theta", theta)
    if array.ndim not in {1, 2} or array.shape[-1] != n_parameters or 0 in array.shape:
        raise MisfitError(
            f"theta must have the shape ({n_parameters},), or (K, {n_parameters}) for K policies, but "
            f"{array.shape} was given.",
            "theta",
        )
    return np.atleast_2d(array), array.ndim == 1
