"""What is certain of the extension on a discretised pendulum: what is optimal stays, what is soft-optimal moves."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.pendulum import PendulumEnv
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy.mdp import Optimum, TabularMDP, evaluate, value_iteration
from sb3_entropy_bifurcation.extension.grid import Grid
from sb3_entropy_bifurcation.extension.wrapper import EntropicBifurcation
from sb3_entropy_bifurcation.task import Array, Flags

#: what an action of an intermediate state does
GO_ON, END = 0, 1


@dataclass(frozen=True, eq=False)
class DiscretisedPendulum:
    """
    A pendulum without and with the extension. States of ``extended`` are the S of ``plain``, then the intermediate
    ones, then the end.

    :param plain: without it
    :param extended: with it; the inserted step has γ = 1
    :param states: (θ, θ̇) of each, shape (S, 2)
    :param actions: of the unit box, shape (K,)
    :param region: which states are in the region, shape (S,)
    :param intermediate: which state is m_a of state and action; −1: none; shape (S, K)
    :param share: |A1| / 2 of it, NaN where there is none; shape (S, K)
    """

    plain: TabularMDP
    extended: TabularMDP
    states: Array
    actions: Array
    region: Flags
    intermediate: NDArray[np.int64]
    share: Array


def discretise_pendulum(
    env: gym.Env[Any, Any], *, angles: int = 31, velocities: int = 31, actions: int = 9, gamma: float = 0.99
) -> DiscretisedPendulum:
    """
    The environment inside of the wrapper is put into each state and stepped, and that is the process without the
    extension. Then the wrapper is, in the region twice, and that is the process with it: neither is derived from the
    other, so that a wrapper which pays or does something else is found out. Actions are the K middles of equal
    intervals, and one each of A1 and A2.

    :param env: a Pendulum with :class:`EntropicBifurcation` around it; it is reset
    :param angles: how many θ
    :param velocities: how many θ̇
    :param actions: K, each of the measure 2/K
    :param gamma: the discount of a step of Pendulum; no limit of time
    :return: both processes; an episode begins as Pendulum's do, θ anywhere and |θ̇| ≤ 1
    :raises TypeError: if the environment is another, or a number is no number
    :raises ValueError: if one is out of its range
    """
    for name, given, least in (("angles", angles, 3), ("velocities", velocities, 3), ("actions", actions, 2)):
        check_number(name, given, least, integer=True)
    check_number("gamma", gamma, 0.0, 1.0)
    walker = _Walker(env)
    grid = Grid(angles, velocities, float(walker.pendulum.max_speed))
    S, K = len(grid.states), actions
    chosen = (2 * np.arange(K) + 1) / K - 1
    P, R = np.zeros((2, S, K, S)), np.zeros((2, S, K))  # without the extension, with it
    held: dict[tuple[int, int], _Held] = {}
    for s, state in enumerate(grid.states):
        for k, a in enumerate(chosen):
            R[0, s, k], P[0, s, k] = walker.bare_step(state, a), grid.chances(walker.pendulum.state)
            walker.stand_at(state)
            R[1, s, k], _, info = walker.step(a)
            if info["pending"]:
                held[s, k] = _decided(walker, grid, state, a, info["share"])
            else:
                P[1, s, k] = grid.chances(walker.pendulum.state)
    region, share = np.zeros(S, dtype=bool), np.full((S, K), np.nan)
    for (s, k), found in held.items():
        region[s], share[s, k] = True, found.share
    slow = abs(grid.states[:, 1]) <= 1
    rho = slow / slow.sum()
    plain = TabularMDP(P=P[0], R=R[0], rho=rho, gamma=gamma, log_measure=np.full((S, K), np.log(2 / K)))
    extended, intermediate = _extended(P[1], R[1], rho, held, gamma)
    return DiscretisedPendulum(plain, extended, grid.states, chosen, region, intermediate, share)


class _Held(NamedTuple):
    """
    What an intermediate state leads to.

    :param share: how much of the box is A1
    :param paid: what A1 pays
    :param chances: where it leads to, shape (S,)
    :param ended: what A2 pays
    """

    share: float
    paid: float
    chances: Array
    ended: float


def _decided(walker: "_Walker", grid: Grid, state: Array, a: float, share: float) -> _Held:
    """
    :param walker: where an action is pending
    :param state: of the pendulum, before that action
    :param a: the action
    :return: what A1 and A2 do then
    :raises RuntimeError: if A2 does not end the episode, or A1 does, or the pendulum moves where it should stand still
    """
    go_on, end = walker.wrapper.extension.cut.middles(share)
    ended, over, _ = walker.step(end)
    still = np.array_equal(walker.pendulum.state, state)
    walker.stand_at(state)
    walker.step(a)
    paid, going, _ = walker.step(go_on)
    if not over or going or not still:
        raise RuntimeError(f"A1 and A2 do not do what they should in {state} after the action {a}.")
    return _Held(share, paid, grid.chances(walker.pendulum.state), ended)


def _extended(
    onward: Array, earned: Array, first: Array, held: dict[tuple[int, int], _Held], gamma: float
) -> tuple[TabularMDP, NDArray[np.int64]]:
    S, K = earned.shape
    total = S + len(held) + 1
    P, R, discount = np.zeros((total, K, total)), np.zeros((total, K)), np.full((total, K), gamma)
    log_measure = np.full((total, K), -np.inf)
    P[:S, :, :S], R[:S], log_measure[:S] = onward, earned, np.log(2 / K)
    intermediate = np.full((S, K), -1)
    for m, ((s, k), found) in enumerate(held.items(), start=S):
        intermediate[s, k] = m
        P[s, k, m], discount[s, k] = 1.0, 1.0
        P[m, GO_ON, :S], R[m, GO_ON] = found.chances, found.paid
        P[m, END:, -1], R[m, END] = 1.0, found.ended
        log_measure[m, [GO_ON, END]] = np.log(2 * found.share), np.log(2 * (1 - found.share))
    P[-1, :, -1], log_measure[-1] = 1.0, 0.0
    rho = np.concatenate([first, np.zeros(total - S)])
    return TabularMDP(P=P, R=R, rho=rho, gamma=discount, log_measure=log_measure), intermediate


class _Walker:
    """
    A wrapped pendulum that is put where one wants it.

    :param env: as given
    """

    def __init__(self, env: gym.Env[Any, Any]):
        wrapped: Any = env
        while isinstance(wrapped, gym.Wrapper) and not isinstance(wrapped, EntropicBifurcation):
            wrapped = wrapped.env
        pendulum = env.unwrapped
        if not isinstance(wrapped, EntropicBifurcation) or not isinstance(pendulum, PendulumEnv):
            raise TypeError(
                f"A Pendulum with EntropicBifurcation around it must be given, but {env} was. Make one with "
                'gym.make("entropy/BifurcatedPendulum-v0").'
            )
        self.wrapper, self.pendulum = wrapped, pendulum
        self.wrapper.reset(seed=0)
        self._torque = float(pendulum.max_torque)

    def stand_at(self, state: Array) -> None:
        self.pendulum.state = np.array(state)
        self.wrapper.stand_at(self.pendulum._get_obs())

    def bare_step(self, state: Array, a: float) -> float:
        """:return: the reward of an action of the unit box, without the extension"""
        self.pendulum.state = np.array(state)
        return float(self.wrapper.env.step(self._scaled(a))[1])

    def step(self, a: float) -> tuple[float, bool, dict[str, Any]]:
        """:return: reward, whether it terminated, info of an action of the unit box"""
        _, reward, terminated, _, info = self.wrapper.step(self._scaled(a))
        return float(reward), terminated, info

    def _scaled(self, a: float) -> Array:
        return np.array([a * self._torque], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Certificate:
    """
    :param alpha: the temperature α
    :param plain: what is optimal without the extension and with it
    :param soft: what is soft-optimal at α without it and with it
    :param value_change: the greatest |V̂* − V*| at the pendulum's states
    :param regret: by how much what is best there with the extension is worse without it than the best, at most
    :param margin: by how much the worst continuation from an intermediate state exceeds r_T, plainly optimal
    :param returns: E Σ γᵗ r of what is optimal, without and with, and of what is soft-optimal, without and with
    :param mean_action: E_π[a] of what is soft-optimal in each state of the region, without and with; shape (2, n)
    :param best_action: its most probable action, likewise
    """

    alpha: float
    plain: tuple[Optimum, Optimum]
    soft: tuple[Optimum, Optimum]
    value_change: float
    regret: float
    margin: float
    returns: tuple[float, float, float, float]
    mean_action: Array
    best_action: Array


def certify(model: DiscretisedPendulum, alpha: float, *, tolerance: float = 1e-11) -> Certificate:
    """
    Solves both processes by value iteration, plainly and at the temperature α.

    :param model: a discretised pendulum
    :param alpha: α > 0
    :param tolerance: as :func:`~sb3_entropy.mdp.value_iteration`
    :return: what has stayed and what has moved
    :raises TypeError: if α is no number
    :raises ValueError: if it is not positive, or the region has no state of the grid
    """
    check_number("alpha", alpha, 0.0, open_low=True)
    if not model.region.any():
        raise ValueError("The region has no state of the grid. Give more angles and velocities, or a larger region.")
    S = len(model.states)
    processes = model.plain, model.extended
    plain = tuple(value_iteration(mdp, tolerance=tolerance) for mdp in processes)
    soft = tuple(value_iteration(mdp, float(alpha), tolerance=tolerance) for mdp in processes)
    held = slice(S, -1)
    earned = [
        float(evaluate(mdp, found.pi).returns)
        for pair in (plain, soft)
        for mdp, found in zip(processes, pair, strict=True)
    ]
    best = plain[1].pi[:S].argmax(axis=1)
    acts = np.stack([found.pi[:S][model.region] for found in soft])
    return Certificate(
        alpha=float(alpha),
        plain=(plain[0], plain[1]),
        soft=(soft[0], soft[1]),
        value_change=float(abs(plain[1].V[:S] - plain[0].V).max()),
        regret=float((plain[0].V - plain[0].Q[np.arange(S), best]).max()),
        margin=float((plain[1].Q[held, GO_ON] - plain[1].Q[held, END]).min()),
        returns=(earned[0], earned[1], earned[2], earned[3]),
        mean_action=acts @ model.actions,
        best_action=model.actions[acts.argmax(axis=2)],
    )
