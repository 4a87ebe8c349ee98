"""
Estimates are unbiased in value and gradient.

Each test draws some thousand independent estimates in one batch, from a fixed seed, and compares their mean with the
exact number. A difference of 5 standard errors or more has the probability 6e-7 for each of the numbers that are
compared, about 400 in all, so 2e-4 for the whole file. The error of the grids is 1e-3 at most.
"""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from law_oracles import Array, by_definition, choice, choices, density, differences, grid, integral, law
from stable_baselines3.common.distributions import CategoricalDistribution, MultiCategoricalDistribution

from sb3_entropy.distributions.laws import Gaussian, Law, law_of, mixture
from sb3_entropy.divergences import make_divergence

N = 4000
OPTIONS: dict[str, Any] = {"estimator": "mixture_sampling", "n_samples": 16}
F_DIVERGENCES = ("kl", "reverse_kl", "jensen_shannon", "hellinger", "total_variation", "jensen_shannon_sum")
BOUNDED = ("jensen_shannon", "hellinger", "total_variation")


def agree(estimates: th.Tensor, expected: Array, slack: float = 0.0) -> None:
    """:param estimates: shape (N, …), independent along the first dimension"""
    found = estimates.detach().double().numpy()
    error = found.std(0) / np.sqrt(len(found))
    assert np.isfinite(found).all()
    assert (np.abs(found.mean(0) - expected) <= 5 * error + slack + 1e-12).all()


@pytest.mark.parametrize("sizes", [(4,), (2, 3)])
@pytest.mark.parametrize("name", [*F_DIVERGENCES, "mmd", "mmd_witness", "negative_entropy"])
def test_choices_against_their_closed_forms(name: str, sizes: tuple[int, ...]) -> None:
    """With an action that only p takes and one that only q takes, where the divergence is finite."""
    x, y = th.randn(2, sum(sizes), generator=th.Generator().manual_seed(2), dtype=th.float64)
    if name not in ("kl", "reverse_kl", "negative_entropy"):
        x[0], y[1] = -th.inf, -th.inf
    p = x.expand(N, -1).clone().requires_grad_()
    q = y.expand(N, -1).clone().requires_grad_()
    kernel = {"kernel": {"kernel": "delta", "off_diagonal": 0.3}} if name.startswith("mmd") else {}
    th.manual_seed(11)
    estimates = make_divergence(name, **OPTIONS, **kernel).estimate(choices(p, sizes), choices(q, sizes))
    assert not estimates.isnan().any()
    given = [row[None].clone().requires_grad_() for row in (x, y)]
    exact = make_divergence(name, **kernel)(*(choices(row, sizes) for row in given))
    agree(estimates, exact.detach().numpy())
    found = th.autograd.grad(estimates.sum(), (p, q), allow_unused=True)
    expected = th.autograd.grad(exact.sum(), given, allow_unused=True)
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            agree(one, other[0].numpy())


PAIRS = [
    *((name, "gaussian", "uniform") for name in BOUNDED),
    *((name, "beta", "tanh_gaussian") for name in F_DIVERGENCES),
    ("reverse_kl", "gaussian", "beta"),
    ("kl", "beta", "gaussian"),
    ("jensen_shannon", "gaussian", "gaussian"),
    ("jensen_shannon", "tanh_gaussian", "tanh_gaussian"),
    ("total_variation", "beta", "uniform"),
    ("negative_entropy", "tanh_gaussian", "uniform"),
    ("mmd", "beta", "uniform"),
    ("mmd", "gaussian", "beta"),
]
PARAMETERS = {
    "gaussian": [(0.5, 0.6), (0.8, 0.8)],
    "tanh_gaussian": [(0.3, 0.5), (-0.2, 0.7)],
    "beta": [(2.5, 3.4), (3.0, 2.2)],
    "uniform": [(0.0, 1.0)] * 2,
}


def by_integral(name: str, kinds: tuple[str, str], rows: Array) -> float:
    if name != "mmd":
        return integral(name, kinds, (rows[0], rows[1]), cells=20_000)
    x, width = grid(*kinds, cells=400)
    difference = (density(kinds[0], rows[0])(x) - density(kinds[1], rows[1])(x)) * width
    return float(difference @ np.exp(-(np.subtract.outer(x, x) ** 2) / (2 * 0.5**2)) @ difference)


@pytest.mark.parametrize(("name", "kind_p", "kind_q"), PAIRS)
def test_densities_against_integrals(name: str, kind_p: str, kind_q: str) -> None:
    rows = np.array([PARAMETERS[kind_p][0], PARAMETERS[kind_q][1]])
    kinds = (kind_p, kind_q)
    kernel = {"kernel": {"kernel": "rbf", "bandwidth": 0.5}} if name == "mmd" else {}
    p, q = (th.tensor(row).expand(N, -1).clone().requires_grad_() for row in rows)
    th.manual_seed(5)
    estimates = make_divergence(name, **OPTIONS, **kernel)(law(kind_p, p), law(kind_q, q))
    agree(estimates, np.array(by_integral(name, kinds, rows)), slack=1e-4)
    expected = differences(lambda moved: by_integral(name, kinds, moved), rows)
    for gradient, wanted in zip(th.autograd.grad(estimates.sum(), (p, q), allow_unused=True), expected, strict=True):
        if gradient is not None:
            agree(gradient, wanted, slack=1e-3)


