"""Closed forms against sums and integrals of their definitions, in value and gradient and in both orders."""

import numpy as np
import pytest
import torch as th
from law_oracles import (
    Array,
    by_definition,
    choice,
    choices,
    differences,
    integral,
    joint,
    law,
    softmax,
)
from scipy import stats

from sb3_entropy.distributions.laws import Finite, Gaussian, Mixture, UniformBox, mixture
from sb3_entropy.divergences import make_divergence

F_DIVERGENCES = ("kl", "reverse_kl", "jensen_shannon", "hellinger", "total_variation")
SUMS = (*F_DIVERGENCES, "jensen_shannon_sum", "hellinger_sum", "negative_entropy")


def of_rows(generator: np.random.Generator, *shape: int) -> Array:
    return 1.5 * generator.standard_normal(shape)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", SUMS)
def test_a_single_choice(name: str, order: int) -> None:
    generator = np.random.default_rng(0)
    for _ in range(3):
        x, y = (of_rows(generator, 5), of_rows(generator, 5))[::order]
        logits = th.tensor(x[None], requires_grad=True)
        value = make_divergence(name)(choice(logits), choice(th.tensor(y[None])))
        assert value.item() == pytest.approx(by_definition(name, softmax(x), softmax(y)), rel=1e-10)
        (gradient,) = th.autograd.grad(value.sum(), logits)
        expected = differences(lambda z, y=y: by_definition(name, softmax(z), softmax(y)), x, 1e-5)
        np.testing.assert_allclose(gradient[0].numpy(), expected, atol=1e-8)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("name", [*SUMS, "max_deviation"])
def test_independent_choices_are_one_choice_of_all_combinations(name: str, order: int) -> None:
    sizes = (3, 2, 4)
    generator = np.random.default_rng(1)
    x, y = (of_rows(generator, 9), of_rows(generator, 9))[::order]

    def expected(z: Array) -> float:
        p, q = joint(z, sizes), joint(y, sizes)
        return float(np.abs(p - q).max()) if name == "max_deviation" else by_definition(name, p, q)

    logits = th.tensor(x[None], requires_grad=True)
    value = make_divergence(name)(choices(logits, sizes), choices(th.tensor(y[None]), sizes))
    assert value.item() == pytest.approx(expected(x), rel=1e-10)
    (gradient,) = th.autograd.grad(value.sum(), logits)
    np.testing.assert_allclose(gradient[0].numpy(), differences(expected, x, 1e-5), atol=1e-8)


@pytest.mark.parametrize("name", ["kl", "jensen_shannon", "total_variation", "negative_entropy", "max_deviation"])
def test_mixtures_of_independent_choices_are_tabulated(name: str) -> None:
    sizes = (3, 2)
    generator = np.random.default_rng(2)
    x, y, z = (of_rows(generator, 5) for _ in range(3))
    mixed = mixture([choices(th.tensor(row[None]), sizes) for row in (y, z)], (0.3, 0.7))
    assert isinstance(mixed, Mixture)
    p, q = joint(x, sizes), 0.3 * joint(y, sizes) + 0.7 * joint(z, sizes)
    alone = choices(th.tensor(x[None]), sizes)
    for one, other, first, second in ((p, q, alone, mixed), (q, p, mixed, alone)):
        expected = np.abs(one - other).max() if name == "max_deviation" else by_definition(name, one, other)
        assert make_divergence(name)(first, second).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "hellinger", "mmd"])
def test_many_independent_choices_need_no_table(name: str) -> None:
    """40 bits have 10¹² combinations; the closed forms of products need 80 numbers."""
    generator = np.random.default_rng(3)
    x, y = (0.3 * of_rows(generator, 80) for _ in range(2))
    value = make_divergence(name)(*(choices(th.tensor(row[None]), (2,) * 40) for row in (x, y))).item()
    p, q = (softmax(row.reshape(40, 2)) for row in (x, y))
    expected = {
        "kl": (p * np.log(p / q)).sum(),
        "reverse_kl": (q * np.log(q / p)).sum(),
        "hellinger": 1 - np.sqrt(p * q).sum(1).prod(),
        "mmd": (p * p).sum(1).prod() - 2 * (p * q).sum(1).prod() + (q * q).sum(1).prod(),
    }[name]
    assert value == pytest.approx(expected, rel=1e-9)


