"""
Action distributions and std schemes against SciPy, quadrature, finite differences and Monte Carlo; densities and
entropies are in the environment's units, on an asymmetrical box.
"""

import math
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import mpmath
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from scipy import integrate, optimize, special, stats

from oracles.algorithms import EVERY, accepted
from oracles.recomputed import AtRolloutEnd, Weights, randomise, tape_envs
from sb3_entropy import SPPO, STRPO
from sb3_entropy.algorithms.common.parents import stock_parent
from sb3_entropy.algorithms.on_policy.trust_region import TrustRegion
from sb3_entropy.distributions.base import outside_box
from sb3_entropy.distributions.laws import law_of
from sb3_entropy.policies.soft import SoftActorCriticPolicy
from sb3_entropy.registry import ACTION_DISTRIBUTIONS

pytestmark = pytest.mark.filterwarnings("ignore:.*density lies outside the action box")

LOW, HIGH = np.array([-1.0, 0.0]), np.array([3.0, 0.5])
BOX = spaces.Box(np.float32(LOW), np.float32(HIGH))
# Two states, two dimensions: means and log σ, or the raw parameters of two Beta distributions.
MEANS = [[0.7, -0.4], [-1.1, 0.2]]
LOG_STDS = [[-0.3, 0.4], [0.1, -1.2]]
RAW = [[0.9, -0.5, 2.0, 0.3], [-1.5, 3.0, -0.2, 1.1]]

KINDS = [("gaussian", None), ("tanh_gaussian", "quadrature"), ("tanh_gaussian", "monte_carlo"), ("beta", None)]
EXACT = [KINDS[0], KINDS[1], KINDS[3]]


def parameters_of(name: str) -> list[th.Tensor]:
    values = [RAW] if name == "beta" else [MEANS, LOG_STDS]
    return [th.tensor(value, dtype=th.float64, requires_grad=True) for value in values]


def make(name: str, estimator: str | None, parameters: list[th.Tensor], box: spaces.Box = BOX) -> Any:
    return ACTION_DISTRIBUTIONS.get(name)(box, estimator).proba_distribution(*parameters)


def grid(name: str) -> tuple[np.ndarray, np.ndarray]:
    """
    Gauss–Legendre nodes in the environment's units over the support, crowded at its ends: ∫ f = Σ w f, a dimension.

    :return: actions and weights, each of shape (n, 2)
    """
    nodes, weights = np.polynomial.legendre.leggauss(240 if name == "gaussian" else 160)
    low, high = (LOW, HIGH) if name != "gaussian" else (np.array([-9.0, -9.0]), np.array([9.0, 9.0]))
    half = (high - low)[None] / 2
    actions = (low + high)[None] / 2 + half * np.sin(np.pi / 2 * nodes)[:, None]
    return actions, (weights * np.pi / 2 * np.cos(np.pi / 2 * nodes))[:, None] * half


def as_stored(name: str, actions: np.ndarray) -> np.ndarray:
    """Bounded policies store actions in [−1, 1]."""
    return actions if name == "gaussian" else 2 * (actions - LOW) / (HIGH - LOW) - 1


def joint_grid(name: str) -> tuple[th.Tensor, np.ndarray]:
    """:return: stored actions (n², 2) and their joint weights (n²,)"""
    actions, weights = grid(name)
    first, second = np.meshgrid(*as_stored(name, actions).T, indexing="ij")
    return th.tensor(np.stack([first.ravel(), second.ravel()], axis=1)), np.outer(*weights.T).ravel()


