"""Laws against SciPy's densities, enumeration and their own samples."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from law_oracles import HIGH, LOW, Array, choice, choices, density, grid, joint, law
from scipy import stats

from sb3_entropy.distributions.laws import (
    Beta,
    Bounds,
    Choices,
    Dirac,
    Finite,
    Gaussian,
    Mixture,
    Reals,
    TanhGaussian,
    UniformBox,
    mixture,
    tabulate,
    uniform_law,
)
from sb3_entropy.distributions.laws.mixture import log_sum_exp

BOX = spaces.Box(np.array([-0.5, 1.0], np.float32), np.array([2.0, 5.0], np.float32))


def normal(*shape: int) -> th.Tensor:
    return th.randn(shape, generator=th.Generator().manual_seed(7))


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("gaussian", (0.3, 0.7)), ("tanh_gaussian", (0.4, 0.8)), ("beta", (2.5, 1.4)), ("uniform", (0.0, 1.0))],
)
def test_densities_and_samples_in_one_dimension(kind: str, parameters: tuple[float, float]) -> None:
    """
    Densities against SciPy; samples by Kolmogorov and Smirnov's test against the integrated density. Its false-positive
    rate is 1e-3 for each of the four laws; the seed is fixed.
    """
    found = law(kind, th.tensor([parameters], dtype=th.float64))
    x, width = grid(kind)
    expected = density(kind, parameters)(x)
    value = found.log_prob(th.as_tensor(x)[:, None, None]).exp()[:, 0].numpy()
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)
    assert (expected * width).sum() == pytest.approx(1, abs=1e-6)
    th.manual_seed(3)
    samples = found.sample(2000)
    assert samples.shape == (2000, 1, 1)
    cdf = np.cumsum(expected * width)
    assert stats.ks_1samp(samples[:, 0, 0].numpy(), lambda s: np.interp(s, x, cdf)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("gaussian", (0.3, 0.7)),
        ("tanh_gaussian", (0.4, 0.8)),
        ("tanh_gaussian", (-1.5, 3.5)),  # another quadrature
        ("beta", (2.5, 1.4)),
        ("uniform", (0.0, 1.0)),
    ],
)
def test_entropies_in_one_dimension(kind: str, parameters: tuple[float, float]) -> None:
    """By −∫ p log p in the environment's units; of a squashed Gaussian over u = artanh x."""
    x, width = grid(kind)
    if kind == "tanh_gaussian":
        u = np.linspace(-12, 12, 400_001) * max(1, parameters[1])
        x = LOW + (HIGH - LOW) * (np.tanh(u) + 1) / 2
        weight = stats.norm(*parameters).pdf(u) * (u[1] - u[0])
        log_slope = np.log((HIGH - LOW) / 2) + 2 * (np.log(2) - u - np.logaddexp(0, -2 * u))
        expected = (weight * (log_slope - stats.norm(*parameters).logpdf(u))).sum()
    else:
        p = density(kind, parameters)(x)
        expected = -(np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0) * width).sum()
    entropy = law(kind, th.tensor([parameters] * 2, dtype=th.float64)).entropy()
    assert entropy is not None
    assert entropy.numpy() == pytest.approx([expected] * 2, abs=1e-6)


def test_entropies_add_up_over_dimensions_and_choices() -> None:
    mean, std, low, high = normal(3, 2), normal(3, 2).exp(), th.tensor([-0.5, 1.0]), th.tensor([2.0, 5.0])
    for made in (TanhGaussian(mean, std, low, high), Beta(std + 1, mean.exp(), low, high), UniformBox(low, high, 3)):
        columns = [
            type(made)(*(v[..., i : i + 1] if isinstance(v, th.Tensor) else v for v in vars(made).values()))
            for i in (0, 1)
        ]
        assert th.allclose(made.entropy(), sum(column.entropy() for column in columns), atol=1e-6)
    sizes = (3, 2, 4)
    found = choices(normal(2, 9), sizes).entropy()
    assert found.numpy() == pytest.approx([stats.entropy(joint(row, sizes)) for row in normal(2, 9).numpy()], abs=1e-6)
    assert Finite((th.tensor([[0.0, -th.inf]]),)).entropy().tolist() == [0.0]


