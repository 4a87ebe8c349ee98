"""Critics and agents that are formulas."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.subject import Subject, Visited

#: of states (S, 1, D) and actions (S, N, A): (S, N)
Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Formulas(Critics):
    """K functions of state and action. Their gradients are central differences."""

    def __init__(self, formulas: Sequence[Formula], ent_coef: float = 0.0):
        super().__init__(ent_coef)
        self.formulas = list(formulas)

    @property
    def n_critics(self) -> int:
        return len(self.formulas)

    def values(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        states = np.asarray(observations["state"] if isinstance(observations, dict) else observations)[:, None, :]
        shape = actions.shape[:2]
        return np.stack([np.broadcast_to(each(states, actions), shape) for each in self.formulas]).astype(np.float64)

    def gradients(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        steps = 1e-5 * np.eye(actions.shape[-1])
        sides = [[self.values(observations, actions + sign * step) for sign in (1, -1)] for step in steps]
        return np.stack([(up - down) / 2e-5 for up, down in sides], axis=-1)


class Indifferent(Behaviour):
    """The uniform policy over the box."""

    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        n = len(observations)
        return rng.uniform(-1, 1, (n, self.n_actions)), np.full(n, -self.n_actions * np.log(2.0))

    def mode(self, observations: Any) -> np.ndarray:
        return np.zeros((len(observations), self.n_actions))

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        return np.full(actions.shape[:2], -self.n_actions * np.log(2.0))


def agent(
    plain: Sequence[Formula],
    soft: Sequence[Formula] | None,
    states: Any,
    episodes: Any,
    *,
    n_actions: int = 1,
    ent_coef: float = 0.5,
    **more: Any,
) -> Subject:
    """:return: a subject of formulas, in these states (S, D)"""
    return Subject(
        name="a hand-made agent",
        behaviour=Indifferent(n_actions),
        action_space=spaces.Box(-1.0, 1.0, (n_actions,), np.float32),
        plain=Formulas(plain),
        soft=None if soft is None else Formulas(soft, ent_coef),
        visited=Visited(states, np.asarray(episodes)),
        **more,
    )
