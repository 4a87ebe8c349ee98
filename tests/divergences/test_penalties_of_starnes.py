"""
The five penalties of Starnes, Dereventsov, Webster 2023, written as their code computes them, against ours.

With p the policy and U the uniform law of n actions they are ent = −H(p), js = KL(p‖m) + KL(U‖m), hl = Σ(√p − √U)²,
tv = max |p − 1/n|, and mmd = witness · p with the witness detached and a kernel of 1 and exp(−2/1.414²).
"""

import math
from collections.abc import Callable

import pytest
import torch as th
from gymnasium import spaces
from law_oracles import choice

from sb3_entropy.distributions.laws import Law, uniform_law
from sb3_entropy.divergences import make_divergence
from sb3_entropy.divergences.mmd_witness import OFF_DIAGONAL, MMDWitness

B, N_ACTIONS = 20, 7


def logits() -> th.Tensor:
    return 2 * th.randn(B, N_ACTIONS, generator=th.Generator().manual_seed(3), dtype=th.float64)


def uniform() -> Law:
    return uniform_law(spaces.Discrete(N_ACTIONS), B, logits())


def kernel_matrix() -> th.Tensor:
    matrix = th.full((N_ACTIONS, N_ACTIONS), math.exp(-2 / 1.414**2), dtype=th.float64)
    return matrix.fill_diagonal_(1.0)


def ent(p: th.Tensor) -> th.Tensor:
    return (p * p.log()).sum(-1)


def js(p: th.Tensor) -> th.Tensor:
    u = th.full_like(p, 1 / N_ACTIONS)
    m = (p + u) / 2
    return (p * (p / m).log()).sum(-1) + (u * (u / m).log()).sum(-1)


def hl(p: th.Tensor) -> th.Tensor:
    return ((p.sqrt() - math.sqrt(1 / N_ACTIONS)) ** 2).sum(-1)


def tv(p: th.Tensor) -> th.Tensor:
    return (p - 1 / N_ACTIONS).abs().max(-1).values


def mmd(p: th.Tensor) -> th.Tensor:
    witness = ((p - 1 / N_ACTIONS) @ kernel_matrix()).detach()
    return (witness * p).sum(-1)


PENALTIES: dict[str, Callable[[th.Tensor], th.Tensor]] = {
    "negative_entropy": ent,
    "jensen_shannon_sum": js,
    "hellinger_sum": hl,
    "max_deviation": tv,
    "mmd_witness": mmd,
}


def gradient_of(value: th.Tensor, at: th.Tensor) -> th.Tensor:
    (gradient,) = th.autograd.grad(value.sum(), at)
    return gradient


@pytest.mark.parametrize("key", PENALTIES)
def test_is_the_penalty_of_the_paper(key: str) -> None:
    x, y = logits().requires_grad_(), logits().requires_grad_()
    found, expected = make_divergence(key)(choice(x), uniform()), PENALTIES[key](y.softmax(-1))
    # The witness of a kernel with a constant off the diagonal sums to 0, so that witness · p is witness · (p − U).
    assert th.allclose(found, expected, atol=1e-12)
    assert th.allclose(gradient_of(found, x), gradient_of(expected, y), atol=1e-12)


@pytest.mark.parametrize(
    ("key", "true", "factor"),
    [
        ("negative_entropy", "kl", 1.0),
        ("jensen_shannon_sum", "jensen_shannon", 2.0),
        ("hellinger_sum", "hellinger", 2.0),
        ("mmd_witness", "mmd", 0.5),
    ],
)
def test_a_coefficient_of_the_paper_converts_to_one_of_the_true_divergence(key: str, true: str, factor: float) -> None:
    x, y = logits().requires_grad_(), logits().requires_grad_()
    kernel = {"kernel": {"kernel": "delta", "off_diagonal": OFF_DIAGONAL}} if true == "mmd" else {}
    coefficient = 0.35
    theirs = coefficient * make_divergence(key)(choice(x), uniform())
    ours = coefficient * factor * make_divergence(true, **kernel)(choice(y), uniform())
    gradient = gradient_of(theirs, x)
    assert th.allclose(gradient, gradient_of(ours, y), atol=1e-12)
    assert gradient.abs().max() > 1e-3


def test_the_value_of_the_witness_penalty_is_that_of_mmd() -> None:
    p = choice(logits())
    probabilities = p.log_probs[0].exp()
    value = make_divergence("mmd_witness")(p, uniform())
    expected = (1 - OFF_DIAGONAL) * ((probabilities**2).sum(-1) - 1 / N_ACTIONS)
    assert pytest.approx(0.3678, abs=2e-4) == OFF_DIAGONAL
    assert th.allclose(value, expected, atol=1e-12)
    assert th.allclose(value, make_divergence("mmd", kernel=MMDWitness().kernel)(p, uniform()))


def test_the_largest_deviation_is_not_total_variation_and_moves_one_action() -> None:
    p = choice(logits())
    largest, total = (make_divergence(key)(p, uniform()) for key in ("max_deviation", "total_variation"))
    assert (largest < total + 1e-12).all()
    assert not th.allclose(largest, total)
    weights = make_divergence("max_deviation").gradient_weights(p, uniform())
    assert ((weights != 0).sum(-1) == 1).all()
    for key in ("kl", "jensen_shannon", "hellinger", "total_variation", "mmd"):
        assert ((make_divergence(key).gradient_weights(p, uniform()) != 0).sum(-1) == N_ACTIONS).all()


def test_negative_entropy_is_kl_less_its_largest_value() -> None:
    p = choice(logits())
    difference = make_divergence("kl")(p, uniform()) - make_divergence("negative_entropy")(p, uniform())
    assert th.allclose(difference, th.full_like(difference, math.log(N_ACTIONS)))