def test_entropies_of_mixtures() -> None:
    tables = [choices(normal(2, 5) + k, (2, 3)) for k in range(2)]
    table = sum(c * tables[i].joint().log_probs[0].exp() for i, c in enumerate((0.3, 0.7)))
    entropy = mixture(tables, (0.3, 0.7)).entropy()
    assert entropy is not None
    assert entropy.numpy() == pytest.approx(stats.entropy(table.numpy(), axis=1), abs=1e-6)
    assert (
        mixture([Gaussian(normal(2, 1), th.ones(2, 1)), Gaussian(normal(2, 1), th.ones(2, 1))], (1, 1)).entropy()
        is None
    )


def test_a_sure_action() -> None:
    action = th.tensor([[0.5, 2.0], [2.0, 5.0]], requires_grad=True)
    sure = Dirac(action, th.tensor([-0.5, 1.0]), th.tensor([2.0, 5.0]))
    assert sure.batch == 2
    assert sure.support == Bounds((-0.5, 1.0), (2.0, 5.0))
    assert sure.entropy().isneginf().all()
    assert not sure.std.any()
    assert th.equal(sure.sample(3), action.detach().expand(3, 2, 2))
    assert not sure.detach().action.requires_grad
    assert sure.log_prob(sure.sample(1)).tolist() == [[th.inf, th.inf]]
    assert sure.log_prob(sure.sample(1) - th.tensor([[0.0, 0.0], [0.0, 1e-3]])).tolist() == [[th.inf, -th.inf]]
    with pytest.raises(ValueError, match=r"Dirac takes parameters of one shape \(B, A\)"):
        Dirac(action[0], action[0], action[0])


def test_nothing_is_outside_the_box() -> None:
    for kind in ("tanh_gaussian", "beta", "uniform"):
        found = law(kind, th.tensor([[2.0, 3.0]]))
        assert found.log_prob(th.tensor([[[LOW - 0.01]], [[HIGH + 0.01]]])).isneginf().all()
        assert found.log_prob(th.tensor([[[LOW]], [[HIGH]]])).isfinite().all()
        samples = found.sample(5000)
        assert ((samples >= LOW) & (samples <= HIGH)).all()


def test_saturated_samples_stay_in_the_box_with_a_density() -> None:
    found = TanhGaussian(th.tensor([[9.0]]), th.tensor([[3.0]]), th.tensor([-0.1]), th.tensor([0.7]))
    th.manual_seed(0)
    samples = found.sample(100)
    assert (samples <= found.high).all()
    assert found.log_prob(samples).isfinite().all()


def test_choices_are_sampled_as_often_as_they_are_probable() -> None:
    """χ² over the joint table; false-positive rate 1e-3 a state, two states."""
    found = choices(normal(2, 7), (3, 4))
    th.manual_seed(1)
    samples = found.sample(4000)
    assert samples.shape == (4000, 2, 2)
    for state in range(2):
        counts = np.bincount((samples[:, state, 0] * 4 + samples[:, state, 1]).numpy(), minlength=12)
        expected = joint(normal(2, 7)[state].numpy().astype(np.float64), (3, 4))
        assert stats.chisquare(counts, 4000 * expected / expected.sum()).pvalue > 1e-3


def test_a_joint_table_is_the_product() -> None:
    found = choices(normal(2, 9), (3, 2, 4))
    table = found.joint().log_probs[0].exp()
    expected = np.stack([joint(row.astype(np.float64), (3, 2, 4)) for row in normal(2, 9).numpy()])
    np.testing.assert_allclose(table.numpy(), expected, rtol=1e-5)
    tabulated = tabulate(found)
    assert tabulated is not None
    assert th.equal(tabulated.log_probs[0].exp(), table)
    assert tabulate(choices(th.zeros(1, 34), (2,) * 17)) is None
    assert tabulate(law("gaussian", th.ones(1, 2))) is None


