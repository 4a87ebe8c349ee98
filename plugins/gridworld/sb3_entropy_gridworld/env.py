"""The gridworld as a Gymnasium environment."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number, unknown
from sb3_entropy.mdp import TabularMDP
from sb3_entropy_gridworld.model import ACTIONS, Grid, checked_cell, checked_goals
from sb3_entropy_gridworld.rendering import ansi, image

if TYPE_CHECKING:
    from sb3_entropy_gridworld.vec_env import GridworldVecEnv

Observation = NDArray[np.float32] | np.int64


class GridworldEnv(gym.Env[Observation, np.int64]):
    """
    The gridworld of Ahmed, Le Roux, Norouzi and Schuurmans, "Understanding the impact of entropy on policy
    optimization", ICML 2019, Section 3.1 and Figure 3.

    An agent that starts in the top left corner is paid 5 in one of the neighbouring corners and 4.5 in the other. Both
    are four steps away, so going straight to either is a local optimum, worth 5·γ⁴ and 4.5·γ⁴.

    *States*: the cells, with index ``size · row + column``, and one absorbing state, the last: S = size² + 1.
    *Actions*: 0 left, 1 right, 2 up, 3 down. A step into a wall leaves the agent where it is. *Reward*: paid on leaving
    a goal, which any action does, into the absorbing state; every other reward is 0. So a path that reaches the goal in
    four steps is paid at the fifth, which the discount γ⁴ belongs to. *Episode*: terminates on entering the absorbing
    state; ``entropy/Gridworld-v0`` also cuts it after 200 steps.

    The defaults are those of the paper's public code (google-research/policy-learning-landscape, on zafarali/emdp): the
    better reward is on the right. The paper's text has it at the bottom: ``rewards=(4.5, 5.0)``.

    Two things are ours. In the source the absorbing state goes on for ever, and an entropy bonus goes on being paid in
    it; here the episode ends, and the bonus with it. So a temperature α above about 5γ⁴(1−γ)/ln 4 = 0.035 pays more for
    wandering for ever, α ln 4/(1−γ), than for reaching a goal, and an agent whose return counts entropy does that. And
    ``slip`` draws uniformly from the three other actions, walls or not, where emdp draws from those that do not lead
    into a wall; the paper does not slip.

    :param size: side of the grid, at least 2
    :param goals: cells (row, column) whose leaving is paid and ends the episode; ``None``: the top right and the bottom
        left corner
    :param rewards: what is paid for each of ``goals``
    :param start: the first cell (row, column) of every episode
    :param slip: probability that another action, drawn uniformly from the other three, is carried out instead
    :param gamma: discount factor of :meth:`to_mdp`; the episodes themselves are not discounted
    :param observation: ``"one_hot"``: a vector of S zeros but for a one at the state (float32), as in the paper;
        ``"index"``: the state's index (``Discrete(S)``)
    :param render_mode: ``"ansi"`` (text), ``"rgb_array"`` (image) or ``None``
    :raises TypeError: if a parameter has the wrong type
    :raises ValueError: if a parameter is out of its range
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012  (as Gymnasium declares it)

    def __init__(
        self,
        size: int = 5,
        *,
        goals: Sequence[Sequence[int]] | None = None,
        rewards: Sequence[float] = (5.0, 4.5),
        start: Sequence[int] = (0, 0),
        slip: float = 0.0,
        gamma: float = 0.99,
        observation: str = "one_hot",
        render_mode: str | None = None,
    ):
        check_number("size", size, 2, integer=True)
        check_number("slip", slip, 0.0, 1.0)
        check_number("gamma", gamma, 0.0, 1.0)
        check_choice("observation", observation, ("one_hot", "index"))
        if render_mode is not None:
            check_choice("render_mode", render_mode, self.metadata["render_modes"])
        size = int(size)
        corners = ((0, size - 1), (size - 1, 0))
        paid = checked_goals(corners if goals is None else goals, rewards, size)
        self.grid = Grid(size, paid, checked_cell("start", start, size), float(slip), float(gamma))
        self.observation = observation
        self.render_mode = render_mode
        n_states = self.grid.n_states
        self.action_space: spaces.Discrete = spaces.Discrete(len(ACTIONS))
        self.observation_space: spaces.Space[Any] = (
            spaces.Box(0.0, 1.0, (n_states,), np.float32) if observation == "one_hot" else spaces.Discrete(n_states)
        )
        self._state: int | None = None

    @staticmethod
    def make_sb3_vec_env(
        n_envs: int, *, seed: int | None = None, max_episode_steps: int | None = None, **kwargs: Any
    ) -> "GridworldVecEnv":
        """
        Many gridworlds stepped at once, for ``--vec-env native``.

        :param n_envs: the number of environments
        :param seed: the first environment's seed
        :param max_episode_steps: after how many steps an episode is cut; never if ``None``
        :param kwargs: the parameters of the environments
        :return: the batch
        """
        from sb3_entropy_gridworld.vec_env import GridworldVecEnv

        world = GridworldEnv(**kwargs)
        vec_env = GridworldVecEnv(world, world.grid, n_envs, max_episode_steps)
        if seed is not None:
            vec_env.seed(seed)
        return vec_env

    def to_mdp(self) -> TabularMDP:
        """
        The exact model that :meth:`step` samples from.

        :return: ``P`` (S, A, S), ``R`` (S, A), ``rho`` (S,) and ``gamma``; the absorbing state, the last, returns to
            itself and pays nothing, and entropy is not counted in it
        """
        return self.grid.to_mdp()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """
        Begin an episode.

        :param seed: seed of the generator that decides on slips; ``None`` goes on with the present one
        :param options: ``{"state": i}`` begins in the cell with that index instead of ``start``
        :return: the observation, and ``{"state": index}``
        :raises ValueError: if ``options["state"]`` is not the index of a cell, or there is another option
        """
        super().reset(seed=seed)
        other = next((option for option in options or {} if option != "state"), None)
        if other is not None:
            raise ValueError(unknown("option of reset()", other, ["state"]))
        state = (options or {}).get("state", self.grid.index_of(self.grid.start))
        check_number('options["state"]', state, 0, self.grid.absorbing - 1, integer=True)
        self._state = int(state)
        return self._observe(self._state), {"state": self._state}

    def step(self, action: np.int64) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """
        Carry out an action.

        :param action: 0 left, 1 right, 2 up, 3 down
        :return: observation, reward, whether the absorbing state was entered, ``False`` (cutting an episode is the
            ``TimeLimit`` wrapper's), and ``{"state": index}``
        :raises ValueError: if the action is none of the four
        :raises gymnasium.error.ResetNeeded: if no episode has begun
        """
        if self._state is None:
            raise gym.error.ResetNeeded("Call reset() before step().")
        if not self.action_space.contains(action):
            raise ValueError(f"action must be 0 (left), 1 (right), 2 (up) or 3 (down), but {action!r} was given.")
        carried_out = int(action)
        if self.grid.slip > 0.0 and self.np_random.random() < self.grid.slip:
            carried_out = int(carried_out + self.np_random.integers(1, len(ACTIONS))) % len(ACTIONS)
        reward = float(self.grid.leaving_pays[self._state])
        self._state = int(self.grid.successors[self._state, carried_out])
        return self._observe(self._state), reward, self._state == self.grid.absorbing, False, {"state": self._state}

    def render(self) -> Any:
        """
        :return: the grid as text (``"ansi"``) or as an image of shape (48·size, 48·size, 3), uint8 (``"rgb_array"``);
            ``None`` without a render mode
        """
        if self.render_mode is None:
            gym.logger.warn("render() draws nothing without a render mode: make the environment with render_mode=…")
            return None
        draw = ansi if self.render_mode == "ansi" else image
        return draw(self.grid.size, self.grid.goals, None if self._state is None else self.grid.cell_of(self._state))

    def _observe(self, state: int) -> Observation:
        if self.observation == "index":
            return np.int64(state)
        one_hot = np.zeros(self.grid.n_states, dtype=np.float32)
        one_hot[state] = 1.0
        return one_hot
