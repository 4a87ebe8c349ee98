"""Value iteration against closed forms, every deterministic policy, and what no policy exceeds."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from processes import corridor, measured, random_mdp

from sb3_entropy.mdp import TabularMDP, evaluate, value_iteration


def bandit(R: Any, log_measure: Any = None) -> TabularMDP:
    """One decision, then the end."""
    n = len(R)
    P = np.zeros((2, n, 2))
    P[:, :, 1] = 1.0
    m = None if log_measure is None else np.stack([log_measure, np.zeros(n)])
    return TabularMDP(P, np.stack([R, np.zeros(n)]), [1.0, 0.0], 0.9, m)


@pytest.mark.parametrize("tau", [0.05, 1.0, 30.0])
def test_a_bandit_has_a_closed_form(tau: float) -> None:
    R, m = np.array([1.0, -0.5, 2.0, 9.0]), np.array([0.5, 2.0, 1.5, 0.0])
    with np.errstate(divide="ignore"):
        found = value_iteration(bandit(R, np.log(m)), tau)
    weights = m * np.exp(R / tau)
    np.testing.assert_allclose(found.pi[0], weights / weights.sum(), rtol=1e-12)
    assert pytest.approx(tau * np.log(weights.sum()), rel=1e-12) == found.J
    assert found.V[1] == 0.0
    np.testing.assert_array_equal(found.Q[0], R)
    assert found.bound == 0.0


def test_absent_actions_are_not_chosen() -> None:
    found = value_iteration(bandit(np.array([1.0, 2.0, 9.0]), np.array([0.0, 0.0, -np.inf])))
    assert found.J == 2.0
    assert found.pi[0].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("make", [random_mdp, measured])
def test_the_best_of_all_deterministic_policies(make: Any) -> None:
    mdp = make(8)
    choices = itertools.product(*(np.flatnonzero(present) for present in mdp.present))
    every = evaluate(mdp, np.eye(3)[np.array(list(choices))])
    found = value_iteration(mdp)
    assert pytest.approx(every.J.max(), abs=1e-9) == found.J
    np.testing.assert_allclose(found.V, every.V.max(axis=0), atol=1e-9)
    assert pytest.approx(found.J, abs=1e-9) == evaluate(mdp, found.pi).J


@pytest.mark.parametrize("terminal_entropy", [False, True])
def test_no_policy_exceeds_the_soft_optimum(terminal_entropy: bool) -> None:
    mdp, tau = dataclasses.replace(measured(9), terminal_entropy=terminal_entropy), 0.4
    found = value_iteration(mdp, tau)
    own = evaluate(mdp, found.pi, tau)
    np.testing.assert_allclose(own.V, found.V, atol=1e-9)  # it earns what is promised
    rng = np.random.default_rng(0)
    for scale in (0.01, 0.3, 2.0):
        others = found.pi * np.exp(scale * rng.normal(size=(300, 5, 3)))
        others /= others.sum(axis=2, keepdims=True)
        assert (evaluate(mdp, others, tau).V <= own.V + 1e-9).all()


def test_the_bound_holds_and_is_met() -> None:
    mdp = random_mdp(3, gamma=0.95)
    exact = value_iteration(mdp, 0.2, tolerance=1e-13)
    for tolerance in (1.0, 1e-2, 1e-5):
        found = value_iteration(mdp, 0.2, tolerance=tolerance)
        assert abs(found.V - exact.V).max() <= found.bound <= tolerance
        assert found.bound == pytest.approx(0.95 / 0.05 * found.residual)
        assert found.iterations < exact.iterations


def test_without_discount_the_shortest_way_is_found_and_nothing_is_promised_of_the_rest() -> None:
    found = value_iteration(corridor(4))
    assert found.V.tolist() == [-4.0, -3.0, -2.0, -1.0, 0.0]
    assert found.pi[:4].tolist() == [[0.0, 1.0]] * 4
    assert (found.residual, found.bound) == (0.0, 0.0)
    soft = value_iteration(corridor(4), 0.5)  # entropy of at most 0.35 a step costs less than the step
    assert soft.bound in (0.0, np.inf)
    assert pytest.approx(soft.J, abs=1e-8) == evaluate(corridor(4), soft.pi, 0.5).J


def test_the_gridworlds_optimum_and_where_wandering_pays() -> None:
    grid = TabularMDP.from_env("entropy/Gridworld-v0")
    assert pytest.approx(5 * 0.99**4, abs=1e-12) == value_iteration(grid).J
    for tau, terminal_entropy in ((0.01, False), (0.3, True)):
        mdp = dataclasses.replace(grid, terminal_entropy=terminal_entropy)
        found = value_iteration(mdp, tau)
        assert pytest.approx(found.J, abs=1e-8) == evaluate(mdp, found.pi, tau).J


def test_infinite_values_are_told() -> None:
    wandering = corridor(3, log_measure=np.full((4, 2), 2.0))
    with pytest.raises(ValueError, match=r"still changed after 500 iterations\. With gamma = 1 every episode must"):
        value_iteration(wandering, 1.0, max_iterations=500)
    with pytest.raises(ValueError, match=r"after 3 iterations\. Give more max_iterations, or a larger tolerance"):
        value_iteration(random_mdp(), max_iterations=3)


def test_rounding_ends_what_a_tolerance_of_0_does_not() -> None:
    found = value_iteration(random_mdp(gamma=0.9), 0.3, tolerance=0.0)
    assert found.residual <= 4 * np.finfo(float).eps * abs(found.V).max()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -0.1}, "tau must be a number ≥ 0, but -0.1"),
        ({"tolerance": -1.0}, "tolerance must be a number ≥ 0"),
        ({"max_iterations": 0}, "max_iterations must be a whole number ≥ 1"),
    ],
)
def test_a_bad_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value_iteration(random_mdp(), **arguments)