def test_small_divergences_are_not_rounding_in_single_precision() -> None:
    """At p ≈ q all are quadratic, while Σ p log(p/q) is noise of about 1e-7 there."""
    x = np.random.default_rng(4).standard_normal(50)
    y = x + 3e-4 * np.random.default_rng(5).standard_normal(50)
    for name in ("kl", "reverse_kl", "jensen_shannon", "hellinger"):
        exact = make_divergence(name)(choice(th.tensor(x[None])), choice(th.tensor(y[None]))).item()
        single = make_divergence(name)(
            *(Finite((th.tensor(row[None]).log_softmax(-1).float(),)) for row in (x, y))
        ).item()
        assert 1e-9 < exact < 1e-7
        assert single == pytest.approx(exact, rel=0.02)


CLOSED = [
    *((name, "gaussian", "gaussian") for name in ("kl", "reverse_kl", "hellinger", "total_variation")),
    *((name, "tanh_gaussian", "tanh_gaussian") for name in ("kl", "reverse_kl", "hellinger", "total_variation")),
    *(
        (name, *kinds)
        for name in ("kl", "reverse_kl", "hellinger")
        for kinds in (("beta", "beta"), ("beta", "uniform"), ("uniform", "beta"), ("uniform", "uniform"))
    ),
    *(("negative_entropy", kind, "uniform") for kind in ("gaussian", "beta", "uniform")),
]
PARAMETERS = {
    "gaussian": [(0.3, 0.7), (-0.4, 1.1), (0.3, 0.7), (1.0, 0.7)],
    "tanh_gaussian": [(0.3, 0.5), (-0.2, 0.7), (0.1, 0.5), (0.3, 0.7)],
    "beta": [(2.5, 3.4), (4.0, 2.2), (3.0, 3.0), (2.5, 5.0)],
    "uniform": [(0.0, 1.0)] * 4,
}


@pytest.mark.parametrize(("name", "kind_p", "kind_q"), CLOSED)
def test_densities_in_one_dimension(name: str, kind_p: str, kind_q: str) -> None:
    given = np.array(PARAMETERS[kind_p][:3] + PARAMETERS[kind_p][1:2]), np.array([*PARAMETERS[kind_q][1:4], (0.5, 0.9)])
    if kind_q == "beta":
        given[1][3] = (6.0, 1.8)
    p, q = (th.tensor(rows, requires_grad=True) for rows in given)
    value = make_divergence(name)(law(kind_p, p), law(kind_q, q))
    gradients = th.autograd.grad(value.sum(), (p, q), allow_unused=True) if value.requires_grad else (None, None)
    for i in range(len(value)):
        rows = given[0][i], given[1][i]
        assert value[i].item() == pytest.approx(integral(name, (kind_p, kind_q), rows), rel=5e-5, abs=1e-7)
        if i == 0:
            for which, gradient in enumerate(gradients):
                if gradient is None:
                    continue

                def moved(row: Array, which: int = which, rows: tuple[Array, Array] = rows) -> float:
                    both = (row, rows[1]) if which == 0 else (rows[0], row)
                    return integral(name, (kind_p, kind_q), both)

                expected = differences(moved, rows[which].copy())
                np.testing.assert_allclose(gradient[i].numpy(), expected, atol=2e-4)


@pytest.mark.parametrize("scale", [1.0, 1 + 1e-6, 1.01, 30.0])
@pytest.mark.parametrize("shift", [0.0, 1e-4, 0.5, 10.0])
def test_total_variation_of_gaussians_that_are_nearly_equal_or_far_apart(scale: float, shift: float) -> None:
    """One crossing of the densities goes to infinity as σ_p → σ_q."""
    p, q = th.tensor([[0.2, 0.5]], requires_grad=True), th.tensor([[0.2 + shift, 0.5 * scale]], requires_grad=True)
    z = np.linspace(-12, 12, 40_001)
    x = np.sort(np.concatenate([0.2 + 0.5 * z, 0.2 + shift + 0.5 * scale * z]))
    middles, width = (x[1:] + x[:-1]) / 2, np.diff(x)
    first, second = stats.norm(0.2, 0.5).pdf(middles), stats.norm(0.2 + shift, 0.5 * scale).pdf(middles)
    value = make_divergence("total_variation")(law("gaussian", p), law("gaussian", q))
    assert value.item() == pytest.approx(by_definition("total_variation", first, second, width), abs=2e-6)
    assert all(gradient.isfinite().all() for gradient in th.autograd.grad(value.sum(), (p, q)))