def test_a_single_choice_takes_actions_with_or_without_their_dimension() -> None:
    found = choice(normal(2, 5))
    actions = th.tensor([[0, 4], [2, 3]])
    assert th.equal(found.log_prob(actions), found.log_prob(actions[..., None]))
    assert th.equal(found.log_prob(actions), found.log_prob(actions.double()))


def sum_of(weights: tuple[float, ...], parts: list[Array]) -> Array:
    return np.asarray(sum(c * part for c, part in zip(weights, parts, strict=True)) / sum(weights))


def test_a_mixture_of_choices_is_a_table() -> None:
    parts = [choice(normal(2, 5) * scale) for scale in (1.0, -2.0, 0.3)]
    found = mixture(parts, (1.0, 3.0, 0.5))
    assert isinstance(found, Finite)
    expected = sum_of((1.0, 3.0, 0.5), [part.log_probs[0].exp().numpy() for part in parts])
    np.testing.assert_allclose(found.log_probs[0].exp().numpy(), expected, rtol=1e-5)


def test_a_mixture_is_a_sum_of_densities() -> None:
    parts = [law("gaussian", th.tensor([[0.3, 0.7]])), law("uniform", th.ones(1, 2)), law("beta", th.full((1, 2), 2.0))]
    found = mixture(parts, (0.5, 0.2, 0.3))
    assert isinstance(found, Mixture)
    assert found.support == Reals(1)
    x = th.linspace(-2, 3, 11)[:, None, None]
    expected = sum_of((0.5, 0.2, 0.3), [part.log_prob(x).exp().numpy() for part in parts])
    np.testing.assert_allclose(found.log_prob(x).exp().numpy(), expected, rtol=1e-5)
    assert mixture(parts[1:], (1.0, 1.0)).support == Bounds((LOW,), (HIGH,))


def test_a_mixture_of_several_choices_is_sampled_by_its_weights() -> None:
    """The share of one action lies within 5 standard errors: false-positive rate 6e-7."""
    sure = [Finite((th.tensor([[0.0, -th.inf]]), th.tensor([[-th.inf, 0.0]]))), choices(th.zeros(1, 4), (2, 2))]
    found = mixture(sure, (1.0, 2.0))
    assert found.support == Choices((2, 2))
    th.manual_seed(0)
    samples = found.sample(3000)
    share = (samples == th.tensor([0, 1])).all(-1).double().mean().item()
    assert abs(share - (1 / 3 + 2 / 3 / 4)) < 5 * np.sqrt(0.25 / 3000)
    table = tabulate(found)
    assert table is not None
    np.testing.assert_allclose(table.log_probs[0].exp().numpy(), [[1 / 6, 1 / 2, 1 / 6, 1 / 6]], rtol=1e-6)


def test_a_mixture_of_one_is_that_one() -> None:
    one, other = law("gaussian", th.ones(1, 2)), law("gaussian", th.full((1, 2), 2.0))
    assert mixture([one], [0.3]) is one
    assert mixture([one, other], [0.0, 0.3]) is other


def test_nothing_mixed_with_nothing_has_no_gradient_but_a_finite_one() -> None:
    logs = th.tensor([[-th.inf, 0.5], [-th.inf, -th.inf]], requires_grad=True)
    value = log_sum_exp(logs)
    assert th.equal(value.detach(), th.tensor([-th.inf, 0.5]))
    value[1:].sum().backward()
    assert logs.grad is not None
    assert th.equal(logs.grad, th.tensor([[0.0, 1.0], [0.0, 0.0]]))


