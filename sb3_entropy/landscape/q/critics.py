"""What a probe of Q asks for: critics of a policy as functions of state and action, and the policy itself."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Critics(ABC):
    """
    K critics of one policy π, made independently of each other, all plain or all soft at one α:

    ``Q(s, a) = r + γ E[Q(s', a') − α log π(a'|s')]``, a' ~ π(·|s'), plain where α = 0 (Zhang et al. 2025, the two
    operators of "Investigating Q-value Landscapes"). The density is with respect to da on [−1, 1]ᴬ, as in
    Stable-Baselines3's SAC.

    Observations are as the policy sees them, after any normalisation: S rows, an array or a dict of arrays. Actions are
    as critics read them, in [−1, 1]ᴬ.

    :param ent_coef: α ≥ 0
    """

    def __init__(self, ent_coef: float):
        self.ent_coef = float(ent_coef)

    @property
    @abstractmethod
    def n_critics(self) -> int:
        """:return: K"""

    @abstractmethod
    def values(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        """
        :param observations: S states
        :param actions: N in each, shape (S, N, A)
        :return: Q, shape (K, S, N), float64
        """

    @abstractmethod
    def gradients(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        """
        :param observations: S states
        :param actions: N in each, shape (S, N, A)
        :return: ∇ₐQ, shape (K, S, N, A), float64
        """


class Behaviour(ABC):
    """
    A policy π as critics meet it: actions in [−1, 1]ᴬ, densities with respect to da there. Nothing of it is changed.

    :param n_actions: A
    """

    #: whether log π is finite; where it is not, soft critics are not defined
    is_stochastic: bool = True

    def __init__(self, n_actions: int):
        self.n_actions = n_actions

    @abstractmethod
    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """
        :param observations: S states
        :param rng: where randomness comes from
        :return: an action in each, shape (S, A), and log π of it, shape (S,); NaN if π is deterministic
        """

    def samples(self, observations: Any, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """
        :param observations: S states
        :param n: actions a state
        :param rng: where randomness comes from
        :return: independent actions, shape (n, S, A), and log π of them, shape (n, S); NaN if there is no density
        """
        drawn = [self.sample(observations, rng) for _ in range(n)]
        return np.stack([actions for actions, _ in drawn]), np.stack([log_prob for _, log_prob in drawn])

    @abstractmethod
    def mode(self, observations: Any) -> np.ndarray:
        """
        :param observations: S states
        :return: the action that is taken deterministically, tanh μ of SAC, shape (S, A)
        """

    @abstractmethod
    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        """
        :param observations: S states
        :param actions: N in each, shape (S, N, A)
        :return: log π(a|s), shape (S, N)
        :raises ValueError: if π is deterministic
        """