def by_quadrature(name: str, values: list[np.ndarray], of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """:return: Σ w f(log p) over the joint grid in each of the two states, p the package's density"""
    actions, weights = joint_grid(name)
    integrals = []
    for state in range(2):
        rows = [th.tensor(value[state : state + 1]) for value in values]
        estimator = "quadrature" if name == "tanh_gaussian" else None
        log_p = make(name, estimator, rows).log_prob(actions).numpy()
        integrals.append(weights @ of(log_p))
    return np.array(integrals)


def detached(parameters: list[th.Tensor]) -> list[np.ndarray]:
    return [parameter.detach().numpy().copy() for parameter in parameters]


@pytest.mark.parametrize("name", ["gaussian", "tanh_gaussian", "beta"])
def test_the_density_integrates_to_one_in_the_environments_units(name: str) -> None:
    np.testing.assert_allclose(by_quadrature(name, detached(parameters_of(name)), np.exp), 1.0, atol=2e-6)


def by_scipy(name: str, values: list[np.ndarray], actions: np.ndarray) -> np.ndarray:
    """:return: log-density of one action in each state, through SciPy and the change of variables"""
    if name == "gaussian":
        return stats.norm.logpdf(actions, values[0], np.exp(values[1])).sum(axis=1)
    if name == "beta":
        a, b = np.split(1 + np.logaddexp(0, values[0]), 2, axis=1)
        return stats.beta.logpdf(actions, a, b, loc=LOW, scale=HIGH - LOW).sum(axis=1)
    x = 2 * (actions - LOW) / (HIGH - LOW) - 1
    slope = (1 - x**2) * (HIGH - LOW) / 2
    return (stats.norm.logpdf(np.arctanh(x), values[0], np.exp(values[1])) - np.log(slope)).sum(axis=1)


def differences(function: Callable[[list[np.ndarray]], np.ndarray], values: list[np.ndarray]) -> list[np.ndarray]:
    """:return: central differences of the sum of ``function`` with respect to every parameter"""
    step, gradients = 1e-5, []
    for value in values:
        gradient = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + step
            above = function(values).sum()
            value[index] = kept - step
            gradient[index] = (above - function(values).sum()) / (2 * step)
            value[index] = kept
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("name", ["gaussian", "tanh_gaussian", "beta"])
def test_log_prob_in_value_and_gradient(name: str) -> None:
    parameters = parameters_of(name)
    actions = np.array([[2.4, 0.03], [-0.6, 0.41]])
    log_prob = make(name, None, parameters).log_prob(th.tensor(as_stored(name, actions)))
    values = detached(parameters)
    np.testing.assert_allclose(log_prob.detach().numpy(), by_scipy(name, values, actions), atol=1e-6)
    gradients = th.autograd.grad(log_prob.sum(), parameters)
    for given, expected in zip(gradients, differences(lambda at: by_scipy(name, at, actions), values), strict=True):
        np.testing.assert_allclose(given.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("name", "estimator"), EXACT)
def test_entropy_in_value_and_gradient(name: str, estimator: str | None) -> None:
    """H = −∫ p log p over the box in the environment's units, and its central differences."""
    parameters = parameters_of(name)
    entropy = make(name, estimator, parameters).entropy()
    assert entropy.shape == (2,)
    values = detached(parameters)

    def exact(at: list[np.ndarray]) -> np.ndarray:
        return by_quadrature(name, at, lambda log_p: -np.exp(log_p) * log_p)

    np.testing.assert_allclose(entropy.detach().numpy(), exact(values), atol=1e-5)
    gradients = th.autograd.grad(entropy.sum(), parameters, materialize_grads=True)
    for given, expected in zip(gradients, differences(exact, values), strict=True):
        assert np.abs(expected).max() > 0.1 or name == "gaussian"
        np.testing.assert_allclose(given.numpy(), expected, atol=1e-5)


def tanh_gaussian_entropy(mean: float, std: float) -> float:
    """½ log 2πe + log σ + E log(1 − tanh² u) by adaptive integration; log(1 − tanh² u) = −2 log cosh u."""

    def integrand(z: float) -> float:
        u = abs(mean + std * z)
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * -2 * (u + math.log1p(math.exp(-2 * u)) - math.log(2))

    kink = -mean / std
    inner = [kink] if abs(kink) < 11 else None
    slope = integrate.quad(integrand, -12, 12, points=inner, epsabs=1e-11, epsrel=1e-11, limit=300)[0]
    return 0.5 * math.log(2 * math.pi * math.e) + math.log(std) + slope


def quadrature_entropies(means: np.ndarray, std: float, dtype: th.dtype) -> tuple[np.ndarray, np.ndarray]:
    """:return: the entropies of tanh-Gaussians on [−1, 1], and their derivatives with respect to log σ"""
    log_std = th.full((len(means), 1), math.log(std), dtype=dtype, requires_grad=True)
    unit = spaces.Box(-1, 1, (1,))
    entropy = make("tanh_gaussian", "quadrature", [th.tensor(means[:, None], dtype=dtype), log_std], unit).entropy()
    (gradient,) = th.autograd.grad(entropy.sum(), log_std)
    return entropy.detach().numpy().astype(np.float64), gradient.numpy()[:, 0].astype(np.float64)


@pytest.mark.parametrize("dtype", [th.float32, th.float64])
@pytest.mark.parametrize("std", [0.05, 0.3, 1.0, 2.0, 3.0])
def test_quadrature_error_is_what_its_docstring_says(std: float, dtype: th.dtype) -> None:
    """Below 1e-3 nats a dimension up to σ = 3, for means between −3 and 3; the gradient within 2e-3."""
    means = np.linspace(-3, 3, 13)
    entropy, gradient = quadrature_entropies(means, std, dtype)
    exact = np.array([tanh_gaussian_entropy(mean, std) for mean in means])
    assert np.abs(entropy - exact).max() < 1e-3
    wider, narrower = (
        np.array([tanh_gaussian_entropy(mean, std * math.exp(e)) for mean in means]) for e in (1e-4, -1e-4)
    )
    assert np.abs(gradient - (wider - narrower) / 2e-4).max() < 2e-3


@pytest.mark.parametrize("dtype", [th.float32, th.float64])
@pytest.mark.parametrize("std", [3.01, 4.0, 8.0, 20.0, 100.0])
def test_quadrature_beyond_the_nodes_of_gauss_and_hermite(std: float, dtype: th.dtype) -> None:
    """64 of them are too far apart around the bend at u = 0: at σ = 8 the derivative in log σ was .27 wrong."""
    means = np.array([0.0, 0.4, -1.7, 3.0, -15.0, 60.0])
    held = float(th.tensor(math.log(std), dtype=dtype).exp())
    mean = th.tensor(means[:, None], dtype=dtype, requires_grad=True)
    log_std = th.full_like(mean, math.log(std)).requires_grad_()
    entropy = make("tanh_gaussian", "quadrature", [mean, log_std], spaces.Box(-1, 1, (1,))).entropy()
    by_mean, by_log_std = th.autograd.grad(entropy.sum(), [mean, log_std])
    tolerance = 5e-7 * std if dtype == th.float32 else 1e-8
    exact = [tanh_gaussian_entropy(float(m), held) for m in mean.detach().double()[:, 0]]
    np.testing.assert_allclose(entropy.detach().numpy(), exact, rtol=1e-6, atol=tolerance)
    # dE f/dμ = E f′ and dE f/d log σ = σ² E f″ with f = −2 log cosh u, f′ = −2 tanh u and f″ = −2/cosh² u.
    for m, given_mean, given_std in zip(means.tolist(), by_mean[:, 0].tolist(), by_log_std[:, 0].tolist(), strict=True):
        bend = expectation(lambda u: 2 * (math.copysign(1, u) - math.tanh(u)), m, held)
        assert given_mean == pytest.approx(bend - 2 * special.erf(m / held / math.sqrt(2)), abs=tolerance)
        curvature = expectation(lambda u: -2 / math.cosh(u) ** 2, m, held)
        assert given_std == pytest.approx(1 + held**2 * curvature, abs=4 * tolerance)


def expectation(f: Callable[[float], float], mean: float, std: float) -> float:
    """:return: E f(u) for u ~ N(μ, σ²) and an f that is next to 0 beyond ±30"""

    def integrand(u: float) -> float:
        return f(u) * math.exp(-(((u - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))

    return sum(integrate.quad(integrand, *ends, epsabs=1e-12, limit=200)[0] for ends in ((-30, 0), (0, 30)))


def test_a_wide_distribution_in_the_batch_changes_nothing_of_the_others() -> None:
    def evaluated(stds: list[float]) -> list[th.Tensor]:
        mean = th.linspace(-2, 2, len(stds))[:, None].requires_grad_()
        log_std = th.tensor(stds).log()[:, None].requires_grad_()
        entropy = make("tanh_gaussian", "quadrature", [mean, log_std], spaces.Box(-1, 1, (1,))).entropy()
        gradients = th.autograd.grad(entropy.sum(), [mean, log_std])
        return [entropy.detach()[:3], *(gradient[:3] for gradient in gradients)]

    narrow, mixed = evaluated([0.2, 1.0, 2.9, 2.9]), evaluated([0.2, 1.0, 2.9, 1e6])
    assert all(th.equal(*pair) for pair in zip(narrow, mixed, strict=True))


@pytest.mark.parametrize(("a", "b"), [(1.2, 1.7), (100.0, 60.0), (1e3, 7e2), (1e5, 3e4), (1e6, 1e6)])
def test_narrow_betas_against_forty_digits(a: float, b: float) -> None:
    """In single precision the entropy of the last is .53 nats wrong, and its derivative 100 %."""
    with mpmath.workdps(40):
        raw = th.tensor([[a - 1, b - 1]]).expm1().log() if a < 20 else th.tensor([[a - 1, b - 1]])
        raw.requires_grad_()
        unit = spaces.Box(0, 1, (1,))
        distribution = make("beta", None, [raw], unit)
        p, q = map(mpmath.mpf, (1 + th.nn.functional.softplus(raw)).detach().double()[0].tolist())
        log_beta = mpmath.log(mpmath.beta(p, q))
        exact = log_beta - (p - 1) * mpmath.psi(0, p) - (q - 1) * mpmath.psi(0, q) + (p + q - 2) * mpmath.psi(0, p + q)
        (gradient,) = th.autograd.grad(distribution.entropy().sum(), raw)
        by_p = -(p - 1) * mpmath.psi(1, p) + (p + q - 2) * mpmath.psi(1, p + q)
        slope = 1 - mpmath.exp(1 - p)  # of softplus
        assert distribution.entropy().item() == pytest.approx(float(exact), rel=1e-6)
        assert float(gradient[0, 0]) == pytest.approx(float(by_p * slope), rel=1e-5)
        mean = distribution.distribution.mean.detach()
        x = mpmath.mpf(float((2 * mean - 1 + 1) / 2))
        density = (p - 1) * mpmath.log(x) + (q - 1) * mpmath.log(1 - x) - log_beta
        assert distribution.log_prob(2 * mean - 1).item() == pytest.approx(float(density), rel=1e-6)
        law = law_of(distribution, unit)
        assert law.log_prob(mean[None]).item() == pytest.approx(float(density), rel=1e-6)


@pytest.mark.parametrize("mean", [0.0, 9.0, -30.0, 200.0])
def test_entropy_of_a_saturated_tanh_gaussian_stays_exact(mean: float) -> None:
    """Where 1 − tanh² u underflows, its logarithm is 2 log 2 − 2|u|, and so H = ½ log 2πe + log σ + 2 log 2 − 2|μ|."""
    entropy, _ = quadrature_entropies(np.array([mean]), 0.5, th.float32)
    exact = tanh_gaussian_entropy(mean, 0.5)
    assert entropy[0] == pytest.approx(exact, rel=1e-5, abs=1e-4)
    if abs(mean) > 5:
        assert exact == pytest.approx(0.5 * math.log(2 * math.pi * math.e) + math.log(2) - 2 * abs(mean), abs=1e-4)


def test_monte_carlo_entropy_is_unbiased_in_value_and_gradient() -> None:
    """
    60 000 estimates of the entropy and of its 8 derivatives, each of 16 samples, against the exact ones. The
    false-positive rate is 10 · 6e-7 (10 two-sided tests at 5 standard errors).
    """
    th.manual_seed(0)
    n = 60_000
    exact_parameters = parameters_of("tanh_gaussian")
    exact = make("tanh_gaussian", "quadrature", exact_parameters).entropy()
    exact_gradients = th.autograd.grad(exact.sum(), exact_parameters)
    parameters = [parameter.detach().repeat(n, 1).requires_grad_() for parameter in exact_parameters]
    estimates = make("tanh_gaussian", "monte_carlo", parameters).entropy()
    gradients = th.autograd.grad(estimates.sum(), parameters)
    rows = [(estimates.detach().view(n, 2), exact)]
    rows += [(given.view(n, 2, 2), wanted) for given, wanted in zip(gradients, exact_gradients, strict=True)]
    for given, wanted in rows:
        z = (given.mean(dim=0) - wanted.detach()) / (given.std(dim=0) / math.sqrt(n))
        assert z.abs().max() < 5
        assert given.std(dim=0).max() > 1e-3
    # A deliberate bias of a hundredth of a nat would be seen.
    assert 0.01 / (rows[0][0].std(dim=0).max() / math.sqrt(n)) > 5


def test_without_an_estimator_there_is_no_entropy() -> None:
    assert make("tanh_gaussian", None, parameters_of("tanh_gaussian")).entropy() is None


@pytest.mark.parametrize(("name", "estimator"), KINDS)
def test_samples_are_distributed_as_the_density_says(name: str, estimator: str | None) -> None:
    """Kolmogorov–Smirnov, 4 marginals a distribution; the false-positive rate is 4 · 1e-5."""
    th.manual_seed(1)
    n = 20_000
    values = detached(parameters_of(name))
    repeated = [th.tensor(value).repeat(n, 1) for value in values]
    samples = make(name, estimator, repeated).sample().view(n, 2, 2).numpy()
    if name != "gaussian":
        assert np.abs(samples).max() <= 1
        samples = LOW + (HIGH - LOW) * (samples + 1) / 2
        assert (samples >= LOW).all()
        assert (samples <= HIGH).all()
    for state in range(2):
        for axis in range(2):
            if name == "beta":
                a, b = 1 + np.logaddexp(0, values[0][state, [axis, 2 + axis]])
                cdf = stats.beta(a, b, loc=LOW[axis], scale=HIGH[axis] - LOW[axis]).cdf
            else:
                normal = stats.norm(values[0][state, axis], np.exp(values[1][state, axis]))
                cdf = normal.cdf
                if name == "tanh_gaussian":

                    def cdf(x: np.ndarray, normal: Any = normal, axis: int = axis) -> np.ndarray:
                        return normal.cdf(np.arctanh(2 * (x - LOW[axis]) / (HIGH[axis] - LOW[axis]) - 1))

            assert stats.kstest(samples[:, state, axis], cdf).pvalue > 1e-5


@pytest.mark.parametrize(("name", "estimator"), KINDS)
def test_a_policys_actions_reach_the_environment_inside_the_box(name: str, estimator: str | None) -> None:
    env = tape_envs(2, BOX)
    model = SPPO(
        "MlpPolicy",
        env,
        n_steps=64,
        batch_size=64,
        n_epochs=1,
        seed=0,
        policy_kwargs={"action_distribution": name, "entropy_estimator": estimator, "log_std_init": 1.0},
    )
    randomise(model.policy, 0)
    model.learn(128)
    taken = np.array([action for e in env.envs for episode in e.unwrapped.tape for action in episode.actions])
    assert len(taken) == 128
    assert (taken >= LOW).all()
    assert (taken <= HIGH).all()
    # All of it is used.
    assert (taken.min(axis=0) < LOW + 0.25 * (HIGH - LOW)).all()
    assert (taken.max(axis=0) > HIGH - 0.25 * (HIGH - LOW)).all()
    observation = np.float32([0.1, -0.7, 2.0])
    deterministic, _ = model.predict(observation, deterministic=True)
    given = model.policy.get_distribution(th.tensor(observation)[None]).mode().detach().numpy()[0]
    expected = np.clip(given, LOW, HIGH) if name == "gaussian" else LOW + (HIGH - LOW) * (given + 1) / 2
    np.testing.assert_allclose(deterministic, expected, atol=1e-6)


def test_modes() -> None:
    """The Gaussian's mean; the squashed one's median; the Beta's greatest density, found by search."""
    np.testing.assert_array_equal(make("gaussian", None, parameters_of("gaussian")).mode().detach().numpy(), MEANS)
    squashed = make("tanh_gaussian", None, parameters_of("tanh_gaussian")).mode().detach().numpy()
    np.testing.assert_allclose(squashed, np.tanh(MEANS), atol=1e-12)
    given = make("beta", None, parameters_of("beta")).mode().detach().numpy()
    a, b = np.split(1 + np.logaddexp(0, RAW), 2, axis=1)
    for index in np.ndindex(2, 2):
        best = optimize.minimize_scalar(
            lambda x, index=index: -stats.beta.logpdf(x, a[index], b[index]), bounds=(0, 1), options={"xatol": 1e-10}
        )
        assert given[index] == pytest.approx(2 * best.x - 1, abs=1e-6)


@pytest.mark.parametrize("dtype", [th.float32, th.float64])
def test_the_mode_of_a_uniform_beta_is_the_middle(dtype: th.dtype) -> None:
    distribution = make("beta", None, [th.full((1, 2), -200.0, dtype=dtype)], spaces.Box(-1, 1, (1,)))
    assert distribution.mode().item() == 0
    assert distribution.entropy().item() == pytest.approx(math.log(2), abs=1e-6)
    for edge in (-1.0, 1.0):
        assert distribution.log_prob(th.tensor([[edge]], dtype=dtype)).item() == pytest.approx(-math.log(2), abs=1e-6)


def test_std_and_the_share_outside_the_box() -> None:
    normal = stats.norm(np.array(MEANS), np.exp(LOG_STDS))
    gaussian = make("gaussian", None, parameters_of("gaussian"))
    np.testing.assert_allclose(gaussian.std().detach().numpy(), np.exp(LOG_STDS), atol=1e-12)
    outside = outside_box(gaussian.distribution, BOX).detach().numpy()
    np.testing.assert_allclose(outside, normal.cdf(LOW) + normal.sf(HIGH), atol=1e-7)
    squashed = make("tanh_gaussian", None, parameters_of("tanh_gaussian"))
    np.testing.assert_allclose(squashed.std().detach().numpy(), np.exp(LOG_STDS), atol=1e-12)
    beta = make("beta", None, parameters_of("beta"))
    a, b = np.split(1 + np.logaddexp(0, RAW), 2, axis=1)
    np.testing.assert_allclose(beta.std().detach().numpy(), (HIGH - LOW) * stats.beta.std(a, b), atol=1e-9)


@pytest.mark.parametrize("name", ["tanh_gaussian", "beta"])
def test_sampling_with_log_prob(name: str) -> None:
    parameters = [parameter.detach() for parameter in parameters_of(name)]
    distribution = make(name, None, parameters)
    th.manual_seed(3)
    actions, log_prob = distribution.log_prob_from_params(*parameters)
    np.testing.assert_allclose(
        log_prob.numpy(),
        by_scipy(name, [p.numpy() for p in parameters], LOW + (HIGH - LOW) * (actions.numpy() + 1) / 2),
        atol=1e-6,
    )
    best = distribution.actions_from_params(*parameters, deterministic=True)
    np.testing.assert_array_equal(best.numpy(), make(name, None, parameters).mode().numpy())
    assert (distribution.actions_from_params(*parameters) != best).all()


# ---------------------------------------------------------------------- KL


def two_states() -> th.Tensor:
    return th.tensor([[0.3, -1.0, 0.7], [1.5, 0.2, -0.4]])


def region(name: str, reduction: str) -> tuple[TrustRegion, Weights, Weights]:
    """:return: a trust region around a random policy, which then moves; weights before and after"""
    kwargs = {"action_distribution": name, "net_arch": [4]}
    if name == "tanh_gaussian":
        kwargs["entropy_estimator"] = "quadrature"
    model = STRPO("MlpPolicy", tape_envs(1, BOX), seed=0, policy_kwargs=kwargs, kl_reduction=reduction)
    randomise(model.policy, 1, scale=0.5)
    before = Weights.of(model.policy)
    around = TrustRegion(model, two_states(), lambda distribution: distribution.log_prob(th.zeros(2, 2)), reduction)
    randomise(model.policy, 2, scale=0.3)
    return around, before, Weights.of(model.policy)


@pytest.mark.parametrize("name", ["gaussian", "tanh_gaussian", "beta"])
def test_kl_by_integration_summed_or_averaged_over_dimensions(name: str) -> None:
    """KL(π ‖ π_old) of the joint distribution is the sum; Stable-Baselines3's mean is half of it in 2 dimensions."""
    found = {}
    for reduction in ("sum", "mean"):
        around, before, after = region(name, reduction)
        with th.no_grad():
            found[reduction] = around.kl(around.policy.get_distribution(two_states())).item()
    joint = []
    for state in two_states().numpy():
        total = 0.0
        for axis in range(2):
            if name == "beta":
                new, old = (
                    stats.beta(*(1 + np.logaddexp(0, weights.head(state)[[axis, 2 + axis]])))
                    for weights in (after, before)
                )
                bounds = (0.0, 1.0)
            else:
                # A map of both policies' actions, such as tanh, leaves their divergence as it is.
                new, old = (
                    stats.norm(weights.head(state)[axis], np.exp(weights.state["log_std"][axis]))
                    for weights in (after, before)
                )
                bounds = (new.mean() - 12 * new.std(), new.mean() + 12 * new.std())
            total += integrate.quad(lambda x, n=new, o=old: n.pdf(x) * (n.logpdf(x) - o.logpdf(x)), *bounds)[0]
        joint.append(total)
    assert found["sum"] == pytest.approx(np.mean(joint), rel=1e-4)
    assert found["mean"] == pytest.approx(np.mean(joint) / 2, rel=1e-4)
    assert found["sum"] > 0.01


def test_kl_of_squashed_gaussians_by_monte_carlo() -> None:
    """
    E_π[log π − log π_old] over 100 000 samples of the squashed policy itself; the false-positive rate is 6e-7 (5
    standard errors).
    """
    around, _, _ = region("tanh_gaussian", "sum")
    th.manual_seed(0)
    n = 50_000
    observations = two_states().repeat(n, 1)
    with th.no_grad():
        new = around.policy.get_distribution(two_states())
        kl = around.kl(new).item()
        mean, std = new.distribution.loc.double(), new.distribution.scale.double()
        wide = make("tanh_gaussian", None, [mean.repeat(n, 1), std.log().repeat(n, 1)])
        old = around.old_distribution.distribution
        narrow = make("tanh_gaussian", None, [old.loc.double().repeat(n, 1), old.scale.double().log().repeat(n, 1)])
        samples = wide.sample()
        difference = wide.log_prob(samples) - narrow.log_prob(samples)
    assert len(difference) == len(observations)
    error = difference.std().item() / math.sqrt(len(difference))
    assert abs(difference.mean().item() - kl) < 5 * error
    assert error < 0.05 * kl


def test_one_dimension_has_one_kl() -> None:
    values = []
    for reduction in ("sum", "mean"):
        model = STRPO("MlpPolicy", tape_envs(1, spaces.Box(-1, 1, (1,))), seed=0, kl_reduction=reduction)
        around = TrustRegion(model, two_states(), lambda distribution: distribution.log_prob(th.zeros(2, 1)), reduction)
        randomise(model.policy, 2, scale=0.3)
        values.append(around.kl(model.policy.get_distribution(two_states())).item())
    assert values[0] == values[1] > 0


def test_multi_discrete_kl_is_already_the_joint_one() -> None:
    values = []
    for reduction in ("sum", "mean"):
        model = STRPO("MlpPolicy", tape_envs(1, spaces.MultiDiscrete([2, 3])), seed=0, kl_reduction=reduction)
        randomise(model.policy, 1, scale=0.2)
        before = Weights.of(model.policy)
        around = TrustRegion(model, two_states(), lambda distribution: distribution.log_prob(th.zeros(2, 2)), reduction)
        randomise(model.policy, 2, scale=0.2)
        after = Weights.of(model.policy)
        values.append(around.kl(model.policy.get_distribution(two_states())).item())
    joint = [
        sum(
            special.rel_entr(*(special.softmax(weights.head(state)[part]) for weights in (after, before))).sum()
            for part in (slice(2), slice(2, 5))
        )
        for state in two_states().numpy()
    ]
    assert values == pytest.approx([np.mean(joint)] * 2, rel=1e-4)


# ---------------------------------------------------------------------- std schemes

SCHEMES = ["global", "local", "global_local", "global_clipped_local", "fixed"]
INIT = -0.7


def with_scheme(scheme: str, algorithm: type = SPPO, init: float = INIT, **options: Any) -> Any:
    kwargs = {"std_scheme": scheme, "log_std_init": init, **options.pop("policy_kwargs", {})}
    if options:
        kwargs["std_scheme_kwargs"] = options
    rollout = accepted(algorithm, n_steps=32, batch_size=16, n_epochs=2)
    return algorithm("MlpPolicy", tape_envs(1, BOX), seed=0, policy_kwargs=kwargs, **rollout)


def random_observations(n: int = 50) -> th.Tensor:
    return 3 * th.randn(n, 3, generator=th.Generator().manual_seed(0))


def stds(model: Any) -> np.ndarray:
    with th.no_grad():
        return model.policy.get_distribution(random_observations()).distribution.stddev.numpy().astype(np.float64)


@pytest.mark.parametrize("distribution", ["gaussian", "tanh_gaussian"])
@pytest.mark.parametrize("init", [0.0, INIT, 1.3])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_starts_at_log_std_init_in_every_state(scheme: str, init: float, distribution: str) -> None:
    estimator = "quadrature" if distribution == "tanh_gaussian" else None
    kwargs = {"action_distribution": distribution, "entropy_estimator": estimator}
    np.testing.assert_allclose(stds(with_scheme(scheme, init=init, policy_kwargs=kwargs)), math.exp(init), rtol=3e-5)


@pytest.mark.parametrize("delta", [1.0, 0.4])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_log_std_by_the_formulas_of_table_1(scheme: str, delta: float) -> None:
    model = with_scheme(scheme, delta=delta) if scheme in SCHEMES[2:4] else with_scheme(scheme)
    randomise(model.policy, 3)
    weights = Weights.of(model.policy)
    delta = delta if scheme in SCHEMES[2:4] else 1.0
    for observation, given in zip(random_observations().numpy(), stds(model), strict=True):
        log_std = weights.state.get("log_std")
        expected = {
            "global": lambda at, base=log_std: base,
            "fixed": lambda at: np.full(2, INIT),
            "local": lambda at: -20 + 11 * (weights.local_increment(at) + 1),
            "global_local": lambda at, base=log_std: base + delta * weights.local_increment(at),
            "global_clipped_local": lambda at, base=log_std: base - delta / 2 * (1 - weights.local_increment(at)),
        }[scheme](observation)
        np.testing.assert_allclose(np.log(given), expected, atol=1e-4)


@pytest.mark.parametrize("scheme", ["local", "global_local", "global_clipped_local"])
def test_ranges(scheme: str) -> None:
    model = with_scheme(scheme)
    randomise(model.policy, 3, scale=20.0, spare=("log_std",))
    log_std = np.log(stds(model))
    base = INIT + (0.5 if scheme == "global_clipped_local" else 0)
    low, high = {
        "local": (-20, 2),
        "global_local": (base - 1, base + 1),
        "global_clipped_local": (base - 1, base),
    }[scheme]
    assert log_std.min() == pytest.approx(low, abs=1e-4)
    assert log_std.max() == pytest.approx(high, abs=1e-4)


def test_source_offsets_start_where_the_authors_code_does() -> None:
    """W at PyTorch's default; no offset in log σ₀: at W h = 0 log σ would be −9, log_std_init and log_std_init − ½."""
    for scheme, middle in [("local", -9.0), ("global_local", INIT), ("global_clipped_local", INIT - 0.5)]:
        model = with_scheme(scheme, source_offsets=True)
        head = model.policy.std_scheme.head
        bound = 1 / math.sqrt(head.in_features)
        assert 0 < head.weight.abs().max() <= bound
        assert 0 < head.bias.abs().max() <= bound
        spread = np.log(stds(model)).std()
        assert spread > 1e-3
        with th.no_grad():
            head.weight.zero_()
            head.bias.zero_()
        np.testing.assert_allclose(np.log(stds(model)), middle, atol=1e-5)


@pytest.mark.parametrize("algorithm", EVERY)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_learned_moves_and_what_is_fixed_does_not(scheme: str, algorithm: type) -> None:
    model = with_scheme(scheme, algorithm)
    optimised = {id(p) for group in model.policy.optimizer.param_groups for p in group["params"]}
    assert optimised == {id(parameter) for parameter in model.policy.parameters()}
    before = Weights.of(model.policy).state
    model.learn(32)
    after = Weights.of(model.policy).state
    moved = {name for name in before if (before[name] != after[name]).any()}
    learned = {"global": {"log_std"}, "fixed": set(), "local": set()}.get(scheme, {"log_std"})
    learned |= {"std_scheme.head.weight", "std_scheme.head.bias"} if "local" in scheme else set()
    assert {name for name in moved if "std" in name} == learned
    assert "action_net.weight" in moved
    if scheme == "fixed":
        np.testing.assert_allclose(stds(model), math.exp(INIT), rtol=1e-6)
        assert "log_std" not in dict(model.policy.named_parameters())
    if "local" in scheme:
        assert stds(model).std(axis=0).min() > 0


@pytest.mark.parametrize("init", [2.0, 2.5, -20.0, -21.0])
def test_local_refuses_a_start_outside_its_range(init: float) -> None:
    with pytest.raises(ValueError, match=r"log_std_init=.* cannot be reached by std_scheme='local'.*between -20 and 2"):
        with_scheme("local", init=init)
    with_scheme("local", init=init, source_offsets=True)


@pytest.mark.parametrize(
    ("kwargs", "action_space", "message"),
    [
        ({"std_scheme": "globl"}, BOX, "Unknown std_scheme 'globl'.*Did you mean 'global'"),
        ({"action_distribution": "bta"}, BOX, "Unknown action_distribution 'bta'.*Did you mean 'beta'"),
        ({"action_distribution": "beta", "std_scheme": "local"}, BOX, "std_scheme='local' has no effect"),
        (
            {"action_distribution": "beta", "entropy_estimator": "quadrature"},
            BOX,
            "allows None: its entropy has a closed",
        ),
        ({"entropy_estimator": "quadrature"}, BOX, "entropy_estimator='quadrature' does not fit GaussianDistribution"),
        (
            {"action_distribution": "tanh_gaussian", "entropy_estimator": "quadratur"},
            BOX,
            "entropy_estimator='quadratur' does not fit .*'quadrature', 'monte_carlo'",
        ),
        ({"action_distribution": "tanh_gaussian"}, BOX, "has no closed form, and nothing is estimated silently"),
        ({"std_scheme": "local"}, spaces.Discrete(3), "std_scheme in policy_kwargs cannot be used with Discrete"),
        ({"action_distribution": "beta"}, spaces.MultiBinary(2), "action_distribution in policy_kwargs cannot be used"),
        (
            {"std_scheme": "global_local", "std_scheme_kwargs": {"delta": 0}},
            BOX,
            "delta of std_scheme must be a number > 0",
        ),
        ({"log_std_init": float("nan")}, BOX, "log_std_init must be a number"),
    ],
)
def test_refusals(kwargs: dict[str, Any], action_space: spaces.Space, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPPO("MlpPolicy", tape_envs(1, action_space), policy_kwargs=kwargs)


def test_gsde_with_a_scheme_is_refused_and_squashed_gsde_has_no_entropy() -> None:
    with pytest.raises(ValueError, match="std_scheme in policy_kwargs cannot be used with use_sde=True"):
        SPPO("MlpPolicy", tape_envs(1, BOX), use_sde=True, policy_kwargs={"std_scheme": "local"})
    with pytest.raises(ValueError, match="has no closed form"):
        SPPO("MlpPolicy", tape_envs(1, BOX), use_sde=True, policy_kwargs={"squash_output": True})


def test_gsde_entropy_by_hand() -> None:
    """The action's variance is Σ_j h_j² σ_jd², so H = Σ_d ½ log 2πe (Σ_j h_j² σ_jd² + 1e-6)."""
    model = SPPO("MlpPolicy", tape_envs(1, BOX), use_sde=True, seed=0, policy_kwargs={"net_arch": [4]})
    randomise(model.policy, 0, scale=0.5)
    weights = Weights.of(model.policy)
    with th.no_grad():
        given = model.policy.get_distribution(two_states()).entropy().numpy()
    for state, entropy in zip(two_states().numpy(), given, strict=True):
        variance = weights.latent(state) ** 2 @ np.exp(weights.state["log_std"]) ** 2
        assert entropy == pytest.approx(0.5 * np.log(2 * np.pi * np.e * (variance + 1e-6)).sum(), abs=1e-4)


class Images(gym.Env):
    """Only the spaces matter."""

    observation_space = spaces.Box(0, 255, (36, 36, 3), np.uint8)
    action_space = spaces.Discrete(3)


class Dicts(Images):
    observation_space = spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Discrete(3)})
    action_space = spaces.MultiDiscrete([2, 3])


class Boxes(Images):
    observation_space = spaces.Box(-1, 1, (4,))
    action_space = BOX


@pytest.mark.parametrize(("ours", "theirs"), [(cls, stock_parent(cls)) for cls in EVERY if stock_parent(cls)])
@pytest.mark.parametrize(("policy", "env"), [("MlpPolicy", Boxes), ("CnnPolicy", Images), ("MultiInputPolicy", Dicts)])
def test_at_the_defaults_the_parameters_are_stable_baselines3s(
    policy: str, env: type, ours: type, theirs: type
) -> None:
    own = ours(policy, env(), seed=11, device="cpu")
    parent = theirs(policy, env(), seed=11, device="cpu")
    assert list(own.policy.state_dict()) == list(parent.policy.state_dict())
    for name, value in parent.policy.state_dict().items():
        assert th.equal(own.policy.state_dict()[name], value), name
    assert [len(group["params"]) for group in own.policy.optimizer.param_groups] == [
        len(group["params"]) for group in parent.policy.optimizer.param_groups
    ]


@pytest.mark.parametrize(("name", "estimator"), KINDS)
def test_a_policy_is_rebuilt_from_its_file(name: str, estimator: str | None, tmp_path: Any) -> None:
    scheme = {} if name == "beta" else {"std_scheme": "global_clipped_local", "std_scheme_kwargs": {"delta": 0.6}}
    model = SPPO(
        "MlpPolicy",
        tape_envs(1, BOX),
        policy_kwargs={"action_distribution": name, "entropy_estimator": estimator, **scheme},
    )
    randomise(model.policy, 0, scale=0.2)
    model.policy.save(tmp_path / "policy.pt")
    again = SoftActorCriticPolicy.load(tmp_path / "policy.pt")
    observations = random_observations()
    for policy in (model.policy, again):
        policy.set_training_mode(False)
    th.manual_seed(0)
    first = model.policy.get_distribution(observations).sample()
    th.manual_seed(0)
    assert th.equal(first, again.get_distribution(observations).sample())
    assert bool(again.squash_output) == (name != "gaussian")


def test_the_rollouts_entropy_is_the_closed_form_with_one_std_for_all_states() -> None:
    seen = []
    model = with_scheme("global")
    model.learn(32, callback=AtRolloutEnd(lambda model, _: seen.append(model.tempering.mean_entropy)))
    assert seen[0] == pytest.approx(float(stats.norm(scale=math.exp(INIT)).entropy()) * 2, abs=1e-6)