def test_a_mixture_of_squashed_gaussians_is_compared_before_squashing() -> None:
    """Far out, where single precision cannot tell tanh u from 1, the weights would be wrong in the box."""
    one, two, three = (th.tensor([row]).expand(N, -1) for row in ((12.0, 1.0), (13.0, 1.0), (12.5, 2.0)))
    th.manual_seed(0)
    divergence = make_divergence("hellinger", **OPTIONS)
    estimates = divergence(
        law("tanh_gaussian", one), mixture([law("tanh_gaussian", two), law("tanh_gaussian", three)], (0.5, 0.5))
    )
    x = np.linspace(-5, 30, 20_001)
    p, q, r = (density("gaussian", row)(x) for row in ((12.0, 1.0), (13.0, 1.0), (12.5, 2.0)))
    agree(estimates, np.array(by_definition("hellinger", p, (q + r) / 2, x[1] - x[0])), slack=1e-5)


def test_the_distance_of_means_of_a_squashed_gaussian() -> None:
    """MMD² with the linear kernel against the means by integrals."""
    rows = (0.3, 0.5), (3.0, 2.2)
    x, width = grid("beta")
    kinds = ("tanh_gaussian", "beta")
    means = [float((density(kind, row)(x) * x * width).sum()) for kind, row in zip(kinds, rows, strict=True)]
    p, q = (law(kind, th.tensor(row).expand(N, -1)) for kind, row in zip(kinds, rows, strict=True))
    th.manual_seed(7)
    agree(make_divergence("mmd", **OPTIONS, kernel="linear")(p, q), np.array((means[0] - means[1]) ** 2), slack=1e-5)


@pytest.mark.parametrize("name", F_DIVERGENCES)
def test_every_contribution_is_positive_and_equal_laws_have_no_noise(name: str) -> None:
    divergence = make_divergence(name, estimator="mixture_sampling", n_samples=2)
    p = law("gaussian", th.tensor([[0.3, 0.7]]).expand(500, -1))
    q = law("gaussian", th.tensor([[0.8, 1.2]]).expand(500, -1))
    th.manual_seed(0)
    assert (divergence.estimate(p, q) > -1e-7).all()
    assert th.equal(divergence.estimate(p, p), th.zeros(500))
    mean = th.full((500, 1), 0.3, requires_grad=True)
    same = divergence.estimate(Gaussian(mean, th.full((500, 1), 0.7)), p.detach())
    (gradient,) = th.autograd.grad(same.sum(), mean)
    assert gradient.abs().max() < 1e-6


@pytest.mark.parametrize("name", [*BOUNDED, "mmd"])
def test_laws_that_hardly_overlap_have_finite_gradients(name: str) -> None:
    kernel = {"kernel": {"kernel": "rbf", "bandwidth": 0.5}} if name == "mmd" else {}
    divergence = make_divergence(name, **OPTIONS, **kernel)
    far = th.tensor([[60.0, 0.01]], requires_grad=True)
    th.manual_seed(0)
    others: list[Law] = [law("uniform", th.ones(1, 2)), law("gaussian", th.tensor([[-60.0, 0.01]]))]
    for other in others:
        for value in (
            divergence.estimate(law("gaussian", far), other),
            divergence.estimate(other, law("gaussian", far)),
        ):
            assert value.isfinite().all()
            (gradient,) = th.autograd.grad(value.sum(), far)
            assert gradient.isfinite().all()


def test_a_law_of_choices_that_is_not_known_is_sampled() -> None:
    class Choice(CategoricalDistribution):
        def log_prob(self, actions: th.Tensor) -> th.Tensor:
            return super().log_prob(actions)

    class Choices(MultiCategoricalDistribution):
        def log_prob(self, actions: th.Tensor) -> th.Tensor:
            return super().log_prob(actions)

    x, y = th.randn(2, 5, generator=th.Generator().manual_seed(2)).unbind(0)
    known = choice(y.expand(N, -1)), choices(y.expand(N, -1), (2, 3))
    unknown = (
        law_of(Choice(5).proba_distribution(x.expand(N, -1)), spaces.Discrete(5)),
        law_of(Choices([2, 3]).proba_distribution(x.expand(N, -1)), spaces.MultiDiscrete([2, 3])),
    )
    for name in ("kl", "mmd"):
        for p, q, exact_p in zip(
            unknown, known, (choice(x.expand(N, -1)), choices(x.expand(N, -1), (2, 3))), strict=True
        ):
            with pytest.raises(ValueError, match="has no closed form between p, Generic on"):
                make_divergence(name)(p, q)
            th.manual_seed(3)
            agree(make_divergence(name, **OPTIONS)(p, q), make_divergence(name)(exact_p, q)[:1].numpy(), slack=1e-6)
