"""The entropic bifurcation extension by other channels: loops by hand, every policy, every action by itself."""

import itertools
from typing import Any

import numpy as np
import pytest
from processes import corridor, measured, random_mdp

from sb3_entropy.mdp import (
    Certificate,
    TabularMDP,
    bifurcate,
    certify,
    evaluate,
    policy_iteration,
    value_iteration,
)


def loops(seed: int = 0, **fields: Any) -> TabularMDP:
    """Dense, with a self-loop at state 2 that every action takes half of the time, and another of one action alone."""
    mdp = random_mdp(seed, **fields)
    P = mdp.P.copy()
    P[2] = 0.5 * P[2] + 0.5 * np.eye(5)[2]
    P[1, 0] = np.eye(5)[1]
    return TabularMDP(P, mdp.R, mdp.rho, mdp.gamma, mdp.log_measure)


def swept(mdp: TabularMDP, alpha: float, sweeps: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Soft values and policy by a loop over states and actions, in place; the plain ones at alpha = 0."""
    V, pi = np.zeros(mdp.n_states), np.zeros(mdp.R.shape)
    rows = []
    for s in np.flatnonzero(~mdp.absorbing):
        actions = np.flatnonzero(mdp.present[s])
        log_m = np.zeros(len(actions)) if mdp.log_measure is None else mdp.log_measure[s, actions]
        rows.append((s, actions, log_m, mdp.discount[s, actions, None] * mdp.P[s, actions], mdp.R[s, actions]))
    for _ in range(sweeps):
        for s, actions, log_m, ahead, paid in rows:
            q = paid + ahead @ V
            V[s] = q.max() if alpha == 0 else alpha * np.logaddexp.reduce(log_m + q / alpha)
            pi[s, actions] = q == q.max() if alpha == 0 else np.exp(log_m + (q - V[s]) / alpha)
    return V, pi


CASES = {
    "random": (random_mdp(1), 2, [0.1, 0.2, 0.7], 0.3),
    "with a measure": (measured(2), 1, [0.85, 0.15, 0.0], 0.5),
    "loops": (loops(3), 2, [0.3, 0.6, 0.1], 0.2),
    "a loop of one action": (loops(4), 1, [0.98, 0.01, 0.01], 1.5),
    "episodes without discount": (corridor(4), 1, [0.9, 0.1], 0.4),
}


@pytest.mark.parametrize("name", CASES)
def test_the_soft_policy_is_the_target_and_nothing_else_moves(name: str) -> None:
    mdp, state, target, alpha = CASES[name]
    extended, certificate = bifurcate(mdp, state, target, alpha)
    (V, pi), (was, acted) = swept(extended, alpha), swept(mdp, alpha)
    S, A = mdp.R.shape
    assert abs(was - V[:S]).max() < 1e-9
    np.testing.assert_allclose(pi[state, :A], target, atol=1e-9)
    others = [s for s in range(S) if s != state]
    np.testing.assert_allclose(pi[others, :A], acted[others], atol=1e-9)
    assert abs(acted[state] - target).max() > 0.05  # there was something to do
    plain, best = swept(mdp, 0.0), swept(extended, 0.0)
    np.testing.assert_allclose(best[0][:S], plain[0], atol=1e-12)
    np.testing.assert_array_equal(best[1][:S, :A], plain[1])
    inserted = certificate.inserted[certificate.inserted >= 0]
    assert best[1][inserted, :2].tolist() == [[1.0, 0.0]] * len(inserted)
    np.testing.assert_allclose(pi[inserted, 0], 0.5, atol=1e-9)  # the default share
    assert certificate.holds()
    assert certificate.holds(1e-10)


@pytest.mark.parametrize("counts", [False, True])
def test_no_deterministic_policy_is_better_than_before(counts: bool) -> None:
    mdp = random_mdp(5, n_states=4, n_actions=2)
    extended, certificate = bifurcate(mdp, 1, [0.35, 0.65], 0.6, counts=counts)
    choices = itertools.product(*(np.flatnonzero(present) for present in extended.present))
    every = evaluate(extended, np.eye(2)[np.array(list(choices))])
    before = evaluate(mdp, np.eye(2)[np.array(list(itertools.product(range(2), repeat=4)))])
    np.testing.assert_allclose(every.V.max(axis=0)[:4], before.V.max(axis=0), atol=1e-12)
    np.testing.assert_allclose(certificate.plain_values[1], before.V.max(axis=0), atol=1e-12)
    assert every.J.max() == pytest.approx(before.J.max(), abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_counts_meet_the_target_within_their_tolerance(name: str) -> None:
    mdp, state, target, alpha = CASES[name]
    extended, certificate = bifurcate(mdp, state, target, alpha, counts=True, tolerance=1e-4)
    V, pi = swept(extended, alpha)
    S, A = mdp.R.shape
    np.testing.assert_allclose(pi[state, :A], target, atol=1e-4)
    np.testing.assert_allclose(certificate.soft_values[1], V[:S], atol=1e-9)
    np.testing.assert_allclose(swept(extended, 0.0)[0][:S], swept(mdp, 0.0)[0], atol=1e-12)
    assert extended.log_measure is not None
    inserted = certificate.inserted[certificate.inserted >= 0]
    n = np.exp(extended.log_measure[inserted, :2])
    np.testing.assert_array_equal(n[:, 0], 1.0)
    np.testing.assert_allclose(n[:, 1], np.rint(n[:, 1]), rtol=1e-13)
    assert n.min() == 1.0
    assert pi[inserted, 0].max() == pytest.approx(0.5, abs=1e-3)
    assert (V[:S] >= swept(mdp, alpha)[0] - 1e-9).all()  # values are lifted, not lowered
    assert certificate.holds()
    assert not certificate.counts or certificate.soft_value_deviation > 1e-3


def test_each_of_the_n2_actions_by_itself() -> None:
    """Without any measure: a process that has as many actions as the counts say, solved by value iteration."""
    mdp, alpha, target = random_mdp(6, n_states=4, gamma=0.4), 1.0, [0.25, 0.15, 0.6]
    extended, certificate = bifurcate(mdp, 1, target, alpha, counts=True, tolerance=0.02)
    assert extended.log_measure is not None
    n2 = np.rint(np.exp(extended.log_measure[certificate.inserted[0], 1])).astype(int)
    assert 1 <= n2.min() < n2.max() < 4000
    A = 1 + n2.max()
    R, gamma, log_measure = (np.full((8, A), fill) for fill in (0.0, 0.0, -np.inf))
    P = np.repeat(np.eye(8)[:, None], A, axis=1)
    for s in range(8):
        for b in range(3):
            if extended.present[s, b]:
                copies = slice(1, 1 + n2[s - 4]) if s in certificate.inserted[0] and b == 1 else slice(b, b + 1)
                P[s, copies], R[s, copies], gamma[s, copies] = extended.P[s, b], extended.R[s, b], extended.gamma[s, b]
                log_measure[s, copies] = 0.0
    found = value_iteration(TabularMDP(P, R, [1, *[0] * 7], gamma, log_measure), alpha, tolerance=0.0)
    np.testing.assert_allclose(found.pi[1, :3], target, atol=0.02)
    np.testing.assert_allclose(found.V[:4], certificate.soft_values[1], atol=1e-9)
    np.testing.assert_allclose(found.V[:4], swept(extended, alpha)[0][:4], atol=1e-9)


@pytest.mark.parametrize("counts", [False, True])
def test_several_states_at_once(counts: bool) -> None:
    mdp, alpha, target = measured(7), 0.35, [[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]]
    extended, certificate = bifurcate(mdp, [2, 1], target, alpha, counts=counts)
    assert certificate.inserted.tolist() == [[5, 6, 7], [8, 9, -1]]
    assert (extended.n_states, extended.n_actions) == (11, 3)
    V, pi = swept(extended, alpha)
    np.testing.assert_allclose(pi[[2, 1]], target, atol=certificate.tolerance)
    np.testing.assert_allclose(swept(extended, 0.0)[0][:5], swept(mdp, 0.0)[0], atol=1e-12)
    if not counts:
        np.testing.assert_allclose(V[:5], swept(mdp, alpha)[0], atol=1e-9)
    assert certificate.holds()


@pytest.mark.parametrize("seed", range(5))
def test_long_episodes_without_discount_keep_to_the_tolerance(seed: int) -> None:
    """Rounded counts in all of five states, whose errors add up over the forty steps of an episode."""
    rng = np.random.default_rng(seed)
    mdp = random_mdp(seed, n_states=6)
    P, R = 0.975 * mdp.P + 0.025 * np.eye(6)[-1], np.where(mdp.absorbing[:, None], 0.0, -rng.uniform(2, 4, size=(6, 3)))
    P[:5, :, :5] += P[:5, :, 5:] * 0.8 / 5
    P[:5, :, 5] *= 0.2
    slow = TabularMDP(P, R, mdp.rho, 1.0, np.full((6, 3), -np.log(3)))  # with which entropy is at most 0
    target = rng.dirichlet([2.0, 2.0, 2.0], size=5)
    extended, certificate = bifurcate(slow, range(5), target, 0.3, counts=True, tolerance=0.05, share=0.9)
    assert certificate.holds()
    pi = value_iteration(extended, 0.3, tolerance=0.0).pi
    assert 1e-9 < abs(pi[:5, :3] - target).max() < 0.05


def test_again_at_another_state_and_at_one_that_was_inserted() -> None:
    mdp, alpha = random_mdp(8), 0.4
    once, _ = bifurcate(mdp, 0, [0.2, 0.3, 0.5], alpha)
    twice, certificate = bifurcate(once, 3, [0.6, 0.3, 0.1], alpha)
    inserted, of_inserted = bifurcate(twice, 5, [0.9, 0.1, 0.0], alpha)
    assert certificate.holds()
    assert of_inserted.holds()
    V, pi = swept(inserted, alpha)
    np.testing.assert_allclose(V[:5], swept(mdp, alpha)[0], atol=1e-9)
    np.testing.assert_allclose(pi[[0, 3, 5]], [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1], [0.9, 0.1, 0.0]], atol=1e-9)


def test_one_action_and_more_than_two() -> None:
    one = random_mdp(9, n_actions=1)
    extended, certificate = bifurcate(one, 0, [1.0], 0.5)
    assert extended.n_actions == 2
    assert certificate.holds()
    np.testing.assert_allclose(swept(extended, 0.5)[0][:5], swept(one, 0.5)[0], atol=1e-9)


@pytest.mark.parametrize("counts", [False, True])
def test_where_entropy_is_counted_after_the_end_it_is_not_at_the_new_one(counts: bool) -> None:
    mdp = random_mdp(10, terminal_entropy=True)
    extended, certificate = bifurcate(mdp, 1, [0.2, 0.2, 0.6], 0.3, counts=counts)
    assert certificate.holds()
    found = value_iteration(extended, 0.3, tolerance=0.0)
    assert found.V[-1] == 0.0
    np.testing.assert_allclose(found.V[4], 0.3 * np.log(3) / 0.2, rtol=1e-12)
    np.testing.assert_allclose(found.pi[1], [0.2, 0.2, 0.6], atol=certificate.tolerance)


def test_share_and_gap_are_what_they_say() -> None:
    mdp, target = random_mdp(11), [0.3, 0.3, 0.4]
    extended, certificate = bifurcate(mdp, 2, target, 0.5, share=0.9, gap=0.25)
    _, pi = swept(extended, 0.5)
    np.testing.assert_allclose(pi[certificate.inserted[0], 0], 0.9, atol=1e-9)
    assert certificate.lead == pytest.approx(0.25)
    V, _ = swept(mdp, 0.0)
    Q = mdp.R[2] + 0.8 * mdp.P[2] @ V
    np.testing.assert_allclose(extended.R[certificate.inserted[0], 1], Q - 0.25, atol=1e-9)
    counted, of_counts = bifurcate(mdp, 2, target, 0.5, share=0.9, gap=9.0, counts=True)
    assert of_counts.lead >= 9.0
    assert swept(counted, 0.5)[1][of_counts.inserted[0], 0].max() == pytest.approx(0.9, abs=1e-6)
    # The greater the share, the less is lifted.
    assert of_counts.soft_value_deviation < bifurcate(mdp, 2, target, 0.5, counts=True)[1].soft_value_deviation
    assert bifurcate(mdp, 2, target, 0.5)[1].lead == pytest.approx(1.0)


def test_small_temperatures_keep_logarithms() -> None:
    mdp, target = random_mdp(12), [0.2, 0.5, 0.3]
    extended, certificate = bifurcate(mdp, 2, target, 5e-4, counts=True)
    assert extended.log_measure is not None
    assert extended.log_measure.max() > 710  # no number is as large as exp of it
    assert certificate.holds()
    found = value_iteration(extended, 5e-4, tolerance=0.0)
    np.testing.assert_allclose(found.pi[2], target, atol=1e-6)
    with pytest.raises(ValueError, match=r"log_measure must be ≤ 709\.78.* by a greater alpha"):
        evaluate(extended, found.pi, 5e-4)


def test_the_soft_optimal_policy_earns_less_than_it_did() -> None:
    """What the extension is for: the same optimum, and a policy paid for entropy that misses it."""
    mdp = corridor(4)
    extended, _ = bifurcate(mdp, [0, 1, 2, 3], [[0.9, 0.1]] * 4, 0.05)
    before, after = (evaluate(m, policy_iteration(m, 0.05).pi).returns for m in (mdp, extended))
    assert before == pytest.approx(-4.0, abs=0.01)
    assert after < before - 1
    assert [policy_iteration(m).J for m in (mdp, extended)] == pytest.approx([-4.0, -4.0], abs=1e-12)


@pytest.mark.parametrize("env_id", ["entropy/Gridworld-v0", "FrozenLake-v1"])
@pytest.mark.parametrize("counts", [False, True])
def test_environments(env_id: str, counts: bool) -> None:
    mdp = TabularMDP.from_env(env_id, gamma=0.95)
    extended, certificate = bifurcate(mdp, 6, [0.05, 0.05, 0.2, 0.7], 0.1, counts=counts)
    assert certificate.holds()
    again = certify(mdp, extended, [6], certificate.targets, 0.1, certificate.tolerance, counts=counts, solve=slowly)
    assert again.holds()
    for mine, slow in ((certificate.soft_values, again.soft_values), (certificate.plain_values, again.plain_values)):
        np.testing.assert_allclose(mine, slow, atol=1e-9)


def slowly(mdp: TabularMDP, tau: float) -> Any:
    return value_iteration(mdp, tau, tolerance=0.0)


def test_random_processes_hold_by_value_iteration_too() -> None:
    rng = np.random.default_rng(0)
    for seed in range(6):
        mdp = measured(20 + seed)
        target = rng.dirichlet(np.ones(3), size=2)
        alpha = float(10 ** rng.uniform(-1.5, 1))
        for counts in (False, True):
            extended, certificate = bifurcate(mdp, [0, 2], target, alpha, counts=counts)
            again = certify(mdp, extended, [0, 2], target, alpha, certificate.tolerance, counts=counts, solve=slowly)
            assert certificate.holds()
            assert again.holds()


def test_a_certificate_that_does_not_hold_says_so() -> None:
    mdp, target = random_mdp(13), np.array([[0.3, 0.3, 0.4]])
    extended, good = bifurcate(mdp, 2, target[0], 0.5)
    of_others = certify(mdp, extended, [2], target[:, ::-1], 0.5, 1e-9)
    assert (good.holds(), of_others.holds()) == (True, False)
    assert of_others.target_deviation == pytest.approx(0.1)
    assert of_others.holds(0.11)
    assert of_others.sentences()[-1] == "The certificate does not hold to 1e-09."
    # Another temperature is not the one that the measures were chosen for.
    assert not certify(mdp, extended, [2], target, 0.6, 1e-3).holds()
    with pytest.raises(ValueError, match=r"at states \[2\] has 9 states and 3 actions, but a process of 5 and 3 was"):
        certify(mdp, mdp, [2], target, 0.5, 1e-9)
    # An end that pays more than going on: values and the best action change.
    R = extended.R.copy()
    worst = int(good.plain_policies[0][2].argmax() == 0)
    R[good.inserted[0, worst], 1] += 30.0
    better = certify(
        mdp, TabularMDP(extended.P, R, extended.rho, extended.gamma, extended.log_measure), [2], target, 0.5, 1
    )
    assert better.plain_value_deviation > 1
    assert better.lead < -1
    assert not better.holds(1e9)
    assert [policy[2].argmax() == worst for policy in better.plain_policies] == [False, True]
    assert better.plain_regret > 0.1


def test_what_a_certificate_says() -> None:
    mdp = random_mdp(14)
    said = [bifurcate(mdp, 2, [0.3, 0.3, 0.4], 0.5, counts=counts)[1].sentences() for counts in (False, True)]
    for sentences in said:
        assert sentences[0].startswith("State 2: at alpha = 0.5 the soft-optimal policy was (")
        assert sentences[0].endswith("and is (0.3, 0.3, 0.4); asked for was (0.3, 0.3, 0.4).")
        assert "going on pays more than the end, by " in sentences[2]
    assert said[0][3].startswith("Nothing else has moved: soft values by up to ")
    assert said[1][3].startswith("Whole numbers of actions have moved soft values by up to ")
    assert [sentences[-1] for sentences in said] == [
        "The certificate holds to 1e-09.",
        "The certificate holds to 1e-06.",
    ]


def test_a_certificate_is_a_value() -> None:
    _, certificate = bifurcate(random_mdp(15), 2, [0.3, 0.3, 0.4], 0.5)
    assert isinstance(certificate, Certificate)
    with pytest.raises(AttributeError):
        certificate.alpha = 1.0  # type: ignore[misc]
    before, after = certificate.policies
    np.testing.assert_allclose(after, certificate.targets, atol=1e-12)
    np.testing.assert_allclose(before, policy_iteration(random_mdp(15), 0.5).pi[[2]], atol=1e-12)
    with pytest.raises(ValueError, match="tolerance must be a number ≥ 0"):
        certificate.holds(-1.0)
