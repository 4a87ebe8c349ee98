"""J, its gradient and its Hessian against sums over time, enumeration, autograd and differences."""

import dataclasses
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from processes import by_enumeration, by_series, corridor, differences, measured, probabilities, random_mdp

from sb3_entropy.mdp import ExactObjective, Mix, Policy, SoftmaxLinear, TabularMDP, TabularSoftmax, evaluate
from sb3_entropy.mdp.solver import MANY, Solver, softmax

PROCESSES: dict[str, Callable[[], TabularMDP]] = {
    "plain": random_mdp,
    "terminal entropy": lambda: random_mdp(1, terminal_entropy=True),
    "measured": lambda: measured(2),
    "measured, terminal entropy": lambda: measured(3, terminal_entropy=True),
    "no absorbing state": lambda: random_mdp(4, R=np.random.default_rng(4).normal(size=(5, 3))),
    "sparse": lambda: corridor(9, gamma=0.9),
}
POLICIES: dict[str, Callable[[TabularMDP], Policy]] = {
    "linear": SoftmaxLinear,
    "tabular": TabularSoftmax,
    "mixed": lambda mdp: Mix(mdp, SoftmaxLinear(mdp), 0.2),
}
TAU = 0.7


@pytest.fixture(params=PROCESSES)
def mdp(request: pytest.FixtureRequest) -> TabularMDP:
    return PROCESSES[request.param]()


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest, mdp: TabularMDP) -> Policy:
    return POLICIES[request.param](mdp)


def theta_of(policy: Policy, n: int | None = None) -> Any:
    shape = (policy.n_parameters,) if n is None else (n, policy.n_parameters)
    return np.random.default_rng(5).normal(size=shape)


def series(mdp: TabularMDP, policy: Policy) -> Callable[[th.Tensor], th.Tensor]:
    return lambda theta: by_series(mdp, probabilities(mdp, policy.logits(theta)), TAU)


def test_value_and_gradient_are_those_of_the_sum_over_time(mdp: TabularMDP, policy: Policy) -> None:
    objective, theta = ExactObjective(mdp, policy, TAU), theta_of(policy)
    at = th.tensor(theta, requires_grad=True)
    J = series(mdp, policy)(at)
    (gradient,) = th.autograd.grad(J, at)
    assert objective(theta) == pytest.approx(J.item(), abs=1e-9)
    np.testing.assert_allclose(objective.gradient(theta), gradient.numpy(), atol=1e-9)
    np.testing.assert_allclose(objective.gradient(theta), differences(objective, theta), atol=1e-8)


def test_the_hessian_is_the_gradients_change(mdp: TabularMDP, policy: Policy) -> None:
    objective, theta = ExactObjective(mdp, policy, TAU), theta_of(policy)
    np.testing.assert_allclose(objective.hessian(theta), differences(objective.gradient, theta), atol=1e-7)


@pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES)
def test_the_hessian_is_that_of_the_sum_over_time(make: Callable[[TabularMDP], Policy]) -> None:
    mdp = measured(3, terminal_entropy=True)
    policy = make(mdp)
    theta = theta_of(policy)
    expected: Any = th.autograd.functional.hessian(series(mdp, policy), th.tensor(theta))
    np.testing.assert_allclose(ExactObjective(mdp, policy, TAU).hessian(theta), expected.numpy(), atol=1e-9)


