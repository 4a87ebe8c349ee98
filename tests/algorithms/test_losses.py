"""
Losses against their formulas in NumPy, by loops over the batch, and their gradients against central differences, in
float64, at ratios on both sides of the clip range and advantages of both signs.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch as th

from sb3_entropy.algorithms.common import losses

CLIP = 0.2
# Ratios below, at, inside and above the clip range, each with an advantage of either sign.
RATIOS = np.repeat([0.3, 0.79, 0.9, 1.0, 1.15, 1.21, 4.0], 2)
ADVANTAGES = np.array([1.7, -0.6] * 7) * np.linspace(0.5, 2.0, 14)
OLD = np.linspace(-3.0, 0.7, 14)
NEW = OLD + np.log(RATIOS)


def tensor(values: np.ndarray) -> th.Tensor:
    return th.tensor(values, dtype=th.float64)


def slope(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    return np.array([(function(at + e) - function(at - e)) / (2 * step) for e in step * np.eye(len(at))])


def check(loss: Callable[[th.Tensor], th.Tensor], formula: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """The same value, and the formula's slope as gradient, which is returned."""
    given = tensor(at).requires_grad_()
    value = loss(given)
    assert value.shape == ()
    assert value.item() == pytest.approx(formula(at), rel=1e-12)
    value.backward()
    expected = slope(formula, at)
    assert given.grad is not None
    np.testing.assert_allclose(given.grad.numpy(), expected, atol=1e-8)
    return expected


def clipped_term(advantage: float, ratio: float) -> float:
    """PPO's Figure 1: above a good action's 1 + ε and below a bad one's 1 − ε there is nothing more to win."""
    if advantage > 0:
        return advantage * min(ratio, 1 + CLIP)
    return advantage * max(ratio, 1 - CLIP)


def test_policy_gradient_loss() -> None:
    def formula(log_prob: np.ndarray) -> float:
        return -sum(a * x for a, x in zip(ADVANTAGES, log_prob, strict=True)) / len(log_prob)

    check(lambda log_prob: losses.policy_gradient_loss(tensor(ADVANTAGES), log_prob), formula, NEW)


def test_surrogate_loss() -> None:
    def formula(log_prob: np.ndarray) -> float:
        terms = [a * math.exp(x) / math.exp(y) for a, x, y in zip(ADVANTAGES, log_prob, OLD, strict=True)]
        return -sum(terms) / len(terms)

    check(lambda log_prob: losses.surrogate_loss(tensor(ADVANTAGES), log_prob, tensor(OLD)), formula, NEW)


def test_at_the_old_policy_all_three_have_the_policy_gradient() -> None:
    old = tensor(OLD)
    gradients = []
    for loss in (
        lambda log_prob: losses.policy_gradient_loss(tensor(ADVANTAGES), log_prob),
        lambda log_prob: losses.surrogate_loss(tensor(ADVANTAGES), log_prob, old),
        lambda log_prob: losses.clipped_surrogate_loss(tensor(ADVANTAGES), log_prob, old, CLIP),
    ):
        log_prob = old.clone().requires_grad_()
        gradients.append(th.autograd.grad(loss(log_prob), log_prob)[0])
    assert th.allclose(gradients[0], gradients[1])
    assert th.allclose(gradients[0], gradients[2])
    assert th.allclose(gradients[0], -tensor(ADVANTAGES) / 14)


def test_clipped_surrogate_loss() -> None:
    def formula(log_prob: np.ndarray) -> float:
        terms = [clipped_term(a, math.exp(x - y)) for a, x, y in zip(ADVANTAGES, log_prob, OLD, strict=True)]
        return -sum(terms) / len(terms)

    gradient = check(
        lambda log_prob: losses.clipped_surrogate_loss(tensor(ADVANTAGES), log_prob, tensor(OLD), CLIP), formula, NEW
    )
    # A bad action below the range and a good one above it are left alone; the opposite is still mended.
    np.testing.assert_array_equal(gradient == 0, [*[False, True] * 2, *[False] * 6, *[True, False] * 2])


def test_approximate_kl_is_the_kl_on_average_and_never_negative() -> None:
    """Over all actions of two asymmetric laws, each as often as π_old takes it."""
    weights = np.array([5, 3, 2])
    old, new = weights / 10, np.array([0.2, 0.1, 0.7])
    log_ratio = np.repeat(np.log(new / old), weights)
    assert float(losses.approximate_kl(tensor(log_ratio))) == pytest.approx((old * np.log(old / new)).sum(), rel=1e-12)
    assert (new * np.log(new / old)).sum() != pytest.approx((old * np.log(old / new)).sum(), rel=0.01)
    for single in (-2.0, -1e-3, 1e-3, 2.0):
        assert float(losses.approximate_kl(tensor(np.array([single])))) > 0
    check(
        losses.approximate_kl,
        lambda at: sum(math.exp(x) - 1 - x for x in at) / len(at),
        np.array([-1.3, -0.2, 0.0, 0.4, 1.1]),
    )


def test_clip_fraction() -> None:
    outside = [ratio for ratio in RATIOS if not 0.8 <= ratio <= 1.2]
    assert float(losses.clip_fraction(tensor(NEW - OLD), CLIP)) == pytest.approx(len(outside) / 14, abs=1e-7)
    assert float(losses.clip_fraction(tensor(NEW - OLD), 3.5)) == 0.0


def test_entropy_loss_of_a_softmax() -> None:
    def formula(logits: np.ndarray) -> float:
        p = np.exp(logits) / np.exp(logits).sum()
        return float((p * np.log(p)).sum())

    def loss(logits: th.Tensor) -> th.Tensor:
        return losses.entropy_loss(th.distributions.Categorical(logits=logits[None]).entropy())

    check(loss, formula, np.array([0.3, -1.2, 0.9]))


