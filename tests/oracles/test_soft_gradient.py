"""
The soft policy gradient theorem (Liu et al. 2020, Eqs. 19, 20, 38, 40 and 41) on an enumerable episodic
MDP in float64: the gradient of the loss that the package computes, against central differences of an exact
evaluation of J(θ) = E Σ γᵗ (r + αH(π(·|s))).

The MDP and the policy are rational, so that the weights d_γ(s) π(a|s), d_γ(s) = Σ_t γᵗ Pr(s_t = s), are rational too: a
batch in which every (s, a) stands as often as its weight's numerator says has exactly these weights.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from contracts.pairs import combinations
from gymnasium import spaces
from scipy import integrate, special, stats
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from oracles.algorithms import EVERY, accepted
from oracles.recomputed import randomise
from sb3_entropy import SA2C, SPPO, STRPO
from sb3_entropy.algorithms import strpo

GAMMA, ALPHA = Fraction(1, 2), 0.37
QUARTERS = np.array(
    [
        # P(s' | s, a) in quarters; the last column is the terminal state
        [[1, 1, 1, 1], [1, 1, 2, 0], [0, 1, 0, 3]],
        [[1, 1, 1, 1], [0, 1, 2, 1], [0, 2, 1, 1]],
        [[1, 1, 1, 1], [2, 1, 0, 1], [3, 0, 0, 1]],
    ]
)
POLICY = [[Fraction(x, 4) for x in row] for row in [[1, 1, 2], [1, 2, 1], [2, 1, 1]]]
START = [Fraction(1, 2), Fraction(1, 2), Fraction(0)]
REWARD = np.array([[1.3, -0.4, 2.2], [0.1, -1.7, 0.6], [-0.9, 3.1, 0.25]])
P = QUARTERS[:, :, :3] / 4
RHO = np.array(START, dtype=np.float64)
FORMS = ["entropy", "log_prob"]


class Place(gym.Env):
    """Only the spaces matter here."""

    observation_space = spaces.Box(0, 1, (3,))
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return np.zeros(self.observation_space.shape, np.float32), {}

    def step(self, action: Any) -> Any:
        raise AssertionError("no step is taken")


class Float64Extractor(FlattenExtractor):
    """Stable-Baselines3 turns observations into float32, in which one-hot vectors are exact."""

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return super().forward(observations).double()


def build(algorithm: type, env: gym.Env | None = None, alpha: float = ALPHA, **kwargs: Any) -> Any:
    """A model with a tabular softmax policy in float64: logits = W one-hot(s) + b."""
    policy_kwargs = dict(net_arch=[], features_extractor_class=Float64Extractor, **kwargs.pop("policy_kwargs", {}))
    kwargs = {"normalize_advantage": False, "ent_coef": alpha, "seed": 0, "device": "cpu"} | kwargs
    kwargs |= accepted(algorithm, baseline=True)
    model = algorithm("MlpPolicy", env or Place(), policy_kwargs=policy_kwargs, **kwargs)
    model.policy.double()
    model.journal.begin_update()
    model.tempering.alpha = alpha
    if algorithm is SPPO:
        model._clip = 0.2
    return model


def set_rational_policy(model: Any) -> None:
    with th.no_grad():
        model.policy.action_net.weight.copy_(th.tensor(np.log(np.array(POLICY, dtype=np.float64)).T))
        model.policy.action_net.bias.copy_(th.tensor([0.3, 0.3, 0.3]))


def parameters(model: Any) -> np.ndarray:
    net = model.policy.action_net
    return np.concatenate([net.weight.detach().numpy().ravel(), net.bias.detach().numpy()])


def probabilities(theta: np.ndarray) -> np.ndarray:
    return special.softmax(theta[:9].reshape(3, 3).T + theta[9:], axis=1)


def evaluate(pi: np.ndarray, alpha: float, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """:return: v, which contains αH(s) itself, and q(s, a) = r + αH(s) + γ Σ P v"""
    bonus = alpha * special.entr(pi).sum(axis=1)
    transition = np.einsum("sa,sat->st", pi, P)
    v = np.linalg.solve(np.eye(3) - gamma * transition, (pi * REWARD).sum(axis=1) + bonus)
    return v, REWARD + bonus[:, None] + gamma * P @ v


def objective(theta: np.ndarray, alpha: float, gamma: float = float(GAMMA)) -> float:
    return float(RHO @ evaluate(probabilities(theta), alpha, gamma)[0])


def central_differences(function: Callable[[np.ndarray], float], theta: np.ndarray, step: float = 1e-5) -> np.ndarray:
    return np.array([(function(theta + e) - function(theta - e)) / (2 * step) for e in step * np.eye(len(theta))])


def state_weights(gamma: Fraction) -> list[Fraction]:
    """d(s) = Σ_t γᵗ Pr(s_t = s), exactly: solves d = ρ + γ P_πᵀ d by elimination."""
    rows = [
        [
            *[
                Fraction(int(i == j))
                - gamma * sum((POLICY[j][a] * Fraction(int(QUARTERS[j, a, i]), 4) for a in range(3)), Fraction(0))
                for j in range(3)
            ],
            START[i],
        ]
        for i in range(3)
    ]
    for i in range(3):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(3):
            if k != i:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def replicated_batch(model: Any, gamma: Fraction, advantages: np.ndarray) -> tuple[RolloutBufferSamples, float]:
    """
    :param gamma: the discount of the state weights, 1 for those of Stable-Baselines3
    :return: a batch in which (s, a) stands in proportion to d(s) π(a|s), and Σ d, by which its mean is to be multiplied
    """
    d = state_weights(gamma)
    weights = {(s, a): d[s] * POLICY[s][a] for s in range(3) for a in range(3)}
    unit = math.lcm(*(weight.denominator for weight in weights.values()))
    rows = [pair for pair, weight in weights.items() for _ in range(int(weight * unit))]
    assert len(rows) == sum(weights.values()) * unit
    return make_batch(model, np.array(rows), advantages), float(sum(d))


def make_batch(model: Any, rows: np.ndarray, advantages: np.ndarray) -> RolloutBufferSamples:
    s, a = rows.T
    observations = th.eye(3)[s]
    actions = th.tensor(a, dtype=th.float32)[:, None]
    with th.no_grad():
        old_log_prob = model.policy.evaluate_actions(observations, actions.flatten())[1]
    per_row = th.tensor(advantages[s, a])
    return RolloutBufferSamples(observations, actions, th.zeros(len(s)).double(), old_log_prob, per_row, per_row)


def loss_of(model: Any, batch: RolloutBufferSamples, monkeypatch: pytest.MonkeyPatch) -> th.Tensor:
    """What the algorithm minimises, as it computes it itself."""
    if not isinstance(model, STRPO):
        return model._actor_critic_loss(batch)
    caught = []

    class Caught:
        """Instead of a step in the trust region, a look at what it would maximise."""

        def __init__(self, trpo: Any, observations: Any, objective: Any, *others: Any):
            caught.append(-objective(trpo.policy.get_distribution(observations)))

        def step(self) -> SimpleNamespace:
            return SimpleNamespace(parameters=[], objective=0.0, kl_divergence=0.0, success=True)

    monkeypatch.setattr(strpo, "TrustRegion", Caught)
    model.set_logger(Logger(None, []))
    model._step_policy(batch)
    return caught[0]


def ascent(model: Any, batch: RolloutBufferSamples, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """:return: minus the loss's gradient with respect to the policy's parameters"""
    net = model.policy.action_net
    gradients = th.autograd.grad(loss_of(model, batch, monkeypatch), [net.weight, net.bias])
    return -np.concatenate([gradient.numpy().ravel() for gradient in gradients])


def advantages_at(pi: np.ndarray, alpha: float) -> np.ndarray:
    v, q = evaluate(pi, alpha, float(GAMMA))
    return q - v[:, None]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", EVERY)
def test_discounted_weights_give_the_gradient_of_the_soft_objective(
    algorithm: type, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(algorithm, soft_gradient=form)
    set_rational_policy(model)
    theta = parameters(model)
    np.testing.assert_allclose(probabilities(theta), np.array(POLICY, dtype=np.float64), atol=1e-15)
    batch, total = replicated_batch(model, GAMMA, advantages_at(probabilities(theta), ALPHA))
    expected = central_differences(lambda at: objective(at, ALPHA), theta)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(total * ascent(model, batch, monkeypatch), expected, rtol=0, atol=1e-8)
    # With γ = ½ in the other places too; and it is not the gradient of the plain return.
    assert np.abs(central_differences(lambda at: objective(at, 0.0), theta) - expected).max() > 0.01


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("seed", [1, 2])
def test_anywhere_else_by_the_linearity_of_the_mean(
    algorithm: type, form: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At random parameters: the weighted sum of the gradients on batches of one row each."""
    model = build(algorithm, soft_gradient=form)
    randomise(model.policy, seed, scale=0.8)
    theta = parameters(model)
    pi = probabilities(theta)
    advantages = advantages_at(pi, ALPHA)
    d = np.linalg.solve(np.eye(3) - float(GAMMA) * np.einsum("sa,sat->ts", pi, P), RHO)
    total = sum(
        d[s] * pi[s, a] * ascent(model, make_batch(model, np.array([[s, a]]), advantages), monkeypatch)
        for s in range(3)
        for a in range(3)
    )
    expected = central_differences(lambda at: objective(at, ALPHA), theta)
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("algorithm", EVERY)
def test_undiscounted_weights_keep_the_forms_equal_and_miss_the_gradient(
    algorithm: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    ascents = []
    for form in FORMS:
        model = build(algorithm, soft_gradient=form)
        set_rational_policy(model)
        theta = parameters(model)
        batch, total = replicated_batch(model, Fraction(1), advantages_at(probabilities(theta), ALPHA))
        ascents.append(total * ascent(model, batch, monkeypatch))
    np.testing.assert_allclose(*ascents, rtol=0, atol=1e-12)
    expected = central_differences(lambda at: objective(at, ALPHA), theta)
    assert np.abs(ascents[0] - expected).max() > 0.05
    # Nor is it one up to a factor.
    cosine = ascents[0] @ expected / np.linalg.norm(ascents[0]) / np.linalg.norm(expected)
    assert cosine < 0.999


@pytest.mark.parametrize("in_return", [True, False])
@pytest.mark.parametrize("in_improvement", [True, False])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", EVERY)
def test_the_four_cells_of_the_ablation(
    algorithm: type, form: str, in_improvement: bool, in_return: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The immediate term is α Σ d(s) ∇H(s), whichever form; the return's part is in the advantages."""
    model = build(algorithm, soft_gradient=form, entropy_in_return=in_return, entropy_in_improvement=in_improvement)
    set_rational_policy(model)
    theta = parameters(model)
    pi = probabilities(theta)
    batch, total = replicated_batch(model, GAMMA, advantages_at(pi, ALPHA if in_return else 0.0))
    d = np.array(state_weights(GAMMA), dtype=np.float64)
    immediate = central_differences(lambda at: ALPHA * d @ special.entr(probabilities(at)).sum(axis=1), theta)
    soft = central_differences(lambda at: objective(at, ALPHA), theta)
    plain = central_differences(lambda at: objective(at, 0.0), theta)
    expected = {
        (True, True): soft,
        (True, False): soft - immediate,
        (False, True): plain + immediate,
        (False, False): plain,
    }[in_return, in_improvement]
    np.testing.assert_allclose(total * ascent(model, batch, monkeypatch), expected, rtol=0, atol=1e-8)


def softmax_ascent(pi: np.ndarray, rows: np.ndarray, advantages: np.ndarray, alpha: float) -> np.ndarray:
    """mean(Â ∇ log π) + α mean ∇H by hand: ∂ log π(a)/∂z_b = 1[a = b] − π_b, ∂H/∂z_b = −π_b (log π_b + H)."""
    logits = np.zeros((3, 3))
    for (s, a), advantage in zip(rows, advantages, strict=True):
        entropy = special.entr(pi[s]).sum()
        logits[s] += advantage * (np.eye(3)[a] - pi[s]) - alpha * pi[s] * (np.log(pi[s]) + entropy)
    logits /= len(rows)
    return np.concatenate([logits.T.ravel(), logits.sum(axis=0)])


@pytest.mark.parametrize("unit", ["reward", "normalised"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", EVERY)
def test_normalised_advantages_and_the_unit_of_alpha(
    algorithm: type, form: str, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In reward units the immediate term is divided by the advantages' std (with Bessel's correction), as they are."""
    model = build(algorithm, soft_gradient=form, ent_coef_unit=unit, normalize_advantage=True)
    randomise(model.policy, 4, scale=0.8)
    theta = parameters(model)
    pi = probabilities(theta)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 3, (23, 2))
    table = rng.normal(1.0, 4.0, (3, 3))
    raw = table[tuple(rows.T)]
    std = np.std(raw, ddof=1) + 1e-8
    alpha = ALPHA / std if unit == "reward" else ALPHA
    advantages = (raw - raw.mean()) / std
    if form == "log_prob":
        log_pi = np.log(pi[tuple(rows.T)])
        advantages = advantages - alpha * (log_pi - log_pi.mean())
        assert abs(advantages.mean()) < 1e-12
    expected = softmax_ascent(pi, rows, advantages, alpha if form == "entropy" else 0.0)
    batch = make_batch(model, rows, table)
    np.testing.assert_allclose(ascent(model, batch, monkeypatch), expected, rtol=0, atol=1e-12)
    given, divided_by = model._advantages(batch)
    np.testing.assert_allclose(given.numpy(), advantages, rtol=0, atol=1e-12)
    assert float(divided_by) == pytest.approx(std, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("algorithm", EVERY)
def test_in_reward_units_normalising_only_rescales(algorithm: type, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On weights d π the advantages have mean 0 already, so normalised and plain gradients differ by 1/std alone."""
    model = build(algorithm, soft_gradient=form, normalize_advantage=True)
    set_rational_policy(model)
    theta = parameters(model)
    table = advantages_at(probabilities(theta), ALPHA)
    batch, total = replicated_batch(model, GAMMA, table)
    std = float(np.std(batch.advantages.numpy(), ddof=1))
    expected = central_differences(lambda at: objective(at, ALPHA), theta)
    np.testing.assert_allclose(total * std * ascent(model, batch, monkeypatch), expected, rtol=0, atol=1e-6)


def test_without_normalisation_the_log_prob_term_is_not_centred() -> None:
    model = build(SA2C, soft_gradient="log_prob")
    rows = np.array([[0, 0], [0, 1], [2, 2]])
    batch = make_batch(model, rows, np.arange(9.0).reshape(3, 3))
    expected = batch.advantages - ALPHA * batch.old_log_prob
    given, unit = model._advantages(batch)
    np.testing.assert_array_equal(given.numpy(), expected.numpy())
    assert unit == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_single_row_is_not_normalised(form: str) -> None:
    model = build(SA2C, soft_gradient=form, normalize_advantage=True)
    batch = make_batch(model, np.array([[1, 2]]), np.full((3, 3), 2.5))
    given, unit = model._advantages(batch)
    immediate = -ALPHA * batch.old_log_prob.item() if form == "log_prob" else 0.0
    assert given.item() == pytest.approx(2.5 + immediate, abs=1e-12)
    assert unit == 1


@pytest.mark.parametrize(("ratio", "advantage"), [(1.5, 2.0), (1.5, -2.0), (0.6, 2.0), (0.6, -2.0), (1.1, 2.0)])
@pytest.mark.parametrize("form", FORMS)
def test_away_from_the_old_policy_the_surrogate_is_clipped(
    form: str, ratio: float, advantage: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eqs. 38 to 41 with π ≠ π_old, on one row: value and gradient of −min(ρA, clip(ρ)A) − αH by hand."""
    model = build(SPPO, soft_gradient=form)
    randomise(model.policy, 3, scale=0.8)
    table = np.full((3, 3), advantage)
    batch = make_batch(model, np.array([[1, 2]]), table)
    batch = batch._replace(old_log_prob=batch.old_log_prob - math.log(ratio))
    pi = probabilities(parameters(model))
    entropy = special.entr(pi[1]).sum()
    a = advantage if form == "entropy" else advantage - ALPHA * batch.old_log_prob.item()
    passes = (a > 0 and ratio < 1.2) or (a < 0 and ratio > 0.8)
    surrogate = min(ratio * a, float(np.clip(ratio, 0.8, 1.2)) * a)
    expected = softmax_ascent(
        pi, np.array([[1, 2]]), np.array([ratio * a if passes else 0.0]), ALPHA if form == "entropy" else 0.0
    )
    np.testing.assert_allclose(ascent(model, batch, monkeypatch), expected, rtol=0, atol=1e-12)
    with th.no_grad():
        value = model.policy.predict_values(batch.observations).item()
        loss = loss_of(model, batch, monkeypatch).item()
    immediate = ALPHA * entropy if form == "entropy" else 0.0
    assert loss == pytest.approx(-surrogate - immediate + 0.5 * (value - advantage) ** 2, abs=1e-12)


# ---------------------------------------------------------------------- continuous actions: one state, one step

BOX = spaces.Box(np.float32([-1]), np.float32([3]))


class Slope(Place):
    """One state, one action in [−1, 3]."""

    observation_space = spaces.Box(0, 1, (1,))
    action_space = BOX


def reward_of(action: np.ndarray) -> np.ndarray:
    return np.sin(1.3 * action) - 0.4 * (action - 0.7) ** 2


def gaussian_density(theta: np.ndarray, action: np.ndarray) -> np.ndarray:
    return stats.norm.pdf(action, theta[0], np.exp(theta[1]))


def beta_density(theta: np.ndarray, action: np.ndarray) -> np.ndarray:
    a, b = 1 + np.logaddexp(0, theta)
    return stats.beta.pdf(action, a, b, loc=-1, scale=4)


def tanh_density(theta: np.ndarray, action: np.ndarray) -> np.ndarray:
    x = np.clip((action + 1) / 2 - 1, -1 + 1e-16, 1 - 1e-16)
    return stats.norm.pdf(np.arctanh(x), theta[0], np.exp(theta[1])) / (1 - x**2) / 2


DENSITIES = {
    "gaussian": (gaussian_density, (-4.6, 5.4), [0.4, -0.5], {}),
    "beta": (beta_density, (-1.0, 3.0), [0.9, -0.3], {}),
    "tanh_gaussian": (tanh_density, (-1.0, 3.0), [0.4, -0.5], {"entropy_estimator": "quadrature"}),
}


@functools.cache
def gradient_by_integrals(name: str) -> np.ndarray:
    """∇ E[r(a)] + α∇H, by differences of integrals."""
    density, bounds, theta, _ = DENSITIES[name]

    def integrand(action: np.ndarray, at: np.ndarray) -> np.ndarray:
        p = density(at, action)
        return p * reward_of(action) + ALPHA * special.entr(p)

    def exact(at: np.ndarray) -> float:
        return integrate.quad(integrand, *bounds, args=(at,), epsabs=1e-12, epsrel=1e-12, limit=200)[0]

    return central_differences(exact, np.array(theta), step=1e-4)


@pytest.mark.parametrize(("name", "algorithm", "form"), combinations(DENSITIES, EVERY, FORMS))
def test_both_forms_on_a_continuous_action(
    name: str, algorithm: type, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """∇ E[r(a)] + α∇H, by quadrature nodes as rows, each a batch of its own, against differences of integrals."""
    density, (low, high), theta, kwargs = DENSITIES[name]
    model = build(algorithm, Slope(), soft_gradient=form, policy_kwargs=dict(action_distribution=name, **kwargs))
    policy = model.policy
    theta = np.array(theta)
    learned = [policy.action_net.bias] if name == "beta" else [policy.action_net.bias, policy.log_std]
    with th.no_grad():
        for parameter, value in zip(learned, [theta] if name == "beta" else theta, strict=True):
            parameter.copy_(th.as_tensor(value))

    # Nodes that crowd at the ends, where the bounded densities go to 0.
    nodes, weights = np.polynomial.legendre.leggauss(60)
    middle, half = (low + high) / 2, (high - low) / 2
    actions = middle + half * np.sin(np.pi / 2 * nodes)
    weights = weights * half * np.pi / 2 * np.cos(np.pi / 2 * nodes) * density(theta, actions)
    baseline = float(weights @ reward_of(actions))
    stored = actions if name == "gaussian" else (actions + 1) / 2 - 1
    total = np.zeros(2)
    for action, given, weight in zip(actions, stored, weights, strict=True):
        observation, taken = th.zeros(1, 1), th.tensor([[given]])
        with th.no_grad():
            old_log_prob = policy.evaluate_actions(observation, taken)[1]
        advantage = th.tensor([float(reward_of(action)) - baseline])
        batch = RolloutBufferSamples(observation, taken, advantage * 0, old_log_prob, advantage, advantage)
        gradients = th.autograd.grad(loss_of(model, batch, monkeypatch), learned)
        total -= weight * np.concatenate([gradient.numpy().ravel() for gradient in gradients])
    expected = gradient_by_integrals(name)
    assert np.abs(expected).min() > 0.01
    np.testing.assert_allclose(total, expected, rtol=0, atol=2e-6)
