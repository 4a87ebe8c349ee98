"""Kernels and MMD² against dense matrices, enumeration and double integrals."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch as th
from law_oracles import Array, choice, choices, density, differences, grid, joint, law, softmax
from torch.autograd import gradcheck, gradgradcheck

from sb3_entropy.distributions.laws import Finite, Gaussian, mixture
from sb3_entropy.divergences import Kernel, make_divergence, make_kernel
from sb3_entropy.divergences.kernels import rbf
from sb3_entropy.divergences.kernels.rbf import RBF
from sb3_entropy.registry import KERNELS

FEATURES = np.random.default_rng(8).standard_normal((6, 3)) * (1.0, 2.0, 0.3)
SPECS: dict[str, Any] = {
    "delta": {"kernel": "delta", "off_diagonal": 0.3},
    "rbf_index": {"kernel": "rbf_index", "bandwidth": 1.7},
    "rbf": {"kernel": "rbf", "bandwidth": 1.3, "features": FEATURES},
    "linear": {"kernel": "linear", "features": FEATURES},
}


def dense(key: str, n: int = 6) -> Array:
    """:return: K, entry by entry"""

    def entry(i: int, j: int) -> float:
        x, y = FEATURES[i % 6], FEATURES[j % 6]
        return {
            "delta": 1.0 if i == j else 0.3,
            "rbf_index": np.exp(-((i - j) ** 2) / (2 * 1.7**2)),
            "rbf": np.exp(-sum((x - y) ** 2) / (2 * 1.3**2)),
            "linear": float(x @ y),
        }[key]

    return np.array([[entry(i, j) for j in range(n)] for i in range(n)])


def normal(seed: int, *shape: int) -> th.Tensor:
    return th.randn(shape, dtype=th.float64, generator=th.Generator().manual_seed(seed))


def test_every_kernel_of_ours_is_tested_here() -> None:
    ours = {key for key, cls in KERNELS.items() if cls.__module__.startswith("sb3_entropy.divergences.kernels.")}
    assert set(SPECS) <= ours
    for _, cls in KERNELS.items():
        assert issubclass(cls, Kernel)
        assert cls.description


@pytest.mark.parametrize("key", SPECS)
def test_is_its_matrix(key: str) -> None:
    kernel, matrix = make_kernel(SPECS[key]), dense(key)
    d = normal(0, 4, 6).requires_grad_()
    np.testing.assert_allclose(kernel.apply(d).detach().numpy(), d.detach().numpy() @ matrix, atol=1e-12)
    assert gradcheck(kernel.apply, d)
    assert gradgradcheck(kernel.apply, d)
    actions = th.tensor([[0, 5], [3, 3], [4, 0], [3, 1]])
    gram = kernel.gram(actions)
    assert gram.shape == (4, 4, 2)
    for state in range(2):
        chosen = actions[:, state].numpy()
        np.testing.assert_allclose(gram[..., state].numpy(), matrix[np.ix_(chosen, chosen)], rtol=1e-5)


@pytest.mark.parametrize("key", SPECS)
def test_mmd_of_a_single_choice(key: str) -> None:
    x, y = normal(1, 6).numpy(), normal(2, 6).numpy()
    for first, second in ((x, y), (y, x)):

        def expected(z: Array, second: Array = second) -> float:
            difference = softmax(z) - softmax(second)
            return float(difference @ dense(key) @ difference)

        logits = th.tensor(first[None], requires_grad=True)
        value = make_divergence("mmd", kernel=SPECS[key])(choice(logits), choice(th.tensor(second[None])))
        assert value.item() == pytest.approx(expected(first), rel=1e-9)
        (gradient,) = th.autograd.grad(value.sum(), logits)
        np.testing.assert_allclose(gradient[0].numpy(), differences(expected, first, 1e-5), atol=1e-8)


@pytest.mark.parametrize("key", ["delta", "rbf_index"])
def test_mmd_of_independent_choices_and_of_their_mixtures(key: str) -> None:
    """The kernel between combinations is the product, a Kronecker product of matrices."""
    sizes = (3, 2, 4)
    matrix = np.kron(np.kron(dense(key, 3), dense(key, 2)), dense(key, 4))
    x, y, z = (normal(seed, 9).numpy() for seed in (1, 2, 3))
    other = mixture([choices(th.tensor(row[None]), sizes) for row in (y, z)], (0.3, 0.7))
    q = 0.3 * joint(y, sizes) + 0.7 * joint(z, sizes)

    def expected(row: Array) -> float:
        difference = joint(row, sizes) - q
        return float(difference @ matrix @ difference)

    logits = th.tensor(x[None], requires_grad=True)
    p = choices(logits, sizes)
    divergence = make_divergence("mmd", kernel=SPECS[key])
    value = divergence(p, other)
    assert value.item() == pytest.approx(expected(x), rel=1e-9)
    assert divergence(other, p).item() == pytest.approx(expected(x), rel=1e-9)
    assert divergence(p, p).item() == pytest.approx(0, abs=1e-12)
    (gradient,) = th.autograd.grad(value.sum(), logits)
    np.testing.assert_allclose(gradient[0].numpy(), differences(expected, x, 1e-5), atol=1e-8)


def test_a_convolution_is_the_dense_product() -> None:
    d = normal(3, 2, 300)
    steps = np.subtract.outer(np.arange(300), np.arange(300))
    for bandwidth in (0.4, 12.0, 1e4):
        found = make_kernel({"kernel": "rbf_index", "bandwidth": bandwidth}).apply(d)
        expected = d.numpy() @ np.exp(-(steps**2) / (2 * bandwidth**2))
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
        assert make_kernel({"kernel": "rbf_index", "bandwidth": bandwidth}).apply(d[:, :1]).allclose(d[:, :1])


def test_a_matrix_made_block_by_block_is_the_kept_one(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(9).standard_normal((50, 2))
    spec = {"kernel": "rbf", "bandwidth": 0.8, "features": features}
    kept = make_kernel(spec)
    d = normal(4, 3, 50).requires_grad_()
    expected = kept.apply(d)
    monkeypatch.setattr(rbf, "BLOCK", 170)
    found = make_kernel(spec).apply(d)
    assert th.allclose(found, expected, atol=1e-12)
    small = make_kernel({**spec, "features": features[:14]})
    assert gradcheck(small.apply, d[:1, :14].detach().requires_grad_())
    assert gradgradcheck(small.apply, d[:1, :14].detach().requires_grad_())
    p, q = choice(d), choice(normal(5, 3, 50))
    (blocks,) = th.autograd.grad(make_divergence("mmd", kernel=make_kernel(spec))(p, q).sum(), d)
    monkeypatch.undo()
    (whole,) = th.autograd.grad(make_divergence("mmd", kernel=kept)(choice(d), q).sum(), d)
    assert th.allclose(blocks, whole, atol=1e-12)


@pytest.mark.parametrize("key", ["rbf_index", "linear"])
def test_a_hundred_thousand_actions(key: str) -> None:
    n = 100_000
    spec = {"kernel": "rbf_index", "bandwidth": 50.0}
    if key == "linear":
        spec = {"kernel": "linear", "features": np.random.default_rng(0).standard_normal((n, 4))}
    logits = normal(0, 2, n).float().requires_grad_()
    q = choice(normal(1, 2, n))
    value = make_divergence("mmd", kernel=spec)(choice(logits), Finite((q.log_probs[0].float(),)))
    exact = make_divergence("mmd", kernel=spec)(choice(logits.detach().double()), q)
    assert th.allclose(value.double(), exact, rtol=2e-3)
    (gradient,) = th.autograd.grad(value.sum(), logits)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("q_parameters", [(0.3, 0.7), (-0.4, 1.1)])
def test_rbf_between_gaussians_by_a_double_integral(q_parameters: tuple[float, float]) -> None:
    x = np.linspace(-7, 7, 700)
    matrix = np.exp(-(np.subtract.outer(x, x) ** 2) / (2 * 0.9**2)) * (x[1] - x[0]) ** 2

    def expected(rows: Array) -> float:
        difference = density("gaussian", rows[0])(x) - density("gaussian", rows[1])(x)
        return float(difference @ matrix @ difference)

    rows = np.array([(0.5, 0.6), q_parameters])
    given = th.tensor(rows, requires_grad=True)
    divergence = make_divergence("mmd", kernel={"kernel": "rbf", "bandwidth": 0.9})
    value = divergence(law("gaussian", given[:1]), law("gaussian", given[1:]))
    assert value.item() == pytest.approx(expected(rows), rel=1e-6)
    (gradient,) = th.autograd.grad(value.sum(), given)
    np.testing.assert_allclose(gradient.numpy(), differences(expected, rows), atol=1e-5)
    third = law("gaussian", th.tensor([(1.5, 0.4)], dtype=th.float64))
    mixed = mixture([law("gaussian", given[1:]), third], (0.6, 0.4))
    difference = density("gaussian", rows[0])(x) - 0.6 * density("gaussian", rows[1])(x)
    difference = difference - 0.4 * density("gaussian", (1.5, 0.4))(x)
    value = divergence(law("gaussian", given[:1]), mixed)
    assert value.item() == pytest.approx(difference @ matrix @ difference, rel=1e-6)
    assert divergence(mixed, mixed).item() == pytest.approx(0, abs=1e-12)


def test_rbf_between_gaussians_in_more_dimensions_multiplies() -> None:
    """k is a product over dimensions, and so is E k; its parts are the differences of MMD² in one dimension."""
    generator = np.random.default_rng(6)
    mean_p, mean_q = generator.standard_normal((2, 3))
    std_p, std_q = generator.uniform(0.3, 1.5, (2, 3))
    x = generator.standard_normal((4, 200_000, 3))
    samples = mean_p + std_p * x[0], mean_p + std_p * x[1], mean_q + std_q * x[2], mean_q + std_q * x[3]

    def similarity(a: Array, b: Array) -> Array:
        return np.exp(-((a - b) ** 2).sum(1) / (2 * 1.2**2))

    p_p, p_q, q_q = (similarity(samples[i], samples[j]) for i, j in ((0, 1), (1, 2), (2, 3)))
    draws = p_p - 2 * p_q + q_q
    laws = [Gaussian(th.tensor(mean[None]), th.tensor(std[None])) for mean, std in ((mean_p, std_p), (mean_q, std_q))]
    value = make_divergence("mmd", kernel={"kernel": "rbf", "bandwidth": 1.2})(*laws).item()
    # Five standard errors: false-positive rate 6e-7.
    assert abs(value - draws.mean()) < 5 * draws.std() / np.sqrt(len(draws))


@pytest.mark.parametrize("kinds", [("gaussian", "uniform"), ("beta", "gaussian"), ("uniform", "beta")])
def test_linear_compares_means(kinds: tuple[str, str]) -> None:
    rows = {"gaussian": (0.4, 0.9), "beta": (2.0, 3.5), "uniform": (0.0, 1.0)}
    x, width = grid(*kinds)
    means = [float((density(kind, rows[kind])(x) * x * width).sum()) for kind in kinds]
    p, q = (law(kind, th.tensor([rows[kind]], dtype=th.float64)) for kind in kinds)
    divergence = make_divergence("mmd", kernel="linear")
    assert divergence(p, q).item() == pytest.approx((means[0] - means[1]) ** 2, rel=1e-6)
    mixed = mixture([p, q], (0.25, 0.75))
    assert divergence(p, mixed).item() == pytest.approx(0.75**2 * (means[0] - means[1]) ** 2, rel=1e-6)
    assert not divergence.bounded
    squashed = law("tanh_gaussian", th.tensor([(0.4, 0.9)], dtype=th.float64))
    for pair in ((squashed, p), (p, squashed), (mixture([squashed, p], (1.0, 1.0)), p)):
        with pytest.raises(ValueError, match="The divergence 'mmd' has no closed form between"):
            divergence(*pair)


def test_the_median_heuristic() -> None:
    distances = [np.linalg.norm(FEATURES[i] - FEATURES[j]) for i in range(6) for j in range(i)]
    assert RBF("median", FEATURES).bandwidth == pytest.approx(np.median(distances))
    many = np.arange(5000.0)[:, None]
    # |i − j| of uniform i, j has the median (1 − √½) n.
    assert RBF("median", many).bandwidth == pytest.approx((1 - np.sqrt(0.5)) * 5000, rel=0.01)
    assert RBF("median", [[0.0], [0.0], [0.0], [2.0]]).bandwidth == 2.0


@pytest.mark.parametrize("key", SPECS)
def test_survives_pickling_after_use(key: str) -> None:
    divergence = make_divergence("mmd", kernel=SPECS[key])
    p, q = choice(normal(1, 2, 6).float()), choice(normal(2, 2, 6).float())
    value = divergence(p, q)
    assert th.equal(pickle.loads(pickle.dumps(divergence))(p, q), value)
    assert make_divergence("mmd", kernel=SPECS[key]).bounded
    tensor = make_kernel({**SPECS[key], **({"features": th.tensor(FEATURES)} if "features" in SPECS[key] else {})})
    assert th.equal(make_divergence("mmd", kernel=tensor)(p, q), value)