def test_a_batch_is_what_its_members_are(mdp: TabularMDP, policy: Policy) -> None:
    # By elimination, where the process is sparse.
    objective, thetas = ExactObjective(mdp, policy, TAU), theta_of(policy, MANY // 4 + 1)
    some = [0, 1, 2, -1]
    np.testing.assert_allclose(objective(thetas)[some], [objective(thetas[k]) for k in some], atol=1e-12)
    gradients = [objective.gradient(thetas[k]) for k in some]
    np.testing.assert_allclose(objective.gradient(thetas)[some], gradients, atol=1e-12)
    every, third = objective.evaluate(thetas), objective.evaluate(thetas[2])
    for field in dataclasses.fields(every):
        np.testing.assert_allclose(getattr(every, field.name)[2], getattr(third, field.name), atol=1e-11)


def test_thousands_are_done_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    mdp = corridor(9, gamma=0.9)
    policy = SoftmaxLinear(mdp)
    objective, thetas = ExactObjective(mdp, policy, TAU), theta_of(policy, 500)
    whole = objective(thetas), objective.gradient(thetas), objective.evaluate(thetas).V
    monkeypatch.setattr("sb3_entropy.mdp.evaluation.CHUNK", 1000)
    parts = objective(thetas), objective.gradient(thetas), objective.evaluate(thetas).V
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "gamma": np.array([[0.9, 0.3], [0.5, 0.8], [0.7, 0.7]]),
            "log_measure": np.array([[0.3, -1.0], [-np.inf, 0.0], [0.0, 0.5]]),
        },
    ],
    ids=["plain", "measured"],
)
def test_every_trajectory_summed(fields: dict[str, Any]) -> None:
    mdp = random_mdp(6, n_states=3, n_actions=2, **fields)
    pi = np.array([[0.3, 0.7], [0.0, 1.0], [0.6, 0.4]])
    horizon, S = 4, 3
    log_measure = np.zeros((3, 2)) if mdp.log_measure is None else mdp.log_measure
    # The same process with a clock, which stops it.
    P = np.zeros((horizon * S + 1, 2, horizon * S + 1))
    R, gamma, m = np.zeros((len(P), 2)), np.full((len(P), 2), 0.5), np.zeros((len(P), 2))
    for t in range(horizon):
        here, next_ = slice(t * S, (t + 1) * S), slice((t + 1) * S, (t + 2) * S)
        if t + 1 < horizon:
            P[here, :, next_] = mdp.P
        else:
            P[here, :, -1] = 1.0
        R[here], gamma[here], m[here] = mdp.R, mdp.discount, log_measure
    P[-1, :, -1] = 1.0
    # Within the time, the state that is absorbing without a clock is one like others.
    clocked = TabularMDP(P, R, np.append(mdp.rho, np.zeros(len(P) - S)), gamma, m)
    plain = dataclasses.replace(mdp, terminal_entropy=True)
    found = evaluate(clocked, np.concatenate([np.tile(pi, (horizon, 1)), [[0.5, 0.5]]]), TAU)
    assert pytest.approx(by_enumeration(plain, pi, TAU, horizon), abs=1e-12) == found.J


