"""The actions among which the greatest Q is looked for."""

import numpy as np
import pytest

from sb3_entropy.landscape.q.actions import candidate_actions


@pytest.mark.parametrize(("n_actions", "n"), [(1, 201), (2, 41 * 41), (3, 1024 + 8), (8, 1024 + 256), (20, 1024)])
def test_as_many_as_is_said_in_the_box_each_once(n_actions: int, n: int) -> None:
    actions = candidate_actions(n_actions)
    assert actions.shape == (n, n_actions)
    assert abs(actions).max() <= 1
    assert len(np.unique(actions, axis=0)) >= n - 1  # the sequence begins in a corner


@pytest.mark.parametrize("n_actions", [1, 2, 3, 6])
def test_every_corner_is_among_them(n_actions: int) -> None:
    corners = {tuple(row) for row in candidate_actions(n_actions) if (abs(row) == 1).all()}
    assert len(corners) == 2**n_actions


@pytest.mark.parametrize("n_actions", [1, 2, 5, 20])
def test_they_fill_the_box_evenly(n_actions: int) -> None:
    actions = candidate_actions(n_actions)
    assert np.abs(actions.mean(axis=0)).max() < 0.01
    assert np.allclose((actions**2).mean(axis=0), 1 / 3, atol=0.03)


@pytest.mark.parametrize("wrong", [0, -1, 1.5])
def test_a_dimension_that_makes_no_sense_is_refused(wrong: float) -> None:
    with pytest.raises((TypeError, ValueError), match="n_actions must"):
        candidate_actions(wrong)  # type: ignore[arg-type]
