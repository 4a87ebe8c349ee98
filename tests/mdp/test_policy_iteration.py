"""Policy iteration against value iteration, every policy, and what is infinite."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from processes import corridor, measured, random_mdp

from sb3_entropy.mdp import TabularMDP, evaluate, policy_iteration, value_iteration


@pytest.mark.parametrize("tau", [0.0, 1e-3, 0.4, 20.0])
@pytest.mark.parametrize("terminal_entropy", [False, True])
@pytest.mark.parametrize("make", [random_mdp, measured])
def test_it_finds_what_value_iteration_finds_in_fewer_steps(make: Any, terminal_entropy: bool, tau: float) -> None:
    mdp = make(4, terminal_entropy=terminal_entropy)
    found, slow = policy_iteration(mdp, tau), value_iteration(mdp, tau, tolerance=1e-13)
    np.testing.assert_allclose(found.V, slow.V, rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(found.Q, slow.Q, rtol=0.0, atol=1e-11)
    np.testing.assert_allclose(found.pi, slow.pi, rtol=0.0, atol=1e-9)
    assert pytest.approx(slow.J, abs=1e-11) == found.J
    assert found.iterations < 10 < slow.iterations
    assert found.bound <= 1e-11


@pytest.mark.parametrize("tau", [0.0, 0.5])
def test_episodes_without_discount(tau: float) -> None:
    found = policy_iteration(corridor(6), tau)
    np.testing.assert_allclose(found.V, value_iteration(corridor(6), tau, tolerance=0.0).V, rtol=0.0, atol=1e-12)
    assert found.bound in (0.0, np.inf)
    if tau == 0:
        assert found.V.tolist() == [-6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0]


def test_a_lake_without_discount() -> None:
    lake = TabularMDP.from_env("FrozenLake-v1", gamma=1.0)
    found = policy_iteration(lake)
    assert pytest.approx(0.8235294117647, abs=1e-12) == found.V[0]  # 14/17, the known chance of the best policy
    # Where cliffs cost nothing more than a step, entropy may be collected for ever.
    with pytest.raises(ValueError, match=r"after 1000 iterations\. With gamma = 1 every episode must end"):
        policy_iteration(lake, 0.3)


def test_where_nothing_ends_and_nothing_pays_values_are_0() -> None:
    P = np.zeros((3, 2, 3))
    P[0, :, 1] = P[1, :, 0] = P[2, :, 2] = 1.0
    found = policy_iteration(TabularMDP(P, np.zeros((3, 2)), [1.0, 0.0, 0.0], 1.0))
    assert found.V.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("seed", range(4))
def test_a_way_into_what_never_ends(seed: int) -> None:
    """States 3 and 4 change places for ever, with one action and nothing paid: no policy's episodes end in state 5."""
    mdp = random_mdp(seed, n_states=6, gamma=1.0)
    P, R, log_measure = mdp.P.copy(), -abs(mdp.R), np.zeros((6, 3))
    P[3], P[4] = np.eye(6)[4], np.eye(6)[3]
    R[3:], log_measure[3:5, 1:] = 0.0, -np.inf
    forever = TabularMDP(P, R, mdp.rho, 1.0, log_measure)
    for tau in (0.0, 0.05):
        found, slow = policy_iteration(forever, tau), value_iteration(forever, tau, tolerance=0.0)
        np.testing.assert_allclose(found.V, slow.V, rtol=0.0, atol=1e-12)
        assert found.V[:3].max() < -0.01
        assert found.V[3:].tolist() == [0.0, 0.0, 0.0]


def test_a_singular_policy_on_the_way_is_passed_over() -> None:
    """To stay in state 0 costs nothing and never ends: greedily it is as good as anything, before anything is known."""
    P = np.zeros((3, 2, 3))
    P[0, 0, 0] = P[0, 1, 1] = 1.0
    P[1, 0, 0] = P[1, 1, 2] = 1.0
    P[2, :, 2] = 1.0
    R = np.array([[0.0, -3.0], [0.0, 5.0], [0.0, 0.0]])
    mdp = TabularMDP(P, R, [1.0, 0.0, 0.0], 1.0)
    assert policy_iteration(mdp).V.tolist() == [2.0, 5.0, 0.0] == value_iteration(mdp).V.tolist()


def by_hand(mdp: TabularMDP, taus: np.ndarray) -> np.ndarray:
    """Values at a temperature of each state, by a loop over states and actions."""
    V = np.zeros(mdp.n_states)
    for _ in range(400):
        for s in np.flatnonzero(~mdp.absorbing):
            terms = []
            for a in np.flatnonzero(mdp.present[s]):
                q = mdp.R[s, a] + mdp.discount[s, a] * sum(p * v for p, v in zip(mdp.P[s, a], V, strict=True))
                terms.append((q, mdp.measure[s, a]))
            if taus[s] == 0:
                V[s] = max(q for q, _ in terms)
            else:
                V[s] = taus[s] * np.log(sum(m * np.exp(q / taus[s]) for q, m in terms))
    return V


def test_a_temperature_of_each_state() -> None:
    mdp, taus = measured(5), np.array([0.4, 0.0, 1.5, 0.01, 0.3])
    found = policy_iteration(mdp, taus)
    np.testing.assert_allclose(found.V, by_hand(mdp, taus), rtol=0.0, atol=1e-12)
    assert sorted(found.pi[1].tolist()) == [0.0, 0.0, 1.0]
    assert (found.pi[2] > 0).all()
    np.testing.assert_allclose(policy_iteration(mdp, np.full(5, 0.4)).V, policy_iteration(mdp, 0.4).V, atol=1e-14)


def test_a_measure_beyond_the_largest_number() -> None:
    """A shift of log m by c adds τc to what every step pays."""
    mdp = measured(6)
    assert mdp.log_measure is not None
    moved = np.where(mdp.absorbing[:, None], 0.0, 900.0)
    far = dataclasses.replace(mdp, log_measure=mdp.log_measure + moved)
    near = dataclasses.replace(mdp, R=mdp.R + 0.2 * moved)
    for solve in (policy_iteration, value_iteration):
        found, same = solve(far, 0.2), solve(near, 0.2)
        np.testing.assert_allclose(found.V, same.V, rtol=1e-12)
        np.testing.assert_allclose(found.pi, same.pi, atol=1e-9)
    assert far.present.tolist() == mdp.present.tolist()
    with pytest.raises(ValueError, match=r"log_measure must be ≤ 709\.78, but 90.* value_iteration and policy_iterat"):
        evaluate(far, found.pi, 0.2)
    tiny = dataclasses.replace(mdp, log_measure=mdp.log_measure - moved)
    assert tiny.present.tolist() == mdp.present.tolist()
    with pytest.raises(ValueError, match=r"log_measure must be ≥ -708\.40 or −∞, but -.* or −∞, which means: absent"):
        evaluate(tiny, found.pi)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"tau": -0.1}, ValueError, "tau must be a number ≥ 0, but -0.1"),
        ({"tau": [0.1] * 4}, ValueError, r"tau must have the shape \(S,\) = \(5,\), but \(4,\) was given"),
        ({"tau": [0.1] * 4 + [-1.0]}, ValueError, r"tau must be ≥ 0, but -1\. stands at \[4\]"),
        ({"tau": None}, TypeError, "tau must be a number ≥ 0"),
        ({"max_iterations": 0}, ValueError, "max_iterations must be a whole number ≥ 1"),
        ({"max_iterations": 1}, ValueError, r"after 1 iterations\. Give more max_iterations\.$"),
    ],
)
def test_a_bad_argument_is_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        policy_iteration(random_mdp(), **arguments)
