"""Elimination in a common pattern against LAPACK."""

import numpy as np
import pytest

from sb3_entropy.mdp.elimination import Elimination


@pytest.mark.parametrize("density", [0.0, 0.1, 0.4, 1.0])
def test_solutions_from_both_sides(density: float) -> None:
    rng = np.random.default_rng(0)
    n, K = 12, 7
    pattern = rng.random((n, n)) < density
    G = pattern * rng.random((K, n, n))
    G *= 0.95 / np.maximum(G.sum(axis=2, keepdims=True), 1.0)
    M = np.eye(n) - G
    elimination = Elimination(pattern)
    entries = np.zeros((elimination.size, K))
    s, t = np.nonzero(elimination.places >= 0)
    entries[elimination.places[s, t]] = M[:, s, t].T
    b = rng.normal(size=(n, K))
    least = elimination.factorise(entries)
    assert (least > 0).all()
    for found, matrices in (
        (elimination.solve(entries, b), M),
        (elimination.solve_transposed(entries, b), M.swapaxes(1, 2)),
    ):
        np.testing.assert_allclose(found.T, np.linalg.solve(matrices, b.T[:, :, None])[:, :, 0], atol=1e-12)


def test_places_are_those_that_can_differ_from_0() -> None:
    star = np.zeros((6, 6), dtype=bool)
    star[0, :] = True
    elimination = Elimination(star)  # the middle comes last: nothing fills in
    assert elimination.size == 6 + 2 * 5
    assert elimination.cost == 5
    assert elimination.pivots[-1].row == 0 or len(elimination.pivots[-1].others) == 0
    full = Elimination(np.ones((6, 6), dtype=bool))
    assert full.size == 36
    assert full.cost == sum(k * k for k in range(6))


def test_a_singular_matrix_is_told_by_its_least_pivot() -> None:
    elimination = Elimination(np.ones((3, 3), dtype=bool))
    entries = np.zeros((9, 2))
    for k, leaves in enumerate((0.5, 0.0)):
        M = np.array([[1.0, -1.0, 0.0], [-(1 - leaves), 1.0, 0.0], [-0.5, -0.5, 1.0]])
        entries[elimination.places.reshape(-1), k] = M.reshape(-1)
    assert elimination.factorise(entries).tolist() == [0.5, 0.0]
