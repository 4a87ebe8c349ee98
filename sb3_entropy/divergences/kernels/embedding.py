"""Distances in a kernel's feature space, from the mean similarity of two laws."""

from collections.abc import Callable

import torch as th

from sb3_entropy.distributions.laws import Law, Mixture

Similarity = Callable[[Law, Law], th.Tensor | None]


def squared_distance(similarity: Similarity, p: Law, q: Law) -> th.Tensor | None:
    """
    ⟨p, p⟩ − 2⟨p, q⟩ + ⟨q, q⟩, where ⟨p, q⟩ = E k(x, y) is linear in p and in q, so that mixtures are sums.

    :param similarity: ⟨p, q⟩ between two laws that are no mixtures, shape (B,), or None where it is not known
    :param p: a law
    :param q: another
    :return: MMD², shape (B,), or None where a similarity is not known
    """
    terms = []
    parts = _parts(p, 1.0) + _parts(q, -1.0)
    for i, (f, c) in enumerate(parts):
        for j, (g, d) in enumerate(parts[i:], start=i):
            value = similarity(f, g)
            if value is None:
                return None
            terms.append((1 if i == j else 2) * c * d * value)
    return th.stack(terms).sum(0)


def _parts(law: Law, weight: float) -> list[tuple[Law, float]]:
    """The laws that it is a sum of, with their coefficients."""
    if not isinstance(law, Mixture):
        return [(law, weight)]
    return [part for inner, c in zip(law.laws, law.weights, strict=True) for part in _parts(inner, weight * c)]
