"""Gradient ascent against one initialisation at a time, by autograd, and what is told when steps are too long."""

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
import torch as th
from processes import by_series, corridor, measured, probabilities, random_mdp

from sb3_entropy.mdp import (
    Constant,
    Decay,
    ExactObjective,
    Linear,
    Mix,
    NaturalGradient,
    Policy,
    SoftmaxLinear,
    TabularMDP,
    TabularSoftmax,
    UnstableAscentWarning,
    gradient_ascent,
    value_iteration,
)

SUBOPTIMAL = 4.5 * 0.99**4


@pytest.fixture(scope="module")
def grid() -> TabularMDP:
    return TabularMDP.from_env("entropy/Gridworld-v0")


def alone(mdp: TabularMDP, policy: Policy, theta: np.ndarray, taus: list[float], rate: float) -> np.ndarray:
    """One initialisation, by autograd through the sum over time."""
    at = th.tensor(theta, requires_grad=True)
    for tau in taus:
        (gradient,) = th.autograd.grad(by_series(mdp, probabilities(mdp, policy.logits(at)), tau), at)
        at = (at + rate * gradient).detach().requires_grad_()
    return at.detach().numpy()


@pytest.mark.parametrize("make", [SoftmaxLinear, TabularSoftmax, lambda mdp: Mix(mdp, TabularSoftmax(mdp), 0.1)])
def test_each_initialisation_goes_its_own_way(make: Any) -> None:
    mdp = measured(1, terminal_entropy=True)
    policy = make(mdp)
    theta = np.random.default_rng(0).normal(size=(3, policy.n_parameters))
    found = gradient_ascent(mdp, policy, theta, updates=6, learning_rate=0.2, tau=Decay(0.5, 0.7), record=[0, 4, 6])
    taus = [0.5 * 0.7**u for u in range(6)]
    for k in range(3):
        np.testing.assert_allclose(found.theta[k], alone(mdp, policy, theta[k], taus, 0.2), atol=1e-9)
        after_four = alone(mdp, policy, theta[k], taus[:4], 0.2)
        expected = ExactObjective(mdp, policy).evaluate(after_four)
        assert found.returns[1, k] == pytest.approx(expected.returns, abs=1e-9)
        assert found.discounted_entropies[1, k] == pytest.approx(expected.discounted_entropies, abs=1e-9)
    np.testing.assert_allclose(found.returns[0], ExactObjective(mdp, policy)(theta), atol=1e-12)
    np.testing.assert_allclose(found.returns[2], ExactObjective(mdp, policy)(found.theta), atol=1e-12)
    np.testing.assert_allclose(found.tau, taus)
    assert found.updates.tolist() == [0, 4, 6]
    assert found.falls.tolist() == [0, 0, 0]
    assert found.diverged_at.tolist() == [-1, -1, -1]


def test_many_are_what_few_are(grid: TabularMDP) -> None:
    policy = SoftmaxLinear(grid)
    theta = policy.initial(1100, np.random.default_rng(0))
    many = gradient_ascent(grid, policy, theta, updates=5, tau=0.01)
    few = gradient_ascent(grid, policy, theta[[0, 500, 1099]], updates=5, tau=0.01)
    np.testing.assert_allclose(many.theta[[0, 500, 1099]], few.theta, atol=1e-12)
    np.testing.assert_allclose(many.returns[:, [0, 500, 1099]], few.returns, atol=1e-12)
    assert many.updates.tolist() == [0, 5]


def test_one_initialisation_is_a_batch_of_one() -> None:
    mdp = random_mdp()
    found = gradient_ascent(mdp, TabularSoftmax(mdp), np.zeros(15), updates=2)
    assert found.theta.shape == (1, 15)
    assert found.returns.shape == (2, 1)


