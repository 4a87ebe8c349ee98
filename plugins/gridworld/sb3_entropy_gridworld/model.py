"""The gridworld as a Markov decision process: its parameters, checked, and its exact model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy.mdp import TabularMDP

Cell = tuple[int, int]

ACTIONS = ("left", "right", "up", "down")
_MOVES = ((0, -1), (0, 1), (-1, 0), (1, 0))


def checked_cell(name: str, cell: Any, size: int) -> Cell:
    """
    :param name: the argument's name
    :param cell: what was given for it
    :param size: side of the grid
    :return: the cell as (row, column)
    :raises ValueError: if it is not a pair of whole numbers inside the grid
    """
    whole = isinstance(cell, (Sequence, np.ndarray)) and all(
        isinstance(part, (int, np.integer)) and not isinstance(part, bool) for part in cell
    )
    if not whole or len(cell) != 2 or not all(0 <= part < size for part in cell):
        raise ValueError(
            f"{name} must be a cell (row, column) with whole numbers from 0 to {size - 1}, but {cell!r} was given."
        )
    return int(cell[0]), int(cell[1])


def checked_goals(goals: Any, rewards: Any, size: int) -> dict[Cell, float]:
    """
    :param goals: cells, as the user gave them
    :param rewards: a reward for each, as the user gave them
    :param size: side of the grid
    :return: the reward of each goal
    :raises TypeError: if they are not sequences, or a reward is not a number
    :raises ValueError: if there is no goal, one is named twice or lies outside, or the numbers of goals and rewards
        differ
    """
    for name, given in (("goals", goals), ("rewards", rewards)):
        if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray)):
            raise TypeError(f"{name} must be a list with one entry a goal, but {given!r} was given.")
    if not len(goals) or len(goals) != len(rewards):
        raise ValueError(
            f"goals and rewards must name at least one goal, and one reward for each, but {len(goals)} goals "
            f"{goals!r} and {len(rewards)} rewards {rewards!r} were given."
        )
    paid: dict[Cell, float] = {}
    for i, (goal, reward) in enumerate(zip(goals, rewards, strict=True)):
        cell = checked_cell(f"goals[{i}]", goal, size)
        check_number(f"rewards[{i}]", reward)
        if cell in paid:
            raise ValueError(f"goals must be distinct cells, but {cell} was given twice in {goals!r}.")
        paid[cell] = float(reward)
    return paid


class Grid:
    """
    The mechanics, which one gridworld, its exact model and a batch of gridworlds share.

    *States*: the cells, with index ``size · row + column``, and one absorbing state, the last: S = size² + 1.

    :param size: side of the grid
    :param goals: the reward of each goal, paid on leaving it
    :param start: the first cell of an episode
    :param slip: probability that another action, uniformly drawn from the other three, is carried out
    :param gamma: discount factor of the model
    """

    def __init__(self, size: int, goals: dict[Cell, float], start: Cell, slip: float, gamma: float):
        self.size, self.goals, self.start, self.slip, self.gamma = size, goals, start, slip, gamma
        self.n_states = size**2 + 1
        self.absorbing = self.n_states - 1
        # Where an action leads if it is carried out, (S, A), and what leaving a state pays, (S,).
        self.successors = successors(size, goals)
        self.leaving_pays = np.zeros(self.n_states)
        for cell, reward in goals.items():
            self.leaving_pays[self.index_of(cell)] = reward

    def index_of(self, cell: Cell) -> int:
        """
        :param cell: (row, column)
        :return: the state's index, ``size · row + column``
        """
        return self.size * cell[0] + cell[1]

    def cell_of(self, state: int) -> Cell | None:
        """
        :param state: a state's index
        :return: its (row, column); ``None`` for the absorbing state
        """
        return None if state == self.absorbing else divmod(state, self.size)

    def to_mdp(self) -> TabularMDP:
        """:return: the exact model; the absorbing state returns to itself and pays nothing"""
        rho = np.zeros(self.n_states)
        rho[self.index_of(self.start)] = 1.0
        return TabularMDP(
            P=transition_probabilities(self.successors, self.slip),
            R=np.repeat(self.leaving_pays[:, None], len(ACTIONS), axis=1),
            rho=rho,
            gamma=self.gamma,
        )


def successors(size: int, goals: dict[Cell, float]) -> NDArray[np.int64]:
    """
    Where each action leads if it is carried out.

    :param size: side of the grid
    :param goals: the goals, which every action leaves for the absorbing state
    :return: index of the next state, shape (S, A) with S = size² + 1
    """
    absorbing = size * size
    table = np.full((absorbing + 1, len(ACTIONS)), absorbing, dtype=np.int64)
    for row in range(size):
        for column in range(size):
            if (row, column) not in goals:
                for action, (down, right) in enumerate(_MOVES):
                    # A wall: the agent stays where it is.
                    to_row = min(max(row + down, 0), size - 1)
                    to_column = min(max(column + right, 0), size - 1)
                    table[size * row + column, action] = size * to_row + to_column
    return table


def transition_probabilities(table: NDArray[np.int64], slip: float) -> NDArray[np.float64]:
    """
    :param table: index of the next state by state and action, shape (S, A)
    :param slip: probability that another action, uniformly drawn from the other three, is carried out
    :return: P[s, a, s'], shape (S, A, S)
    """
    n_states, n_actions = table.shape
    carried_out = np.full((n_actions, n_actions), slip / (n_actions - 1))
    np.fill_diagonal(carried_out, 1.0 - slip)
    arrival: NDArray[np.float64] = np.eye(n_states)[table]  # (S, A, S), one-hot in s'
    mixed: NDArray[np.float64] = np.einsum("ab,sbt->sat", carried_out, arrival)
    return mixed
