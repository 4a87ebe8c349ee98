"""Processes behind environments of Gymnasium, against known optima and against the environments themselves."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sb3_entropy.mdp import TabularMDP, evaluate, value_iteration


def test_cliff_walking() -> None:
    mdp = TabularMDP.from_env(gym.make("CliffWalking-v1"), gamma=1.0)
    assert mdp.P.shape == (49, 4, 49)
    assert np.flatnonzero(mdp.absorbing).tolist() == [48]
    assert mdp.rho.argmax() == 36
    assert value_iteration(mdp).J == -13.0  # Sutton and Barto 2018, Example 6.6: the shortest way along the cliff
    assert pytest.approx(-(1 - 0.9**13) / 0.1) == value_iteration(TabularMDP.from_env("CliffWalking-v1", gamma=0.9)).J


def test_frozen_lake() -> None:
    mdp = TabularMDP.from_env("FrozenLake-v1", gamma=1.0)
    best = value_iteration(mdp, tolerance=1e-13)
    assert pytest.approx(14 / 17, abs=1e-9) == best.J  # the known probability of reaching the goal
    assert pytest.approx(14 / 17, abs=1e-12) == evaluate(mdp, best.pi).J
    flat = TabularMDP.from_env(gym.make("FrozenLake-v1", is_slippery=False), gamma=0.9)
    assert pytest.approx(0.9**5) == value_iteration(flat).J  # six steps


def test_taxi() -> None:
    mdp = TabularMDP.from_env("Taxi-v4", gamma=1.0)
    assert mdp.P.shape == (501, 6, 501)
    assert pytest.approx(7.93, abs=0.005) == value_iteration(mdp).J  # the known mean return of the optimal policy


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "CliffWalking-v1", "Taxi-v4"])
def test_transitions_are_those_of_the_table(env_id: str) -> None:
    env: Any = gym.make(env_id).unwrapped
    mdp = TabularMDP.from_env(env, gamma=0.9)
    n = len(env.P)
    rng = np.random.default_rng(0)
    for s in rng.choice(n, size=10, replace=False):
        for a in range(mdp.n_actions):
            for arrival in range(n + 1):
                came = [p for p, t, _, over in env.P[s][a] if (over and arrival == n) or (not over and t == arrival)]
                assert mdp.P[s, a, arrival] == pytest.approx(sum(came), abs=1e-15)
            assert mdp.R[s, a] == pytest.approx(sum(p * r for p, _, r, _ in env.P[s][a]))


def test_steps_agree_with_the_process() -> None:
    env: Any = gym.make("CliffWalking-v1").unwrapped
    mdp = TabularMDP.from_env(env, gamma=0.9)
    env.reset(seed=0)
    ended = False
    for a in [0, *[1] * 11, 2]:
        before = env.s
        state, reward, ended, *_ = env.step(a)
        assert mdp.P[before, a, 48 if ended else state] == 1.0
        assert mdp.R[before, a] == reward
    assert ended


def test_fields_of_ones_own_win() -> None:
    rho = np.eye(16)[14]
    mdp = TabularMDP.from_env("FrozenLake-v1", gamma=0.5, rho=rho, terminal_entropy=True)
    assert mdp.rho.tolist() == [*rho, 0.0]
    assert mdp.terminal_entropy
    env = gym.make("entropy/Gridworld-v0") if "entropy/Gridworld-v0" in gym.registry else "entropy/Gridworld-v0"
    grid = TabularMDP.from_env(env, gamma=0.5, rho=np.eye(25)[7])
    assert (grid.gamma, grid.rho.argmax(), grid.n_states) == (0.5, 7, 26)
    assert TabularMDP.from_env("entropy/Gridworld-v0").gamma == 0.99


class Table(gym.Env[Any, Any]):
    """An environment that is nothing but its table."""

    def __init__(self, P: Any):
        self.P = P

    def __repr__(self) -> str:
        return "Table"


class Maker(Table):
    """Whose to_mdp() makes something else."""

    def to_mdp(self) -> int:
        return 3


ENTRY = [(1.0, 0, 0.5, False)]


@pytest.mark.parametrize(
    ("env", "given", "error", "message"),
    [
        (Table([[ENTRY]]), {"gamma": 0.9}, ValueError, r"Table has neither a method to_mdp\(\) nor a table P"),
        (Maker({}), {}, TypeError, r"to_mdp\(\) of Table must return a TabularMDP, but it returned 3"),
        (Table({0: {0: ENTRY}}), {"rho": [1.0]}, ValueError, "does not say what gamma is. Give it: .*gamma=…"),
        (Table({0: {0: ENTRY}}), {"gamma": 0.9}, ValueError, "does not say what rho is"),
        (
            Table({0: {0: ENTRY}, 2: {0: ENTRY}}),
            {},
            ValueError,
            "states 0 to 1 with 1 actions each, but state 1 has no entry",
        ),
        (Table({0: {0: ENTRY}, 1: {0: ENTRY, 1: ENTRY}}), {}, ValueError, "but state 1 has 2"),
        (
            Table({0: {0: [(1.0, 1, 0.0, False)]}}),
            {},
            ValueError,
            "for state 0 and action 0, but .*there is no state 1",
        ),
        (Table({0: {0: [(1.0, 0, 0.0)]}}), {}, ValueError, "a list of .*terminated.* for state 0 and action 0"),
        (
            Table({0: {0: [(0.7, 0, 0.0, False)]}}),
            {"gamma": 0.9, "rho": [1.0]},
            ValueError,
            "sum of P over s' must be 1",
        ),
        ("NoSuchEnv-v0", {}, ValueError, "Unknown environment 'NoSuchEnv-v0'"),
    ],
)
def test_what_is_missing_is_named(env: Any, given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TabularMDP.from_env(env, **given)
