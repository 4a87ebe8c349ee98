"""Similarity against a transcription of the formula, one number at a time."""

import math
import re

import pytest
import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import (
    KINDS,
    cosine_similarity,
    decide,
    pair_minima,
    settled,
    similarity,
)


def transcribed(values: list[list[list[float]]], kind: str) -> float:
    """:param values: of two groups, C critics, N samples in one state"""
    vectors = []
    for group in values:
        vector = [min(critic[sample] for critic in group) for sample in range(len(group[0]))]
        shift = {"shifted": min(vector), "raw": 0.0, "centred": sum(vector) / len(vector)}[kind]
        vectors.append([value - shift for value in vector])
    f, g = vectors
    norms = math.sqrt(sum(x * x for x in f)) * math.sqrt(sum(x * x for x in g))
    return sum(x * y for x, y in zip(f, g, strict=True)) / norms if norms else 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_critics", [1, 2, 3])
def test_it_is_the_formula(kind: str, n_critics: int) -> None:
    values = 3 * th.randn(2, n_critics, 7, 5, generator=th.Generator().manual_seed(1), dtype=th.float64) - 1.5
    found = similarity(values, kind)
    for state in range(5):
        assert found[state].item() == pytest.approx(transcribed(values[..., state].tolist(), kind), abs=1e-12)


def test_the_kinds_differ_and_shifted_is_the_default() -> None:
    values = th.randn(2, 2, 9, 4, generator=th.Generator().manual_seed(2)) + 20
    found = {kind: similarity(values, kind) for kind in KINDS}
    assert (found["raw"] > 0.99).all()
    assert (found["shifted"] >= 0).all()
    assert (found["centred"] < 0).any()
    assert not th.allclose(found["shifted"], found["centred"])
    assert th.equal(similarity(values), found["shifted"])
    soft, plain = pair_minima(values)
    assert th.equal(cosine_similarity(soft, plain), found["shifted"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_zero_vector_gives_0(kind: str) -> None:
    level = 0.0 if kind == "raw" else 0.1  # 0.1 is no float32, and 100 of them have no exact mean
    flat, other = th.full((100, 3), level), th.randn(100, 3, generator=th.Generator().manual_seed(3))
    assert th.equal(cosine_similarity(flat, other, kind), th.zeros(3))
    assert th.equal(cosine_similarity(other, flat, kind), th.zeros(3))
    assert th.equal(cosine_similarity(flat, flat, kind), th.zeros(3))


@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_within_its_bounds(kind: str) -> None:
    f = th.randn(50, 2000, generator=th.Generator().manual_seed(4))
    alike = cosine_similarity(f, 3 * f, kind)
    assert (alike <= 1).all()
    assert (alike > 1 - 1e-6).all()
    if kind != "shifted":
        opposed = cosine_similarity(f, -f, kind)
        assert (opposed >= -1).all()
        assert (opposed < -1 + 1e-6).all()


@pytest.mark.parametrize("size", [1e-15, 1e15])
def test_size_does_not_matter(size: float) -> None:
    f, g = th.rand(2, 30, 6, generator=th.Generator().manual_seed(5))
    assert th.allclose(cosine_similarity(size * f, size * g), cosine_similarity(f, g), rtol=1e-5, atol=0)


def test_uncorrelated_vectors_seem_the_more_alike_the_more_samples() -> None:
    f, g = th.randn(2, 400, 4000, generator=th.Generator().manual_seed(6))
    means = [cosine_similarity(f[:n], g[:n]).mean().item() for n in (4, 100, 400)]
    assert means == pytest.approx([0.60, 0.86, 0.89], abs=0.01)  # what the project's notes on the source have


def test_decisions_at_the_ends() -> None:
    sim = th.tensor([-1.0, -0.5, 0.0, 0.9, 1.0])
    assert decide(sim, -1).all()  # also where sim = −1
    assert not decide(sim, 1).any()
    assert decide(sim, 0.9).tolist() == [False, False, False, False, True]  # sim > ε, not ≥
    assert decide(sim, -0.5).tolist() == [False, False, True, True, True]
    assert (settled(-1), settled(1), settled(0.9), settled(-0.999)) == (True, False, None, None)


@pytest.mark.parametrize("threshold", [-1.01, 1.5, math.nan])
def test_a_threshold_outside_is_refused(threshold: float) -> None:
    message = f"similarity_threshold must be a number between -1 and 1, but {threshold!r} was given."
    with pytest.raises(ValueError, match=re.escape(message)):
        decide(th.zeros(2), threshold)


def test_an_unknown_kind_is_refused() -> None:
    message = "Unknown similarity 'shiftd'. Available: centred, raw, shifted. Did you mean 'shifted'?"
    with pytest.raises(ValueError, match=re.escape(message)):
        similarity(th.zeros(2, 2, 3, 1), "shiftd")