@pytest.mark.parametrize(
    ("space", "support", "entropy"),
    [
        (spaces.Discrete(5), Choices((5,)), np.log(5)),
        (spaces.MultiDiscrete([3, 4]), Choices((3, 4)), np.log(12)),
        (spaces.MultiBinary(3), Choices((2, 2, 2)), np.log(8)),
        (BOX, Bounds((-0.5, 1.0), (2.0, 5.0)), np.log(10)),
    ],
)
def test_the_uniform_law(space: spaces.Space[Any], support: object, entropy: float) -> None:
    found = uniform_law(space, 3, th.zeros(1, dtype=th.float64))
    assert found.support == support
    assert found.batch == 3
    th.manual_seed(0)
    log_prob = found.log_prob(found.sample(4))
    assert log_prob.dtype == th.float64
    np.testing.assert_allclose(log_prob.numpy(), np.full((4, 3), -entropy), rtol=1e-6)


@pytest.mark.parametrize("low", [-np.inf, 1.0])
def test_there_is_no_uniform_law_without_bounds(low: float) -> None:
    with pytest.raises(ValueError, match=r"finite, distinct bounds.*TransformAction"):
        uniform_law(spaces.Box(low, 1.0, (2,)), 1, th.zeros(1))
    with pytest.raises(ValueError, match="must be Discrete, MultiDiscrete, MultiBinary or a Box"):
        uniform_law(spaces.Text(3), 1, th.zeros(1))


def test_laws_are_cut_from_their_gradients() -> None:
    parameters = th.tensor([[0.3, 0.7]], requires_grad=True)
    logits = th.zeros(1, 4, requires_grad=True)
    laws = [law(kind, parameters) for kind in ("gaussian", "tanh_gaussian", "beta", "uniform")] + [choice(logits)]
    for found in [*laws, mixture(laws[:2], (0.5, 0.5))]:
        samples = found.sample(2)
        assert not samples.requires_grad
        assert found.log_prob(samples).requires_grad or isinstance(found, UniformBox)
        assert not found.detach().log_prob(samples).requires_grad
        assert found.detach().support == found.support


def test_laws_say_what_is_wrong_with_their_parameters() -> None:
    with pytest.raises(ValueError, match=r"Gaussian takes parameters of one shape \(B, A\).*mean \(2, 3\), std \(3,\)"):
        Gaussian(th.zeros(2, 3), th.ones(3))
    with pytest.raises(ValueError, match=r"TanhGaussian takes parameters of one shape"):
        TanhGaussian(th.zeros(2, 3), th.ones(3), th.zeros(3), th.ones(3))
    with pytest.raises(ValueError, match=r"Beta takes parameters of one shape"):
        Beta(th.ones(2), th.ones(2), th.zeros(2), th.ones(2))
    for wrong in ((), (th.zeros(2, 3), th.zeros(1, 3)), (th.zeros(3),)):
        with pytest.raises(ValueError, match=r"Finite takes log-probabilities of shape \(B, n\) for each choice"):
            Finite(wrong)


def test_mixtures_say_what_is_wrong() -> None:
    one = choice(th.zeros(2, 3))
    with pytest.raises(ValueError, match="as many weights as laws, and at least one: 1 and 2"):
        mixture([one], [0.5, 0.5])
    with pytest.raises(ValueError, match="at least one: 0 and 0"):
        mixture([], [])
    for weights in ([0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="must be ≥ 0 and not all 0"):
            mixture([one, one], weights)
    with pytest.raises(ValueError, match=r"3 choices and Finite on 4 choices.*another action space"):
        mixture([one, choice(th.zeros(2, 4))], [0.5, 0.5])


@pytest.mark.parametrize(
    ("support", "text"),
    [
        (Choices((5,)), "5 choices"),
        (Choices((3, 4)), "3 × 4 choices"),
        (Choices((2, 2, 2)), "3 times 2 choices"),
        (Reals(1), "1 unbounded dimension"),
        (Reals(2), "2 unbounded dimensions"),
        (Bounds((-2.0,), (2.0,)), "the box [-2, 2]"),
        (Bounds((-1.0, -1.0), (1.0, 1.0)), "the box [-1, 1] in 2 dimensions"),
        (Bounds((-1.0, 0.0), (1.0, 3.5)), "the box [-1, 1] × [0, 3.5]"),
    ],
)
def test_supports_are_said_in_words(support: object, text: str) -> None:
    assert str(support) == text
