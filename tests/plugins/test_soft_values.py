"""What is optimal in the bifurcation, against numerical integrals, value iteration and episodes of the environment."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from sb3_entropy_bifurcation.bifurcation import BifurcationEnv
from sb3_entropy_bifurcation.soft_values import FAMILIES, SoftOptimum, crossover, soft_values
from sb3_entropy_bifurcation.tanh_gaussian import entropy, inside
from sb3_entropy_bifurcation.tree import Tree
from scipy.integrate import quad
from scipy.optimize import brentq, minimize
from scipy.stats import norm

from sb3_entropy.distributions.tanh_gaussian import TanhGaussianDistribution
from sb3_entropy.mdp import value_iteration

DEFAULT = Tree()
OTHER = Tree(half_width=0.3, inside=2.5, outside=-4.0, sure=0.5)


def density(a: float, mean: float, std: float) -> float:
    """Of tanh u, u ~ N(μ, σ²)."""
    return float(norm.pdf(np.arctanh(a), mean, std)) / (1 - a * a)


def integral(f: Any, *splits: float) -> float:
    """Over (−1, 1) but for a margin in which nothing counts; the integrand may jump at ``splits``."""
    bounds = [-1 + 1e-13, *splits, 1 - 1e-13]
    return sum(quad(f, low, high, limit=400, epsabs=1e-11)[0] for low, high in pairwise(bounds))


def paid(tree: Tree, a: float) -> float:
    return tree.inside if abs(a) < tree.half_width else tree.outside


def soft(tree: Tree, alpha: float, mean: float, std: float) -> float:
    """E[r] + αH in state 1 of a tanh-Gaussian, by integrals over its actions."""

    def contribution(a: float) -> float:
        p = density(a, mean, std)
        return p * (paid(tree, a) - alpha * np.log(p)) if p > 0 else 0.0

    return integral(contribution, -tree.half_width, 0.0, tree.half_width)


# Boltzmann policies


@pytest.mark.parametrize("tree", [DEFAULT, OTHER])
@pytest.mark.parametrize("alpha", [0.3, 0.9, 8.0])
def test_boltzmann_values_are_the_integrals(tree: Tree, alpha: float) -> None:
    found = soft_values(alpha, gamma=0.9, tree=tree)
    h = tree.half_width
    mass = integral(lambda a: np.exp(paid(tree, a) / alpha), -h, h)
    earned = integral(lambda a: paid(tree, a) * np.exp(paid(tree, a) / alpha), -h, h) / mass
    assert found.V[1] == pytest.approx(alpha * np.log(mass), rel=1e-9)
    assert found.J[1] == pytest.approx(earned, rel=1e-9)
    assert found.V[2] == pytest.approx(tree.sure + alpha * np.log(2))
    left, right = (np.exp(0.9 * value / alpha) for value in found.V[1:])
    assert found.V[0] == pytest.approx(alpha * np.log(left + right))
    assert found.choices[0].probability == pytest.approx(right / (left + right))
    assert found.J[0] == pytest.approx(0.9 * (left * earned + right * tree.sure) / (left + right))


@pytest.mark.parametrize("gamma", [1.0, 0.7])
@pytest.mark.parametrize("alpha", [1e-3, 0.05, 0.86, 30.0])
def test_boltzmann_values_are_those_of_value_iteration(alpha: float, gamma: float) -> None:
    best = value_iteration(OTHER.to_mdp(gamma), tau=alpha)
    found = soft_values(alpha, gamma=gamma, tree=OTHER)
    np.testing.assert_allclose(found.V, best.V[:3], rtol=1e-9)
    assert found.choices[0].probability == pytest.approx(best.pi[0, 1], abs=1e-12)
    assert found.choices[1].probability == pytest.approx(best.pi[1, 0], abs=1e-12)


def test_the_crossover_of_boltzmann_policies() -> None:
    root = crossover()
    assert root == pytest.approx(2 / np.log(10), abs=2e-10)
    assert root - 2 / np.log(10) == pytest.approx(1.07e-10, abs=2e-12)
    # The equation of the docstring, whose second term is what the approximation leaves out.
    terms = 0.1 * np.exp(2 / root), 0.9 * np.exp(-19 / root)
    assert sum(terms) == pytest.approx(1, abs=1e-14)
    assert terms[1] == pytest.approx(2.85e-10, rel=0.01)
    h = OTHER.half_width
    other = brentq(lambda a: h * np.exp(2 / a) + (1 - h) * np.exp(-4.5 / a) - 1, 0.5, 50, xtol=1e-13)
    assert crossover(tree=OTHER) == pytest.approx(other, rel=1e-12)
    assert other > 2 / np.log(1 / h) + 0.01  # here the second term counts


# Tanh-Gaussians


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.03), (0.0, 0.87), (-0.7, 0.3), (1.2, 2.0)])
def test_the_entropy_of_a_tanh_gaussian_is_the_integral(mean: float, std: float) -> None:
    def contribution(a: float) -> float:
        p = density(a, mean, std)
        return -p * np.log(p) if p > 0 else 0.0

    middle = float(np.tanh(mean))
    near = [float(np.tanh(mean + k * std)) for k in (-3, 3)]
    assert float(entropy(mean, std)) == pytest.approx(integral(contribution, near[0], middle, near[1]), abs=1e-7)


@pytest.mark.parametrize(("mean", "std"), [(0.3, 7.0), (4.0, 6.0)])
def test_the_entropy_where_the_gaussian_is_wide(mean: float, std: float) -> None:
    # In u, as the density of a has peaks at ±1.
    def slope(u: float) -> float:
        return float(norm.pdf(u, mean, std)) * 2 * (np.log(2) - abs(u) - np.log1p(np.exp(-2 * abs(u))))

    expected = quad(slope, -90, 0, epsabs=1e-13, limit=400)[0] + quad(slope, 0, 90, epsabs=1e-13, limit=400)[0]
    assert float(entropy(mean, std)) == pytest.approx(norm.entropy(mean, std) + expected, abs=1e-10)


def test_the_entropy_is_the_packages_within_its_quadrature() -> None:
    mean, std = np.array([0.0, 0.4, -2.0]), np.array([0.05, 0.9, 2.5])
    ours = entropy(mean, std)
    box = spaces.Box(-1.0, 1.0, (3,))
    law = TanhGaussianDistribution(box, "quadrature").proba_distribution(th.tensor(mean), th.tensor(std).log())
    total = law.entropy()
    assert total is not None
    assert ours.sum() == pytest.approx(float(total), abs=3e-3)


def test_the_share_of_the_band_is_the_integral() -> None:
    for half_width, std in ((0.1, 0.04), (0.5, 0.8)):
        share = integral(lambda a, std=std: density(a, 0.0, std), -half_width, 0.0, half_width)
        within = quad(lambda a, std=std: density(a, 0.0, std), -half_width, half_width)[0]
        assert share == pytest.approx(1, abs=1e-6)
        assert float(inside(half_width, std)) == pytest.approx(within, abs=1e-9)


@pytest.mark.parametrize(("tree", "alpha"), [(DEFAULT, 0.2), (DEFAULT, 1.2), (OTHER, 0.8)])
def test_no_tanh_gaussian_is_better_in_state_1(tree: Tree, alpha: float) -> None:
    found = soft_values(alpha, "tanh_gaussian", tree=tree)
    assert found.choices[1].gaussian is not None
    mean, std = found.choices[1].gaussian
    assert soft(tree, alpha, mean, std) == pytest.approx(found.V[1], abs=1e-7)
    # Here and farther off, with a mean too, which the search leaves at 0.
    rng = np.random.default_rng(0)
    means, stds = rng.normal(size=4000) * 0.7, np.exp(rng.uniform(np.log(0.005), np.log(5), 4000))
    means[:2000] *= 0.02
    band = np.arctanh(tree.half_width)
    share = norm.cdf((band - means) / stds) - norm.cdf((-band - means) / stds)
    values = tree.outside + (tree.inside - tree.outside) * share + alpha * entropy(means, stds)
    assert values.max() < found.V[1]
    assert values.max() > found.V[1] - 0.05


def test_the_better_of_two_maxima_is_found() -> None:
    # At a high temperature to keep to the band is one maximum over σ, and to ignore it the other one, the better.
    tree, found = Tree(outside=-1.5, sure=-1.2), {}
    for alpha in (0.3, 3.0):
        gaussian = soft_values(alpha, "tanh_gaussian", tree=tree).choices[1].gaussian
        assert gaussian is not None
        found[alpha] = gaussian[1]
    assert found[0.3] < 0.2
    assert found[3.0] > 0.8


@pytest.mark.parametrize(("alpha", "gamma"), [(0.2, 1.0), (0.7, 0.9), (1.2, 0.99)])
def test_no_tanh_gaussian_is_better_in_state_0(alpha: float, gamma: float) -> None:
    found = soft_values(alpha, "tanh_gaussian", gamma=gamma)
    _, V1, V2 = found.V

    def value(at: Any) -> float:
        return float(
            -gamma * (V1 + (V2 - V1) * norm.cdf(at[0] / np.exp(at[1]))) - alpha * entropy(at[0], np.exp(at[1]))
        )

    # Another method from another start, in other coordinates.
    best = minimize(value, (0.1, -0.5), method="BFGS")
    assert found.V[0] == pytest.approx(-best.fun, abs=1e-8)
    assert found.choices[0].gaussian == pytest.approx((best.x[0], np.exp(best.x[1])), abs=1e-3)


def test_the_crossover_of_tanh_gaussians() -> None:
    root = crossover("tanh_gaussian")
    assert root == pytest.approx(0.730704649, abs=1e-9)
    at = soft_values(root, "tanh_gaussian")
    assert at.V[1] == pytest.approx(at.V[2], abs=1e-12)
    assert at.choices[1].gaussian == pytest.approx((0.0, 0.034624), abs=1e-6)
    assert at.choices[2].gaussian == pytest.approx((0.0, 0.874400), abs=1e-6)
    assert at.choices[2].entropy == pytest.approx(0.6836356, abs=1e-7)
    # By integrals over actions: neither lead is rounding, 1e-4 to either side.
    for alpha, sign in ((root - 1e-4, 1), (root + 1e-4, -1)):
        right = DEFAULT.sure + alpha * max(float(entropy(0, std)) for std in np.linspace(0.87, 0.88, 101))
        left = max(soft(DEFAULT, alpha, 0.0, std) for std in np.linspace(0.034, 0.0353, 14))
        assert np.sign(left - right) == sign


# Both


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_values_are_returns_and_entropies_along_the_way(family: str) -> None:
    found = soft_values(0.6, family, gamma=0.8, tree=OTHER)
    H = [choice.entropy for choice in found.choices]
    right = found.choices[0].probability
    ahead = 0.8 * ((1 - right) * found.V[1] + right * found.V[2])
    values = found.V
    assert values == pytest.approx((ahead + 0.6 * H[0], found.J[1] + 0.6 * H[1], found.J[2] + 0.6 * H[2]))
    assert found.J[1] == pytest.approx(-4 + 6.5 * found.choices[1].probability)
    assert found.J[2] == 0.5
    assert (found.alpha, found.family, found.gamma) == (0.6, family, 0.8)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("alpha", [0.25, 0.9])
def test_the_slope_in_the_temperature_is_the_entropy(family: str, alpha: float) -> None:
    # The envelope theorem: max E[r] + αH has the slope H of the policy that attains it. In state 0 entropies add up.
    step = 1e-4
    low, at, high = (soft_values(alpha + k * step, family, gamma=0.9) for k in (-1, 0, 1))
    slopes = [(above - below) / (2 * step) for above, below in zip(high.V, low.V, strict=True)]
    H = [choice.entropy for choice in at.choices]
    right = at.choices[0].probability
    assert slopes == pytest.approx([H[0] + 0.9 * ((1 - right) * H[1] + right * H[2]), H[1], H[2]], abs=1e-5)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("gamma", [1.0, 0.5])
def test_below_the_crossover_the_left_is_preferred_and_above_it_the_right(family: str, gamma: float) -> None:
    root = crossover(family)
    for alpha, deterministic in ((root * 0.999, gamma), (root * 1.001, -gamma)):
        found = soft_values(alpha, family, gamma=gamma)
        assert (found.choices[0].probability > 0.5) == (alpha > root)
        assert found.deterministic == deterministic
    leads = np.array([np.subtract(*soft_values(alpha, family).V[1:]) for alpha in np.geomspace(0.02, 50, 15)])
    assert (np.diff(leads) < 0).all()  # so that there is no other root


def simulated(found: SoftOptimum, n: int) -> np.ndarray:
    """:return: the returns of n episodes of a tanh-Gaussian policy in the environment"""
    batch = BifurcationEnv.make_sb3_vec_env(n)
    obs = np.asarray(batch.reset())
    rng, total = np.random.default_rng(0), np.zeros(n)
    gaussians = np.array([choice.gaussian for choice in found.choices])
    for _ in range(2):
        mean, std = gaussians[obs.argmax(axis=1)].T
        actions = np.tanh(rng.normal(mean, std)).astype(np.float32)[:, None]
        obs, rewards, dones, _ = batch.step(actions)  # type: ignore[assignment]
        total += rewards
    assert dones.all()
    return total


@pytest.mark.parametrize("alpha", [0.2, 1.2])
def test_it_earns_in_the_environment_what_is_said(alpha: float) -> None:
    # Two means of 20 000 episodes at 4.5 standard errors: a false alarm for 1.4e-5 of the seeds.
    found = soft_values(alpha, "tanh_gaussian")
    returns = simulated(found, 20_000)
    assert abs(returns.mean() - found.J[0]) < 4.5 * returns.std() / np.sqrt(len(returns))
    assert set(np.unique(returns)) == {-20.0, -1.0, 1.0}


@pytest.mark.parametrize(
    ("alpha", "family", "right", "band", "earned"),
    [
        (0.2, "boltzmann", 0.0005, 1.0, 0.9991),
        (0.5, "boltzmann", 0.1548, 1.0, 0.6904),
        (0.9, "boltzmann", 0.5201, 1.0, -0.0402),
        (1.2, "boltzmann", 0.6538, 1.0, -0.3077),
        (0.2, "tanh_gaussian", 0.0256, 0.9992, 0.9328),
        (0.5, "tanh_gaussian", 0.3002, 0.9976, 0.3651),
        (0.7, "tanh_gaussian", 0.4816, 0.9964, -0.0020),
        (0.9, "tanh_gaussian", 0.5787, 0.9951, -0.2006),
        (1.2, "tanh_gaussian", 0.6646, 0.9930, -0.3788),
    ],
)
def test_the_figures_of_the_page(alpha: float, family: str, right: float, band: float, earned: float) -> None:
    found = soft_values(alpha, family)
    assert found.choices[0].probability == pytest.approx(right, abs=6e-5)
    assert found.choices[1].probability == pytest.approx(band, abs=6e-5)
    assert found.J[0] == pytest.approx(earned, abs=6e-5)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alpha": 0}, ValueError, "alpha must be a number > 0, but 0 was given"),
        ({"alpha": "auto"}, TypeError, "alpha must be a number > 0, but 'auto'"),
        ({"alpha": 1, "gamma": 1.1}, ValueError, "gamma must be a number between 0 and 1, but 1.1"),
        (
            {"alpha": 1, "family": "gaussian"},
            ValueError,
            "Unknown family 'gaussian'. Available: boltzmann, tanh_gaussian",
        ),
        ({"alpha": 1, "tree": Tree(inside=-30)}, ValueError, "inside must be greater than outside, but inside=-30 and"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        soft_values(**arguments)


@pytest.mark.parametrize(
    ("family", "tree", "least"),
    [
        ("boltzmann", Tree(sure=1.0), "-17.9"),
        ("boltzmann", Tree(sure=-18.0), "-17.9"),
        ("tanh_gaussian", Tree(sure=-18.2), "-18.0815"),
    ],
)
def test_without_a_crossover_it_is_said_why(family: str, tree: Tree, least: str) -> None:
    with pytest.raises(ValueError, match=rf"There is no crossover: .* in state 1, {least}, but inside=1, outside=-20"):
        crossover(family, tree=tree)


def test_other_families_and_trees_are_refused_by_the_crossover_too() -> None:
    with pytest.raises(ValueError, match="Did you mean 'boltzmann'"):
        crossover("boltzman")
    with pytest.raises(ValueError, match="inside must be greater than outside"):
        crossover(tree=Tree(outside=2.0))