def test_it_ends_in_one_of_the_two_goals(grid: TabularMDP) -> None:
    # Ahmed et al. 2019, Figure 3: without entropy some end in the worse one.
    policy = SoftmaxLinear(grid)
    theta = policy.initial(16, np.random.default_rng(0))
    found = gradient_ascent(grid, policy, theta, updates=1500)
    returns = found.returns[-1]
    best = returns > SUBOPTIMAL
    assert 0 < (~best).sum() < 8
    np.testing.assert_allclose(returns[best], 5 * 0.99**4, rtol=0.01)
    np.testing.assert_allclose(returns[~best], SUBOPTIMAL, rtol=0.01)
    assert (returns <= 5 * 0.99**4).all()
    assert not found.falls.any()
    with_entropy = gradient_ascent(grid, policy, theta, updates=1500, tau=Decay(0.1, 0.99))
    assert (with_entropy.returns[-1] > SUBOPTIMAL).all()


# The natural gradient


@pytest.mark.parametrize("make", [SoftmaxLinear, TabularSoftmax])
@pytest.mark.parametrize(
    "mdp",
    [measured(5), measured(5, terminal_entropy=True), corridor(3, gamma=0.9)],
    ids=["measured", "terminal entropy", "corridor"],
)
def test_the_natural_gradient_is_the_fishers_pseudo_inverse_times_the_gradient(make: Any, mdp: TabularMDP) -> None:
    tau = 0.3
    policy = make(mdp)
    theta = np.random.default_rng(0).normal(size=policy.n_parameters)
    objective = ExactObjective(mdp, policy, tau)
    known = objective.evaluate(theta)
    m = th.tensor(mdp.measure).log()
    log_pi = th.func.jacrev(lambda x: th.log_softmax(policy.logits(x) + m, dim=-1))(th.tensor(theta)).numpy()
    weight = known.d[:, None] * known.pi * mdp.counts_entropy[:, None]
    scores = log_pi[weight > 0]
    fisher = np.einsum("i,ip,iq->pq", weight[weight > 0], scores, scores)
    expected = np.linalg.pinv(fisher, rcond=1e-10, hermitian=True) @ objective.gradient(theta)
    found = gradient_ascent(mdp, policy, theta, updates=1, learning_rate=0.01, tau=tau, direction=NaturalGradient())
    np.testing.assert_allclose((found.theta[0] - theta) / 0.01, expected, atol=1e-8)


@pytest.mark.parametrize("make", [SoftmaxLinear, TabularSoftmax])
def test_the_natural_gradient_halves_the_distance_to_the_soft_optimum(make: Any) -> None:
    # log π ← (1 − ητ) log π + η Q but for a constant (Cen et al. 2022, Fast global convergence of natural policy
    # gradient methods with entropy regularization): by a half each time at learning rate 1 and τ = ½.
    mdp, best = measured(4), value_iteration(measured(4), 0.5)
    policy = make(mdp)
    found = gradient_ascent(
        mdp, policy, np.zeros(policy.n_parameters), updates=45, learning_rate=1.0, tau=0.5, direction=NaturalGradient()
    )
    assert found.returns[-1] + 0.5 * found.discounted_entropies[-1] == pytest.approx(best.J, abs=1e-10)
    np.testing.assert_allclose(ExactObjective(mdp, policy, 0.5).evaluate(found.theta[0]).pi[:4], best.pi[:4], atol=1e-6)
    assert not found.falls.any()


def test_states_that_are_never_reached_are_left_alone() -> None:
    mdp = corridor(4, gamma=0.9, log_measure=np.array([[0.0, -np.inf]] + [[0.0, 0.0]] * 4))  # it cannot leave the first
    policy = TabularSoftmax(mdp)
    found = gradient_ascent(mdp, policy, np.zeros(10), updates=3, direction=NaturalGradient())
    assert found.theta[0, 2:].tolist() == [0.0] * 8


def test_the_natural_gradient_needs_a_linear_policy() -> None:
    mdp = random_mdp()
    with pytest.raises(TypeError, match=r"NaturalGradient needs a policy .* SoftmaxLinear or TabularSoftmax, but Mix"):
        gradient_ascent(mdp, Mix(mdp, TabularSoftmax(mdp), 0.1), np.zeros(15), updates=1, direction=NaturalGradient())


# Steps that are too long