def test_occupancy_values_and_their_parts_fit() -> None:
    mdp = measured(2, terminal_entropy=True)
    objective = ExactObjective(mdp, TabularSoftmax(mdp), TAU)
    found = objective.evaluate(theta_of(objective.policy))
    assert pytest.approx(found.returns + TAU * found.discounted_entropies) == found.J
    assert pytest.approx(mdp.rho @ found.V) == found.J
    played = found.pi > 0
    log_density = np.zeros((5, 3))
    log_density[played] = np.log(found.pi[played] / mdp.measure[played])
    np.testing.assert_allclose(found.V, (found.pi * (found.Q - TAU * log_density)).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(found.entropies, -(found.pi * log_density).sum(axis=1), atol=1e-12)
    onward = np.einsum("sa,sa,sat->st", found.pi, mdp.discount, mdp.P)
    np.testing.assert_allclose(found.d, mdp.rho + found.d @ onward, atol=1e-12)
    np.testing.assert_array_equal(found.pi == 0, ~mdp.present)


def test_the_occupancy_is_not_normalised() -> None:
    mdp = random_mdp()
    assert evaluate(mdp, np.full((5, 3), 1 / 3)).d.sum() == pytest.approx(1 / (1 - 0.8))


def test_entropy_after_the_end_is_counted_where_it_is_asked_for() -> None:
    # One step, then the end for ever: γ/(1 − γ) · H besides.
    P = np.zeros((2, 4, 2))
    P[:, :, 1] = 1.0
    mdp = TabularMDP(P, np.zeros((2, 4)), [1.0, 0.0], 0.99)
    uniform = np.full((2, 4), 0.25)
    assert pytest.approx(0.5 * np.log(4)) == evaluate(mdp, uniform, 0.5).J
    endless = dataclasses.replace(mdp, terminal_entropy=True)
    assert pytest.approx(0.5 * np.log(4) / 0.01) == evaluate(endless, uniform, 0.5).J


# γ = 1


def test_without_discount_values_are_those_of_whole_episodes() -> None:
    mdp = corridor(3)
    right = np.array([[0.0, 1.0]] * 4)
    found = evaluate(mdp, right)
    assert found.V.tolist() == [-3.0, -2.0, -1.0, 0.0]
    assert found.d.tolist() == [1.0, 1.0, 1.0, np.inf]
    # A random walk with a wall takes n(n + 1) steps.
    assert pytest.approx(-12.0) == evaluate(mdp, np.full((4, 2), 0.5)).J
    objective, theta = ExactObjective(mdp, SoftmaxLinear(mdp), 0.3), np.random.default_rng(0).normal(size=10)
    np.testing.assert_allclose(objective.gradient(theta), differences(objective, theta), atol=1e-7)
    np.testing.assert_allclose(objective.hessian(theta), differences(objective.gradient, theta), atol=1e-6)


@pytest.mark.parametrize("n_policies", [1, MANY // 9 + 1])
@pytest.mark.parametrize("leaves", [0.0, 1e-14])
def test_an_episode_that_never_ends_is_refused(n_policies: int, leaves: float) -> None:
    left = np.array([[1.0 - leaves, leaves]] * 10)
    both = np.full((n_policies, 10, 2), 0.5)
    both[-1] = left
    message = rf"I − γP_π is singular: gamma is 1, and episodes of policy {n_policies - 1}.* never end"
    with pytest.raises(ValueError, match=message):
        evaluate(corridor(9), both)
    evaluate(corridor(9, gamma=0.99), both)


def test_only_the_state_that_is_never_left_is_named() -> None:
    P = np.zeros((3, 1, 3))
    P[0, 0, 2] = P[1, 0, 1] = P[2, 0, 2] = 1.0
    mdp = TabularMDP(P, [[0.0], [1.0], [0.0]], [1.0, 0.0, 0.0], 1.0)
    with pytest.raises(ValueError, match=r"policy 0 from state 1 never end\. Give gamma < 1"):
        evaluate(mdp, np.ones((3, 1)))


# The ways of solving


def test_elimination_in_the_pattern_and_lapack_agree() -> None:
    mdp = TabularMDP.from_env("FrozenLake-v1", gamma=0.999, terminal_entropy=True)
    solver = Solver(mdp)
    assert solver.is_sparse
    assert Solver(corridor(9)).is_sparse
    assert not Solver(random_mdp()).is_sparse
    rng = np.random.default_rng(0)
    policies = softmax(3 * rng.normal(size=(4, 17, MANY)), solver.measure)
    sparse = solver.solve(policies, TAU)
    solver.is_sparse = False
    full = solver.solve(policies, TAU)
    for field in dataclasses.fields(sparse):
        np.testing.assert_allclose(getattr(sparse, field.name), getattr(full, field.name), rtol=1e-10, atol=1e-10)


def test_a_policy_keeps_its_number_in_a_later_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sb3_entropy.mdp.evaluation.CHUNK", 30)
    every = np.full((9, 5, 2), 0.5)
    every[7] = [1.0, 0.0]
    with pytest.raises(ValueError, match="episodes of policy 7 never end"):
        evaluate(corridor(4), every)


def test_every_state_may_be_absorbing() -> None:
    mdp = TabularMDP(np.eye(2)[:, None].repeat(3, axis=1), np.zeros((2, 3)), [0.5, 0.5], 0.9, terminal_entropy=True)
    found = evaluate(mdp, np.full((2, 3), 1 / 3), TAU)
    assert pytest.approx(10 * TAU * np.log(3)) == found.J
    theta = np.random.default_rng(0).normal(size=6)
    objective = ExactObjective(mdp, TabularSoftmax(mdp), TAU)
    np.testing.assert_allclose(objective.gradient(theta), differences(objective, theta), atol=1e-8)
    np.testing.assert_allclose(objective.hessian(theta), differences(objective.gradient, theta), atol=1e-7)


def test_great_logits_and_absent_ones_overflow_nothing() -> None:
    mdp = measured(2)
    policy = TabularSoftmax(mdp)
    logits = np.zeros((5, 3))
    logits[0, 1], logits[1, 2], logits[2, 0] = 800.0, 900.0, -1000.0  # [1, 2] is absent
    objective = ExactObjective(mdp, policy, TAU)
    found = objective.evaluate(logits.reshape(-1))
    assert found.pi[0].tolist() == [0.0, 1.0, 0.0]
    assert found.pi[1, 2] == found.pi[2, 0] == 0.0
    assert np.isfinite(found.J)
    assert np.isfinite(objective.gradient(logits.reshape(-1))).all()
    m = mdp.measure[1, :2]
    np.testing.assert_allclose(found.pi[1, :2], m / m.sum())


# The gridworld


@pytest.fixture(scope="module")
def grid() -> TabularMDP:
    return TabularMDP.from_env("entropy/Gridworld-v0")


def straight(action: int) -> np.ndarray:
    return np.eye(4)[np.full(26, action)]


def test_the_published_returns(grid: TabularMDP) -> None:
    assert pytest.approx(5 * 0.99**4, abs=1e-13) == evaluate(grid, straight(1)).J
    assert pytest.approx(4.5 * 0.99**4, abs=1e-13) == evaluate(grid, straight(3)).J
    assert evaluate(grid, straight(0)).J == 0.0


@pytest.mark.parametrize("terminal_entropy", [False, True])
def test_derivatives_in_the_gridworld(grid: TabularMDP, terminal_entropy: bool) -> None:
    mdp = dataclasses.replace(grid, terminal_entropy=terminal_entropy)
    policy = SoftmaxLinear(mdp)
    assert policy.n_parameters == 108
    objective, theta = ExactObjective(mdp, policy, 0.3), 2 * np.random.default_rng(1).normal(size=108)
    np.testing.assert_allclose(objective.gradient(theta), differences(objective, theta), atol=1e-7)
    np.testing.assert_allclose(objective.hessian(theta), differences(objective.gradient, theta), atol=1e-7)


def test_rollouts_earn_what_the_process_says(grid: TabularMDP) -> None:
    # Two-sided at 1e-4: an agent that is rewarded for its entropy until the episode ends, and not beyond.
    policy, tau, n = SoftmaxLinear(grid), 0.2, 4000
    theta = 3 * policy.initial(1, np.random.default_rng(3))[0]
    exact = ExactObjective(grid, policy, tau).evaluate(theta)
    vec_env: Any = gym.make("entropy/Gridworld-v0").unwrapped
    batch = type(vec_env).make_sb3_vec_env(n, observation="index")
    rng = np.random.default_rng(4)
    states, totals, running, discount = batch.reset(), np.zeros(n), np.ones(n, dtype=bool), 1.0
    while running.any() and discount > 1e-9:
        actions = (exact.pi[states].cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=3)
        now = states
        states, rewards, dones, _ = batch.step(actions)
        totals += running * discount * (rewards + tau * exact.entropies[now])
        running &= ~dones
        discount *= 0.99
    assert abs(totals.mean() - exact.J) < 3.89 * totals.std() / np.sqrt(n)
    beyond = ExactObjective(dataclasses.replace(grid, terminal_entropy=True), policy, tau)(theta)
    assert beyond - exact.J > 100 * totals.std() / np.sqrt(n)


# Bad input


@pytest.mark.parametrize(
    ("theta", "error", "message"),
    [
        (np.zeros(17), ValueError, r"theta must have the shape \(18,\), or \(K, 18\) for K policies, but \(17,\)"),
        (np.zeros((2, 2, 18)), ValueError, r"theta must have the shape .* but \(2, 2, 18\)"),
        (np.zeros((0, 18)), ValueError, r"theta must have the shape .* but \(0, 18\)"),
        (np.full(18, np.nan), ValueError, r"theta must be finite, but nan stands at \[0\]"),
        (["a"] * 18, TypeError, "theta must be an array of numbers"),
    ],
)
def test_a_bad_theta_is_named(theta: Any, error: type[Exception], message: str) -> None:
    mdp = random_mdp()
    objective = ExactObjective(mdp, SoftmaxLinear(mdp))
    with pytest.raises(error, match=message):
        objective(theta)


class Odd:
    """A policy with something wrong."""

    n_parameters = 1

    def __init__(self, made: Callable[[th.Tensor], th.Tensor]):
        self.logits = made


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            lambda t: t[:, :, None] / 0 * th.ones(5, 3),
            "Logits must be finite, but that of state 0 and action 0 is inf",
        ),
        (
            lambda t: t @ th.ones(1, 15).double(),
            r"logits\(\) of Odd must return float64 .* but torch.float64 of the shape \(1, 15\)",
        ),
        (
            lambda t: t[:, :, None].float() * th.ones(5, 3),
            "for K = 1 vectors of parameters, but torch.float32 of",
        ),
    ],
)
def test_bad_logits_are_named(made: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExactObjective(random_mdp(), Odd(made))(np.ones(1))


def test_a_hessian_is_of_one_theta() -> None:
    mdp = random_mdp()
    with pytest.raises(ValueError, match=r"hessian\(\) takes one θ, shape \(18,\), but \(2, 18\)"):
        ExactObjective(mdp, SoftmaxLinear(mdp)).hessian(np.zeros((2, 18)))


@pytest.mark.parametrize(
    ("pi", "message"),
    [
        (np.ones((5, 2)) / 2, r"pi must have the shape \(S, A\) = \(5, 3\), or \(K, S, A\), but \(5, 2\)"),
        (np.ones(3) / 3, "pi must have the shape"),
        (np.ones((5, 3)) / 2, r"The sum of pi over actions must be 1, but 1.5 stands at \[0\]"),
        (np.array([[1.5, -0.5, 0.0]] * 5), r"pi must be ≥ 0, but -0.5 stands at \[0, 1\]"),
        (np.ones((5, 3)) / 3, r"pi must be 0 where the action is absent, but 0.33.* stands at \[1, 2\]"),
    ],
)
def test_bad_probabilities_are_named(pi: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(measured(), pi)


def test_a_bad_temperature_is_named() -> None:
    mdp = random_mdp()
    with pytest.raises(ValueError, match="tau must be a number, but nan"):
        ExactObjective(mdp, SoftmaxLinear(mdp), np.nan)
    with pytest.raises(TypeError, match="tau must be a number, but '1'"):
        evaluate(mdp, np.ones((5, 3)) / 3, "1")  # type: ignore[arg-type]
