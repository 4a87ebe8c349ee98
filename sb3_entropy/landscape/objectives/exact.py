"""The return of policies on a finite Markov decision process, exactly, as an objective."""

import hashlib
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from sb3_entropy.landscape.objectives.base import Conditions, DifferentiableObjective
from sb3_entropy.mdp import ExactObjective, Mix, Policy, SoftmaxLinear, TabularMDP, TabularSoftmax


class TabularObjective(DifferentiableObjective):
    """
    θ ↦ J_τ(θ) of :class:`~sb3_entropy.mdp.ExactObjective`, with τ and m of the conditions; its gradient and Hessian are
    exact too.

    :param mdp: the process
    :param policy: logits as a function of θ, such as :class:`~sb3_entropy.mdp.SoftmaxLinear`
    :param theta0: the parameters that are looked at, shape (P,)
    :param conditions: τ and m; there is no σ
    :param name: what tells the policy from others in a store; None for what is known of ours
    :raises ValueError: if θ₀ does not fit, or a σ is given
    """

    is_exact = True

    def __init__(
        self,
        mdp: TabularMDP,
        policy: Policy,
        theta0: Any,
        *,
        conditions: Conditions | None = None,
        name: str | None = None,
    ):
        self.mdp, self.policy, self.name = mdp, policy, name or _told(policy)
        self._theta0 = np.array(theta0, dtype=np.float64)
        if self._theta0.shape != (policy.n_parameters,) or not np.isfinite(self._theta0).all():
            raise ValueError(
                f"theta0 must be {policy.n_parameters} finite numbers, but an array of the shape {self._theta0.shape} "
                "was given."
            )
        self._set(Conditions() if conditions is None else conditions)

    def _set(self, conditions: Conditions) -> None:
        if conditions.std is not None:
            raise ValueError(
                f"std={conditions.std} was given, but the policy chooses among finitely many actions and has no σ. Use "
                "ent_coef or mix."
            )
        policy = Mix(self.mdp, self.policy, conditions.mix) if conditions.mix else self.policy
        self._conditions, self._exact = conditions, ExactObjective(self.mdp, policy, float(conditions.ent_coef))

    @property
    def theta0(self) -> np.ndarray:
        return self._theta0.copy()

    @property
    def conditions(self) -> Conditions:
        return self._conditions

    def under(self, conditions: Conditions) -> Self:
        return type(self)(self.mdp, self.policy, self._theta0, conditions=conditions, name=self.name)

    def at(self, theta: Any) -> Self:
        """
        :param theta: other parameters, shape (P,)
        :return: the same objective, looked at there
        """
        return type(self)(self.mdp, self.policy, theta, conditions=self._conditions, name=self.name)

    def gradient(self, theta: Any) -> np.ndarray:
        return self._exact.gradient(theta)

    def hessian(self, theta: Any) -> np.ndarray:
        return self._exact.hessian(theta)

    def check_can_be_kept(self) -> None:
        if "<" in self.name:
            raise ValueError(
                f"The policy {self.name} has no name that tells it from others in a store. Give it one: "
                "TabularObjective(…, name='…')."
            )

    def describe(self) -> dict[str, Any]:
        mdp, content = self.mdp, hashlib.sha256()
        for array in (mdp.P, mdp.R, mdp.rho, np.asarray(mdp.gamma), mdp.log_measure):
            content.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        return {
            "kind": "tabular",
            "mdp": f"{mdp.n_states} states, {mdp.n_actions} actions, {content.hexdigest()[:20]}",
            "terminal_entropy": mdp.terminal_entropy,
            "policy": self.name,
            "n_parameters": self.n_parameters,
            "conditions": asdict(self._conditions),
        }

    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = self._exact(thetas)[:, None]
        return values, np.zeros(values.shape, dtype=np.int64)


def _told(policy: Policy) -> str:
    """:return: what determines a policy of ours; of another it is not known"""
    if isinstance(policy, Mix):
        return f"Mix({_told(policy.policy)}, {policy.share!r})"
    return type(policy).__name__ if type(policy) in (SoftmaxLinear, TabularSoftmax) else f"<{type(policy).__name__}>"