def test_an_objective_that_falls_is_told(grid: TabularMDP) -> None:
    policy = SoftmaxLinear(grid)
    theta = policy.initial(20, np.random.default_rng(0))
    with pytest.warns(UnstableAscentWarning, match=r"fell in updates of \d+ of 20 .*learning rate was 0.1") as caught:
        found = gradient_ascent(grid, policy, theta, updates=60, tau=Decay(1.0, 0.99), record=range(61))
    assert len(caught) == 1
    J = found.returns + np.append(found.tau, np.nan)[:, None] * found.discounted_entropies
    after = found.returns[1:] + found.tau[:, None] * found.discounted_entropies[1:]
    np.testing.assert_array_equal(found.falls, (after < J[:-1] - 1e-9 * abs(J[:-1])).sum(axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gradient_ascent(grid, policy, theta, updates=60, learning_rate=0.005, tau=Decay(1.0, 0.99))


def test_numbers_that_overflow_are_told_and_kept_out() -> None:
    # Nothing is paid, so nothing moves before there is a temperature; a policy without entropy does not move then.
    mdp = corridor(3, gamma=0.9)
    mdp = dataclasses.replace(mdp, R=np.zeros_like(mdp.R))
    theta = np.tile([-800.0, 800.0], (3, 4))
    theta[1] = np.random.default_rng(0).normal(size=8)
    with pytest.warns(UnstableAscentWarning, match=r"^1 of 3 .* number 1, in update 2, at τ = 1e\+300\."):
        found = gradient_ascent(
            mdp,
            TabularSoftmax(mdp),
            theta,
            updates=4,
            learning_rate=1e10,
            tau=lambda update: 1e300 if update == 2 else 0.0,
            record=range(5),
        )
    assert found.diverged_at.tolist() == [-1, 2, -1]
    np.testing.assert_array_equal(found.theta, theta)
    np.testing.assert_array_equal(np.isnan(found.returns), [[False] * 3] * 3 + [[False, True, False]] * 2)


# Schedules and arguments


def test_schedules() -> None:
    assert [Constant(0.3)(u) for u in (0, 7)] == [0.3, 0.3]
    decay = Decay(1.0, 0.5, floor=0.2)
    assert [decay(u) for u in range(4)] == [1.0, 0.5, 0.25, 0.2]
    assert Decay(0.1, 0.5, floor=0.2)(3) == 0.1
    linear = Linear(1.0, 0.2, 4)
    assert [linear(u) for u in (0, 1, 2, 4, 9)] == pytest.approx([1.0, 0.8, 0.6, 0.2, 0.2])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Constant(np.nan), ValueError, "tau must be a number, but nan"),
        (lambda: Decay(-1.0, 0.5), ValueError, "first must be a number ≥ 0"),
        (lambda: Decay(1.0, 1.5), ValueError, "factor must be a number > 0 and ≤ 1"),
        (lambda: Decay(1.0, 0.5, -1), ValueError, "floor must be a number ≥ 0"),
        (lambda: Linear("1", 0.0, 3), TypeError, "first must be a number"),
        (lambda: Linear(1.0, np.inf, 3), ValueError, "last must be a number"),
        (lambda: Linear(1.0, 0.0, 0), ValueError, "updates must be a whole number ≥ 1"),
    ],
)
def test_a_bad_schedule_is_named(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"updates": 0}, ValueError, "updates must be a whole number ≥ 1, but 0"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be a number > 0"),
        ({"record": [0, 4]}, ValueError, r"record\[1\] must be a whole number between 0 and 3, but 4"),
        ({"record": [0.5]}, TypeError, r"record\[0\] must be a whole number"),
        (
            {"tau": lambda update: 1.0 / (2 - update) if update < 2 else np.nan},
            ValueError,
            r"tau\(2\) must be a number, but nan",
        ),
        ({"tau": "auto"}, TypeError, "tau must be a number, but 'auto'"),
        ({"theta": np.zeros(14)}, ValueError, r"theta must have the shape \(15,\)"),
    ],
)
def test_a_bad_argument_is_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    mdp = random_mdp()
    with pytest.raises(error, match=message):
        gradient_ascent(mdp, TabularSoftmax(mdp), **{"theta": np.zeros(15), "updates": 3, **arguments})
