"""What every registered divergence keeps to, between the laws of finitely many actions."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch as th
from law_oracles import choice, choices
from torch.autograd import gradcheck, gradgradcheck

from sb3_entropy.distributions.laws import Finite, Law
from sb3_entropy.divergences import Divergence, FDivergence, make_divergence
from sb3_entropy.divergences.mmd_witness import MMDWitness
from sb3_entropy.registry import DIVERGENCES

KEYS = DIVERGENCES.keys()
#: these are penalties, without a zero at p = q
NOT_ZERO_AT_EQUALITY = {"negative_entropy"}
#: these have a kink there
NOT_SMOOTH_AT_EQUALITY = {"total_variation", "max_deviation"}


def normal(seed: int, *shape: int) -> th.Tensor:
    return th.randn(shape, dtype=th.float64, generator=th.Generator().manual_seed(seed))


def as_law(logits: th.Tensor, sizes: tuple[int, ...]) -> Law:
    return choices(logits, sizes)


@pytest.mark.parametrize("key", KEYS)
def test_is_described_and_made_by_its_key(key: str) -> None:
    divergence = make_divergence(key)
    assert isinstance(divergence, Divergence)
    assert divergence.description
    assert divergence.bounded in (True, False)
    assert divergence.estimator is None
    assert divergence.n_samples == 64


@pytest.mark.parametrize("sizes", [(6,), (3, 2)])
@pytest.mark.parametrize("key", KEYS)
def test_is_zero_at_equality_and_positive_elsewhere(key: str, sizes: tuple[int, ...]) -> None:
    divergence = make_divergence(key)
    p = as_law(normal(0, 40, sum(sizes)), sizes)
    q = as_law(normal(1, 40, sum(sizes)), sizes)
    value = divergence(p, q)
    assert value.shape == (40,)
    if key not in NOT_ZERO_AT_EQUALITY:
        assert th.allclose(divergence(p, p), th.zeros(40, dtype=th.float64), atol=1e-14)
        assert (value > 1e-4).all()


@pytest.mark.parametrize("sizes", [(6,), (3, 2)])
@pytest.mark.parametrize("key", KEYS)
def test_gradients_of_both_orders(key: str, sizes: tuple[int, ...]) -> None:
    divergence = make_divergence(key)

    def of_logits(p: th.Tensor, q: th.Tensor) -> th.Tensor:
        return divergence(as_law(p, sizes), as_law(q, sizes))

    inputs = tuple(normal(seed, 2, sum(sizes)).requires_grad_() for seed in (0, 1))
    if isinstance(divergence, MMDWitness):
        # Half of the gradient is what it is about; see test_penalties_of_starnes.
        (gradient,) = th.autograd.grad(of_logits(*inputs).sum(), inputs[0])
        (whole,) = th.autograd.grad(
            make_divergence("mmd", kernel=divergence.kernel)(*(as_law(x, sizes) for x in inputs)).sum(), inputs[0]
        )
        assert th.allclose(gradient, whole / 2, atol=1e-14)
    else:
        assert gradcheck(of_logits, inputs)
    assert gradgradcheck(of_logits, inputs)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in NOT_SMOOTH_AT_EQUALITY])
def test_second_derivatives_at_equality_are_those_of_its_neighbourhood(key: str) -> None:
    """Where p = q a branch or a masked value could lose the curvature."""
    divergence = make_divergence(key)
    q = choice(normal(0, 1, 4))

    def of_logits(p: th.Tensor) -> th.Tensor:
        return divergence(choice(p), q).sum()

    hessian = th.autograd.functional.hessian(of_logits, normal(0, 1, 4))
    near = th.autograd.functional.hessian(of_logits, normal(0, 1, 4) + 1e-5 * normal(2, 1, 4))
    assert hessian.abs().max() > 1e-3
    assert th.allclose(hessian, near, atol=1e-4)


EDGES = {
    "equal": ([0.5, -1.0, 0.3, 0.0], [0.5, -1.0, 0.3, 0.0]),
    "uniform": ([0.0] * 4, [0.0] * 4),
    "underflow of p": ([80.0, -80.0, 0.0, 79.0], [0.5, -1.0, 0.3, 0.0]),
    "underflow of q": ([0.5, -1.0, 0.3, 0.0], [80.0, -80.0, 0.0, 79.0]),
    "underflow of both": ([80.0, -80.0, 0.0, -80.0], [-80.0, 80.0, 0.0, -80.0]),
    "p = 0": ([0.5, -th.inf, 0.3, -th.inf], [0.5, -1.0, 0.3, 0.0]),
    "q = 0": ([0.5, -1.0, 0.3, 0.0], [0.5, -th.inf, 0.3, -th.inf]),
    "both 0": ([0.5, -1.0, 0.3, -th.inf], [0.5, -1.0, 0.2, -th.inf]),
    "disjoint": ([0.0, 0.0, -th.inf, -th.inf], [-th.inf, -th.inf, 0.0, 0.0]),
}
#: where the definition is infinite
INFINITE = {("kl", "q = 0"), ("kl", "disjoint"), ("reverse_kl", "p = 0"), ("reverse_kl", "disjoint")}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("key", KEYS)
def test_values_and_gradients_at_the_edges_in_single_precision(key: str, edge: str) -> None:
    logits, others = (th.tensor([row]) for row in EDGES[edge])
    logits.requires_grad_()
    others.requires_grad_()
    divergence = make_divergence(key)
    value = divergence(choice(logits), choice(others))
    assert value.dtype == th.float32
    if (key, edge) in INFINITE:
        assert value.item() == np.inf
    else:
        assert value.isfinite().all()
        exact = divergence(choice(logits.detach().double()), choice(others.detach().double()))
        assert value.item() == pytest.approx(exact.item(), rel=1e-5, abs=1e-6)
        if key not in NOT_ZERO_AT_EQUALITY:
            assert value.item() >= 0
    gradients = th.autograd.grad(value.sum(), (logits, others), allow_unused=True)
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)
    # The gradient is also that of a product of choices.
    value = divergence(*(Finite((x.log_softmax(-1), x.log_softmax(-1))) for x in (logits, others)))
    gradients = th.autograd.grad(value.sum(), (logits, others), allow_unused=True)
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@pytest.mark.parametrize("key", KEYS)
def test_a_bounded_one_is_bounded(key: str) -> None:
    divergence = make_divergence(key)
    if isinstance(divergence, FDivergence):
        assert divergence.bounded == np.isfinite(divergence.at_p_zero + divergence.at_q_zero)
    one, other = (choice(th.tensor([[100.0 * i, 0.0, 100.0 - 100 * i]])) for i in (0, 1))
    value = divergence(one, other).item()
    assert value <= 2 or not divergence.bounded
    # f-divergences reach their bound between laws that share no action.
    if isinstance(divergence, FDivergence) and divergence.bounded:
        assert value == pytest.approx(divergence.at_p_zero + divergence.at_q_zero, rel=1e-5)


@pytest.mark.parametrize("key", KEYS)
def test_the_weights_of_the_gradient(key: str) -> None:
    """Σ_a w(a) ∂p(a)/∂θ through a network is the gradient that autograd finds."""
    generator = th.Generator().manual_seed(4)
    hidden, head = (th.randn(shape, generator=generator, dtype=th.float64) for shape in ((3, 8), (8, 6)))
    hidden.requires_grad_()
    states, q = th.randn(5, 3, generator=generator, dtype=th.float64), choice(normal(1, 5, 6))

    p = choice(th.tanh(states @ hidden) @ head)
    divergence = make_divergence(key)
    weights = divergence.gradient_weights(p, q)
    assert weights.shape == (5, 6)
    assert not weights.requires_grad
    (expected,) = th.autograd.grad(divergence(p, q).sum(), hidden, retain_graph=True)
    (found,) = th.autograd.grad((weights * p.log_probs[0].exp()).sum(), hidden)
    assert th.allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("key", KEYS)
def test_the_weights_are_finite_where_p_vanishes(key: str) -> None:
    p = choice(th.tensor([[0.0, -th.inf, -300.0, 0.4]]))
    weights = make_divergence(key).gradient_weights(p, choice(th.tensor([[0.1, 0.2, 0.3, 0.4]])))
    assert weights.isfinite().all()
    assert (weights[0, 1:3] == 0).all()


@pytest.mark.parametrize("key", KEYS)
def test_survives_pickling(key: str) -> None:
    divergence = make_divergence(key)
    p, q = choice(normal(0, 3, 4)), choice(normal(1, 3, 4))
    value = divergence(p, q)
    assert th.equal(pickle.loads(pickle.dumps(divergence))(p, q), value)


@pytest.mark.parametrize("key", KEYS)
def test_a_hundred_thousand_actions(key: str) -> None:
    n = 100_000
    logits = (3 * normal(0, 2, n)).float().requires_grad_()
    q = choice((3 * normal(1, 2, n)).float())
    divergence = make_divergence(key)
    value = divergence(choice(logits), q)
    exact = divergence(choice(logits.detach().double()), choice(3 * normal(1, 2, n)))
    assert th.allclose(value.double(), exact, rtol=2e-4)
    (gradient,) = th.autograd.grad(value.sum(), logits)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("key", [key for key in KEYS if make_divergence(key).estimators])
def test_the_global_generator_makes_estimates_repeatable(key: str) -> None:
    options: dict[str, Any] = {"estimator": "mixture_sampling", "n_samples": 8}
    divergence = make_divergence(key, **options)
    p, q = choice(normal(0, 3, 4)), choice(normal(1, 3, 4))
    values = []
    for seed in (0, 0, 1):
        th.manual_seed(seed)
        values.append(divergence.estimate(p, q))
    assert th.equal(values[0], values[1])
    assert not th.equal(values[0], values[2])
    # A closed form is never replaced by its estimate.
    assert th.equal(divergence(p, q), make_divergence(key)(p, q))
