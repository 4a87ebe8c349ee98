"""Planes of the box of actions: they are where they should be, and end where the box ends."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from scipy.optimize import linprog

from sb3_entropy.landscape.q.planes import (
    check_bounded,
    check_kind,
    directions_to,
    extent,
    planes_through,
    principal_directions,
    random_directions,
    whole_box,
)

MODES = np.array([[0.2, -0.5, 0.9, 0.0], [-0.7, 0.1, 0.3, 0.99]])


def test_a_line_and_a_square_are_the_whole_box() -> None:
    line = whole_box(np.array([[0.3], [-0.4]]))
    actions, inside = line.actions(5)
    assert line.kind == "box"
    np.testing.assert_allclose(actions[1, :, 0], [-1, -0.5, 0, 0.5, 1])
    assert inside.all()
    square = whole_box(np.array([[0.3, 0.1]]))
    actions, inside = square.actions(3)
    np.testing.assert_allclose(actions[0, 2, 0], [1, -1])
    np.testing.assert_allclose(actions[0, 0, 1], [-1, 0])
    assert inside.all()
    np.testing.assert_allclose(square.project(np.array([[0.3, 0.1]])), [[0.3, 0.1]])


def test_a_pair_varies_two_coordinates_and_keeps_the_others_at_the_mode() -> None:
    pair = whole_box(MODES, (3, 1))
    actions, inside = pair.actions(3)
    assert pair.kind == "pair"
    assert inside.all()
    np.testing.assert_allclose(actions[1, 0, 2], [-0.7, 1, 0.3, -1])
    np.testing.assert_allclose(pair.project(MODES), MODES[:, [3, 1]])
    one = whole_box(MODES, [2])
    np.testing.assert_allclose(one.actions(3)[0][0, 2], [0.2, -0.5, 1, 0])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ((0, 4), ValueError, "A coordinate of the action must be a whole number between 0 and 3, but 4"),
        ((0.5, 1), TypeError, "A coordinate of the action must be a whole number"),
        ((1, 1), ValueError, "one or two different coordinates of the action, but"),
        ((0, 1, 2), ValueError, "one or two different coordinates of the action, but"),
    ],
)
def test_wrong_coordinates_are_refused(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        whole_box(MODES, wrong)


@pytest.mark.parametrize("n_actions", [3, 5, 20])
def test_the_extent_is_that_of_linear_programming(n_actions: int) -> None:
    rng = np.random.default_rng(n_actions)
    for seed in range(4):
        directions, origin = random_directions(n_actions, seed), rng.uniform(-0.95, 0.95, n_actions)
        low, high = extent(origin, directions)
        faces = np.concatenate([directions.T, -directions.T]), np.concatenate([1 - origin, 1 + origin])
        for axis in (0, 1):
            for sign, found in ((1, low[axis]), (-1, high[axis])):
                wanted = linprog(sign * np.eye(2)[axis], *faces, bounds=(None, None))
                assert found == pytest.approx(sign * wanted.fun, abs=1e-9)


def test_actions_of_a_plane_are_those_of_the_plane_that_are_in_the_box() -> None:
    directions = random_directions(4, 1)
    planes = planes_through("random", MODES, np.broadcast_to(directions, (2, 2, 4)))
    actions, inside = planes.actions(21)
    grid = planes.grid(21)
    x, y = grid[1, 0, 4], grid[1, 1, 13]
    exact = MODES[1] + x * directions[0] + y * directions[1]
    assert inside[1, 4, 13] == (np.abs(exact) <= 1).all()
    for state in (0, 1):
        kept = actions[state][inside[state]]
        from_mode = kept - MODES[state]
        np.testing.assert_allclose(from_mode @ directions.T @ directions, from_mode, atol=1e-12)
        assert 0.3 < inside[state].mean() <= 1
    np.testing.assert_allclose(planes.project(MODES), 0, atol=1e-15)
    assert not planes.shifts.any()


def test_at_a_mode_in_a_corner_the_plane_moves_towards_the_middle() -> None:
    corner = np.array([[1.0, -1.0, 1.0, 1.0, -1.0]])
    directions = random_directions(5, 4)[None]
    low, high = extent(corner[0], directions[0])
    planes = planes_through("random", corner, directions)
    assert (high - low).min() < 0.2
    assert planes.shifts[0] > 0
    assert (planes.high - planes.low).min() >= 0.2
    np.testing.assert_allclose(planes.origins, (1 - planes.shifts[0]) * corner)


def test_principal_directions_are_those_of_the_singular_values() -> None:
    rng = np.random.default_rng(0)
    actions = rng.normal(size=(200, 6)) * [0.1, 3, 0.2, 1, 0.3, 0.1] + 5
    found = principal_directions(actions)
    _, _, expected = np.linalg.svd(actions - actions.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found @ expected[:2].T), np.eye(2), atol=1e-6)
    assert found[0, 1] > 0.9
    assert found[1, 3] > 0.9
    still = principal_directions(np.full((10, 3), 0.5))  # nothing varies
    np.testing.assert_allclose(still @ still.T, np.eye(2), atol=1e-12)


def test_random_directions_are_orthonormal_and_a_function_of_the_seed() -> None:
    one = random_directions(20, 5)
    np.testing.assert_allclose(one @ one.T, np.eye(2), atol=1e-12)
    assert np.array_equal(one, random_directions(20, 5))
    assert not np.allclose(one, random_directions(20, 6))
    with pytest.raises(ValueError, match="seed must be"):
        random_directions(3, -1)


def test_a_plane_goes_through_what_it_is_led_to() -> None:
    targets = np.array([[[1, 1, 0, 0], [0, -1, 1, 0.5]], [[-0.7, 0.1, 0.3, 0.99], [-1, 0, 0, 0]]])
    others = np.eye(4)[:2]
    found = directions_to(MODES, targets, others)
    for mode, pair, wanted in zip(MODES, found, targets, strict=True):
        np.testing.assert_allclose(pair @ pair.T, np.eye(2), atol=1e-12)
        np.testing.assert_allclose((wanted - mode) @ pair.T @ pair, wanted - mode, atol=1e-12)


def test_axes_are_in_the_environments_units() -> None:
    space = spaces.Box(np.array([0.0, -3.0, 1.0, -1.0], np.float32), np.array([10.0, 3.0, 2.0, 1.0], np.float32))
    first, second = whole_box(MODES, (0, 2)).axes(space)
    assert [first.label, second.label] == ["action[0]", "action[2]"]
    assert [first.offset + first.scale * end for end in (-1, 1)] == [0, 10]
    assert [second.offset + second.scale * end for end in (-1, 1)] == [1, 2]
    directions = np.broadcast_to(random_directions(4, 1), (2, 2, 4))
    planes = planes_through("random", MODES, directions)
    assert [axis.label for axis in planes.axes(space)] == [f"along {letter}, in halves of the box" for letter in "uv"]
    alike = planes.axes(spaces.Box(-0.4, 0.4, (4,)))
    assert [axis.label for axis in alike] == ["along u", "along v"]
    assert alike[0].scale == pytest.approx(0.4)
    (only,) = whole_box(np.zeros((1, 1))).axes(spaces.Box(-2, 2, (1,)))
    assert (only.label, only.scale) == ("action", 2.0)


def test_what_is_no_plane_and_no_box_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Unknown plane 'randon'.*Did you mean 'random'\? Or give two coordinates"):
        check_kind("randon")
    with pytest.raises(ValueError, match="plane must be one of principal, greedy, random, or two coordinates"):
        check_kind(3)
    with pytest.raises(ValueError, match="over a box of actions, but the actions are Discrete"):
        check_bounded(spaces.Discrete(3))
    with pytest.raises(ValueError, match=r"has no bounds\. Train and look in gymnasium\.wrappers\.TransformAction"):
        check_bounded(spaces.Box(-np.inf, np.inf, (2,)))
    with pytest.raises(ValueError, match="resolution must be a whole number ≥ 3"):
        whole_box(MODES, (0, 1)).actions(2)