def test_total_variation_of_gaussians_of_one_std_in_two_dimensions() -> None:
    """Value and gradients, those in σ too, against a sum over a grid in which each σ moves alone."""
    axis = np.linspace(-7, 7, 601)
    x, y = np.meshgrid(axis, axis, indexing="ij")

    def on_grid(row: Array) -> float:
        density = [
            stats.norm.pdf(x, mean[0], std[0]) * stats.norm.pdf(y, mean[1], std[1])
            for mean, std in ((row[0:2], row[2:4]), (row[4:6], row[6:8]))
        ]
        return float(np.abs(density[0] - density[1]).sum() / 2 * (axis[1] - axis[0]) ** 2)

    row = np.array([0.3, -0.2, 0.6, 1.1, -0.4, 0.5, 0.6, 1.1])
    given = th.tensor(row, requires_grad=True)
    p, q = (Gaussian(part[None, :2], part[None, 2:]) for part in given.split(4))
    value = make_divergence("total_variation")(p, q)
    (gradient,) = th.autograd.grad(value.sum(), given)
    assert value.item() == pytest.approx(on_grid(row), abs=5e-5)
    np.testing.assert_allclose(gradient.numpy(), differences(on_grid, row, 1e-2), atol=2e-3)


@pytest.mark.parametrize("kind", ["gaussian", "tanh_gaussian", "beta"])
@pytest.mark.parametrize("name", ["kl", "reverse_kl", "hellinger"])
def test_dimensions_add_or_multiply(name: str, kind: str) -> None:
    rows = np.array(PARAMETERS[kind])
    p, q = th.tensor(rows[:2]), th.tensor(rows[2:])
    ones = make_divergence(name)(law(kind, p), law(kind, q))

    def together(parameters: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        return parameters[:, 0][None], parameters[:, 1][None]

    box = (th.full((2,), -0.5, dtype=th.float64), th.full((2,), 2.0, dtype=th.float64))
    cls = type(law(kind, p))
    both = [cls(*together(x), *(() if kind == "gaussian" else box)) for x in (p, q)]
    expected = 1 - (1 - ones).prod() if name == "hellinger" else ones.sum()
    assert make_divergence(name)(*both).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize(("name", "kind"), sorted({(name, p) for name, p, q in CLOSED if p == q != "uniform"}))
def test_value_and_gradient_are_zero_where_both_laws_are_the_same(name: str, kind: str) -> None:
    p, q = (th.tensor([[1.3, 1.7]], requires_grad=True) for _ in range(2))
    value = make_divergence(name)(law(kind, p), law(kind, q))
    assert value.item() == pytest.approx(0, abs=1e-6)
    for gradient in th.autograd.grad(value.sum(), (p, q)):
        assert gradient.abs().max() < 1e-5


def test_narrow_betas_keep_their_precision() -> None:
    """Single precision alone would leave an error of about 1 in the log of their Beta functions."""
    rows = th.tensor([[5e4, 4e4]]), th.tensor([[5.01e4, 4.02e4]])
    for name in ("kl", "reverse_kl", "hellinger"):
        exact = make_divergence(name)(*(law("beta", row.double()) for row in rows))
        assert make_divergence(name)(*(law("beta", row) for row in rows)).item() == pytest.approx(
            exact.item(), rel=1e-5
        )


def test_kl_from_a_uniform_box_is_its_log_volume_less_the_entropy() -> None:
    low, high = th.tensor([-0.5, 1.0]), th.tensor([2.0, 5.0])
    beta = type(law("beta", th.ones(1, 2)))(th.tensor([[2.0, 3.0]]), th.tensor([[1.5, 4.0]]), low, high)
    uniform = UniformBox(low, high, 1)
    kl, entropy = make_divergence("kl")(beta, uniform), -make_divergence("negative_entropy")(beta, uniform)
    assert kl.item() == pytest.approx(np.log(10) - entropy.item(), rel=1e-5)