def test_value_loss() -> None:
    values, returns = np.array([0.3, -1.0, 2.5, 0.0]), np.array([1.0, -1.5, 2.0, 0.7])
    check(
        lambda given: losses.value_loss(given, tensor(returns)),
        lambda at: sum((v - r) ** 2 for v, r in zip(at, returns, strict=True)) / 4,
        values,
    )


def test_clipped_values() -> None:
    old = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    values, returns = np.array([0.1, 0.5, -0.5, 1.25, 0.6]), np.array([1.0, 1.0, 1.0, -1.0, -1.0])

    def formula(at: np.ndarray) -> float:
        near = [v if abs(v - v0) <= 0.3 else v0 + math.copysign(0.3, v - v0) for v, v0 in zip(at, old, strict=True)]
        return sum((v - r) ** 2 for v, r in zip(near, returns, strict=True)) / 5

    gradient = check(
        lambda given: losses.value_loss(losses.clipped_values(given, tensor(old), 0.3), tensor(returns)),
        formula,
        values,
    )
    np.testing.assert_array_equal(gradient == 0, [False, True, True, False, True])


def test_normalised() -> None:
    given, unit = losses.normalised(tensor(ADVANTAGES))
    assert float(unit) == pytest.approx(np.std(ADVANTAGES, ddof=1) + 1e-8, rel=1e-12)
    np.testing.assert_allclose(given.numpy(), (ADVANTAGES - ADVANTAGES.mean()) / float(unit), rtol=1e-12)
    alike, _ = losses.normalised(th.full((4,), 0.3))
    assert alike.isfinite().all()


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("alpha", [0.37, 0.0])
def test_soft_advantages(alpha: float, centred: bool) -> None:
    found = losses.soft_advantages(tensor(ADVANTAGES), tensor(OLD), alpha, centred).numpy()
    bonus = np.array([-alpha * x for x in OLD])
    np.testing.assert_allclose(found - ADVANTAGES, bonus - (bonus.mean() if centred else 0.0), atol=1e-12)
    assert centred or alpha == 0 or (found[OLD < 0] > ADVANTAGES[OLD < 0]).all()
    as_tensor = losses.soft_advantages(tensor(ADVANTAGES), tensor(OLD), tensor(np.array(alpha)), centred)
    np.testing.assert_array_equal(as_tensor.numpy(), found)


def same_as_autograds(
    loss: Callable[[th.Tensor], th.Tensor], gradient: Callable[[th.Tensor], th.Tensor], at: th.Tensor
) -> None:
    """Bit for bit, in float32."""
    leaf = at.detach().clone().requires_grad_()
    loss(leaf).backward()
    assert leaf.grad is not None
    assert th.equal(gradient(leaf.detach()), leaf.grad)
    assert bool(leaf.grad.any())


@pytest.mark.parametrize("n", [1, 7, 14, 64, 1000])
def test_gradients_that_are_written_out_are_autograds(n: int) -> None:
    generator = th.Generator().manual_seed(n)
    advantages, old, new, returns = (th.randn(n, generator=generator) for _ in range(4))
    new = old + 0.3 * new  # ratios inside and outside the clip range
    for clip in (0.2, 0.1):
        same_as_autograds(
            lambda x, clip=clip: losses.clipped_surrogate_loss(advantages, x, old, clip),
            lambda x, clip=clip: losses.clipped_surrogate_loss_gradient(advantages, x, old, clip),
            new,
        )
        same_as_autograds(
            lambda x, clip=clip: 0.37 * losses.value_loss(losses.clipped_values(x, old, clip + 1), returns),
            lambda x, clip=clip: losses.clipped_values_gradient(
                losses.value_loss_gradient(losses.clipped_values(x, old, clip + 1), returns, 0.37), x, old, clip + 1
            ),
            new,
        )
    same_as_autograds(
        lambda x: losses.policy_gradient_loss(advantages, x),
        lambda x: losses.policy_gradient_loss_gradient(advantages),
        new,
    )
    for coef in (0.013, th.tensor(0.7)):
        same_as_autograds(
            lambda x, coef=coef: coef * losses.entropy_loss(x),
            lambda x, coef=coef: losses.entropy_loss_gradient(n, coef).expand(n),
            new,
        )


def test_where_the_clipped_and_the_plain_surrogate_are_equal_the_gradient_is_the_plain_ones() -> None:
    """At ρ = 1 both are A; autograd gives half of it to each."""
    log_prob = th.tensor([-0.5, -0.5])
    advantages = th.tensor([2.0, -3.0])
    found = losses.clipped_surrogate_loss_gradient(advantages, log_prob, log_prob, 0.2)
    assert found.tolist() == [-1.0, 1.5]


def test_where_rounding_makes_them_equal_outside_the_clip_the_gradient_is_autograds() -> None:
    """Of 20,000 ratios within 3·10⁻⁷ of the clip's end some 100 tie; autograd then gives half of the gradient."""
    generator = th.Generator().manual_seed(0)
    log_prob = th.log(th.tensor(1.2)) + (th.rand(20_000, generator=generator) * 2 - 1) * 3e-7
    advantages, old = th.randn(20_000, generator=generator), th.zeros(20_000)
    leaf = log_prob.clone().requires_grad_()
    (expected,) = th.autograd.grad(losses.clipped_surrogate_loss(advantages, leaf, old, 0.2), leaf)
    assert th.equal(losses.clipped_surrogate_loss_gradient(advantages, log_prob, old, 0.2), expected)
    ratio = log_prob.exp()
    assert ((advantages * ratio == advantages * ratio.clamp(0.8, 1.2)) & (ratio > 1.2)).sum() > 10
