"""The bifurcation as a Gymnasium environment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_number, unknown
from sb3_entropy.mdp import TabularMDP
from sb3_entropy_bifurcation.env import TaskEnv
from sb3_entropy_bifurcation.rendering.tree import tree_image
from sb3_entropy_bifurcation.task import Array, Outcome, Task
from sb3_entropy_bifurcation.tree import INSIDE, N_STATES, OUTSIDE, PRECISE, SETTLED, START, SURE, Tree


class BifurcationEnv(TaskEnv):
    """
    The toy example of Zhang, Chang and Gao, "When maximum entropy misleads policy optimization", ICML 2025: the best
    policy goes where only a narrow band of actions pays, and one that is also paid for entropy, enough of it, to where
    every action costs a little.

    *States*: 0 the start; 1, where precision pays; 2, where every action costs the same; and the ends: 3 of actions
    inside the band, 4 of those beside it, 5 of those in state 2. *Observation*: the state, one-hot. *Action*: one
    number a in [−1, 1]. In 0, a > 0 leads to 2 and any other to 1, and nothing is paid. In 1, |a| < h pays 1 and any
    other −20. In 2 every action pays −1. *Episode*: two steps, then it terminates. ``info``: ``state``, and
    ``is_success``, whether it has ended in 3.

    At which temperature the preference changes, and what is earned then, is in
    :mod:`sb3_entropy_bifurcation.soft_values`.

    :param half_width: h, in (0, 1)
    :param inside: what |a| < h pays in state 1
    :param outside: what any other action pays there
    :param sure: what every action pays in state 2
    :param gamma: discount factor of :meth:`to_mdp`; the episodes themselves are not discounted
    :param render_mode: ``"rgb_array"`` (image) or ``None``
    :raises TypeError: if a parameter has the wrong type
    :raises ValueError: if a parameter is out of its range
    """

    def __init__(
        self,
        *,
        half_width: float = 0.1,
        inside: float = 1.0,
        outside: float = -20.0,
        sure: float = -1.0,
        gamma: float = 0.99,
        render_mode: str | None = None,
    ):
        check_number("gamma", gamma, 0.0, 1.0)
        self.tree, self.gamma = Tree(half_width, inside, outside, sure), float(gamma)
        super().__init__(Bifurcation(self.tree), render_mode)

    def to_mdp(self) -> TabularMDP:
        """
        The exact model of what :meth:`step` does, with two actions that stand for sets of them.

        :return: ``P`` (6, 2, 6), ``R`` (6, 2), ``rho`` (6,), ``gamma`` and ``log_measure`` (6, 2), the logarithm of how
            many of the actions in [−1, 1] each stands for: see :meth:`sb3_entropy_bifurcation.tree.Tree.to_mdp`
        """
        return self.tree.to_mdp(self.gamma)


class Bifurcation(Task):
    """
    The mechanics. A state is its index, shape ().

    :param tree: the parameters
    """

    def __init__(self, tree: Tree):
        self.tree = tree
        self.observation_space = spaces.Box(0.0, 1.0, (N_STATES,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._one_hot = np.eye(N_STATES, dtype=np.float32)
        self._pays = np.zeros(N_STATES)  # on entering
        self._pays[[INSIDE, OUTSIDE, SETTLED]] = tree.inside, tree.outside, tree.sure

    def begin(self, options: Mapping[str, Any]) -> NDArray[np.int64]:
        """:return: state 0, or the one of 0, 1, 2 that ``options["state"]`` names"""
        other = next((option for option in options if option != "state"), None)
        if other is not None:
            raise ValueError(unknown("option of reset()", other, ["state"]))
        state = options.get("state", START)
        check_number('options["state"]', state, START, SURE, integer=True)
        return np.array(int(state))

    def step(self, states: NDArray[np.int64], actions: Array) -> Outcome:
        a = actions[:, 0]
        chosen = [
            np.where(a > 0, SURE, PRECISE),
            np.where(abs(a) < self.tree.half_width, INSIDE, OUTSIDE),
            np.full(len(a), SETTLED),
        ]
        arrived = np.choose(states, chosen)
        return Outcome(arrived, self._pays[arrived], arrived >= INSIDE, arrived == INSIDE)

    def observe(self, states: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._one_hot[states]

    def describe(self, states: NDArray[np.int64]) -> list[dict[str, Any]]:
        return [{"state": state} for state in states.tolist()]

    def image(self, path: Sequence[NDArray[np.int64]]) -> NDArray[np.uint8]:
        return tree_image(self.tree, [int(state) for state in path])
