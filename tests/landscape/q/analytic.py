"""An agent whose Q is a formula."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.subject import Known, Subject, Visited

#: of states (S, 1, …) and actions (S, N, A): Q, shape (S, N)
Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]


class FormulaCritics(Critics):
    """Gradients by central differences. Counts how many actions it was asked for."""

    def __init__(self, formulas: Sequence[Formula], ent_coef: float = 0.0):
        super().__init__(ent_coef)
        self.formulas = formulas
        self.asked = 0

    @property
    def n_critics(self) -> int:
        return len(self.formulas)

    def values(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        self.asked += actions.shape[0] * actions.shape[1]
        states = observations["x"] if isinstance(observations, dict) else observations
        states = np.asarray(states, dtype=np.float64).reshape(len(states), 1, -1)
        return np.stack([formula(states, actions) for formula in self.formulas])

    def gradients(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        eye = 1e-5 * np.eye(actions.shape[-1])
        sides = [
            (self.values(observations, actions + step) - self.values(observations, actions - step)) / 2e-5
            for step in eye
        ]
        return np.stack(sides, axis=-1)


class TanhGaussian(Behaviour):
    """tanh of a normal distribution around w·s in every coordinate, or its middle alone."""

    def __init__(self, n_actions: int, std: float = 0.5, weight: float = 0.3, *, is_stochastic: bool = True):
        super().__init__(n_actions)
        self.std, self.weight, self.is_stochastic = std, weight, is_stochastic

    def _mean(self, observations: Any) -> np.ndarray:
        states = observations["x"] if isinstance(observations, dict) else observations
        states = np.asarray(states, dtype=np.float64).reshape(len(states), -1)
        repeated = np.tile(states, (1, -(-self.n_actions // states.shape[1])))[:, : self.n_actions]
        return self.weight * repeated

    def mode(self, observations: Any) -> np.ndarray:
        return np.tanh(self._mean(observations))

    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        mean = self._mean(observations)
        drawn = np.tanh(mean + self.std * rng.standard_normal(mean.shape))
        if not self.is_stochastic:
            return self.mode(observations), np.full(len(mean), np.nan)
        return drawn, self.log_prob(observations, drawn[:, None])[:, 0]

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        if not self.is_stochastic:
            raise ValueError("deterministic")
        inner = np.clip(actions, -1 + 1e-6, 1 - 1e-6)
        z = (np.arctanh(inner) - self._mean(observations)[:, None]) / self.std
        return (-0.5 * z**2 - np.log(self.std * np.sqrt(2 * np.pi)) - np.log(1 - inner**2)).sum(axis=-1)


def subject(
    plain: Sequence[Formula],
    soft: Sequence[Formula] | None,
    n_actions: int,
    *,
    observations: Any = None,
    episodes: Any = None,
    space: spaces.Box | None = None,
    **given: Any,
) -> Subject:
    """Of an agent with these Q; by default four episodes of 25 states in the plane have been visited."""
    if observations is None:
        observations = np.random.default_rng(3).normal(size=(100, 2)).astype(np.float32)
    count = len(observations["x"] if isinstance(observations, dict) else observations)
    settings: dict[str, Any] = {
        "name": "A formula",
        "behaviour": TanhGaussian(n_actions),
        "action_space": space or spaces.Box(-2.0, 2.0, (n_actions,)),
        "plain": FormulaCritics(plain),
        "soft": None if soft is None else FormulaCritics(soft, 0.2),
        "visited": Visited(observations, np.arange(count) // 25 if episodes is None else np.asarray(episodes)),
    }
    return Subject(**{**settings, **given})


def hill(*centre: float, scale: float = 1.0) -> Formula:
    """Q = −c|a − centre|², whatever the state."""
    return lambda _, actions: -scale * ((actions - np.array(centre)) ** 2).sum(axis=-1)


class Cut(Known):
    """All actions whose first coordinate is above a number are far from what is known."""

    def __init__(self, above: float):
        super().__init__(np.zeros((1, 1)), np.zeros((1, 1)), read=lambda observations: np.zeros((len(observations), 1)))
        object.__setattr__(self, "above", above)

    def far(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        above: float = vars(self)["above"]
        return np.broadcast_to(actions[..., 0] > above, actions.shape[:2])
