"""What is looked at: a policy with its critics, the states that it visits, and where critics may be trusted."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces

from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.distance import Nearness


@dataclass(frozen=True)
class Visited:
    """
    States that the policy has visited, in order.

    :param observations: T of them, as the policy sees them: an array (T, …), or a dict of such
    :param episodes: of which episode each is, 0, 1, …, shape (T,)
    """

    observations: Any
    episodes: np.ndarray


@dataclass(frozen=True)
class Known:
    """
    The state-action pairs that critics were made from.

    :param features: what critics read of the state, flattened and standardised, shape (n, D)
    :param actions: in [−1, 1]ᴬ, shape (n, A)
    :param read: of S states, as the policy sees them, what critics read, shape (S, D)
    """

    features: np.ndarray
    actions: np.ndarray
    read: Callable[[Any], np.ndarray] | None = None

    @cached_property
    def nearness(self) -> Nearness:
        """How near others are to them."""
        return Nearness(self.features, self.actions)

    def far(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        """
        :param observations: S states
        :param actions: N in each, shape (S, N, A)
        :return: whether each is far from the data, shape (S, N)
        :raises ValueError: if it is not known what critics read of a state
        """
        if self.read is None:
            raise ValueError("Known(…, read=…) must say what critics read of a state. Give features to far() instead.")
        return self.nearness.far(self.read(observations), actions)


@dataclass(frozen=True)
class Subject:
    """
    An agent under the glass.

    :param name: what a title calls it, such as "SAC on Pendulum-v1, step 20,000"
    :param behaviour: its policy
    :param action_space: the environment's box, for axes in its units
    :param plain: its plain critics, made independently of each other, K ≥ 1
    :param soft: its soft critics at ``soft.ent_coef``; None of a deterministic policy without a σ that the user named
    :param visited: states that its policy visits
    :param known: what the critics were made from; None where that is not known
    :param calibration: how far the critics are from returns of held-out episodes; None if that was not asked
    :param are_own: whether the critics are the agent's own, rather than fitted afterwards
    :param gamma: the discount factor γ
    :param remarks: sentences that belong to the title: a σ that the user named, a temperature near 0
    """

    name: str
    behaviour: Behaviour
    action_space: spaces.Box
    plain: Critics
    soft: Critics | None
    visited: Visited
    known: Known | None = None
    calibration: Calibration | None = None
    are_own: bool = False
    gamma: float = 0.99
    remarks: tuple[str, ...] = ()
