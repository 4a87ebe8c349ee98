"""Tracks against their formulas, and those that are none."""

import math
from typing import Any

import numpy as np
import pytest
from sb3_entropy_vehicle.numerics import ARRAYS, FLOATS
from sb3_entropy_vehicle.track import TRACKS, Track, figure_eight, lane_change


def made(name: str) -> Track:
    curve, crosses = TRACKS[name]
    return Track.from_function(curve, may_cross=crosses)


def test_the_circle_has_radius_25_and_turns_left() -> None:
    track = made("circle")
    assert (track.closed, track.length) == (True, pytest.approx(2 * math.pi * 25, rel=1e-5))
    for s in (0.0, 30.0, 100.0, 157.0, -20.0, 900.0):
        x, y, heading, curvature = track.at(s, FLOATS)
        assert (x, y) == pytest.approx((25 * math.sin(s / 25), 25 - 25 * math.cos(s / 25)), abs=5e-3)
        assert math.cos(heading - s / 25) == pytest.approx(1.0, abs=1e-6)
        assert curvature == pytest.approx(0.04, rel=1e-4)
        assert track.bend(s, FLOATS) == pytest.approx(0.04, rel=1e-4)


def test_the_lane_change_is_its_polynomial_and_goes_straight_on() -> None:
    track = made("lane_change")
    assert not track.closed
    for u in (0.15, 0.2, 0.3, 0.5, 0.55):
        x, y = lane_change(np.array([u]))[0]
        s, left, _ = track.project(x, y + 0.3, x, FLOATS)
        near = track.at(s, FLOATS)
        assert abs(left) <= 0.3 + 1e-6
        assert math.hypot(near[0] - x, near[1] - (y + 0.3)) == pytest.approx(abs(left), abs=1e-4)
    t = 0.5 - math.sqrt(1 / 12)  # where the fifth-order step bends most
    most = 3.5 / 25**2 * (60 * t - 180 * t**2 + 120 * t**3)
    assert track.greatest_curvature == pytest.approx(most, rel=0.06)
    assert track.at(track.length + 40.0, FLOATS)[:2] == pytest.approx((190.0, 0.0), abs=1e-6)
    assert track.at(-10.0, FLOATS)[:2] == pytest.approx((-10.0, 0.0), abs=1e-6)
    assert [track.bend(s, FLOATS) for s in (-5.0, track.length + 5.0)] == [0.0, 0.0]


def test_the_figure_eight_bends_as_bernoullis_and_is_followed_through_its_crossing() -> None:
    track = made("figure_eight")
    for s in np.linspace(0.0, track.length, 40).tolist():
        x, y, _, curvature = track.at(s, FLOATS)
        assert abs(curvature) == pytest.approx(3.0 * math.hypot(x, y) / 60**2, abs=2e-5)
    assert track.heading[-1] == pytest.approx(track.heading[0], abs=1e-6)  # left and right cancel
    s = track.length / 4 - 10.0
    for _ in range(100):
        x, y, heading, _ = track.at(s + 0.2, FLOATS)
        found, left, there = track.project(x - math.sin(heading), y + math.cos(heading), s, FLOATS)
        assert (found, left, there) == pytest.approx((s + 0.2, 1.0, heading), abs=1e-3)
        s += 0.2


@pytest.mark.parametrize("name", sorted(TRACKS))
def test_many_places_are_found_as_one(name: str) -> None:
    track, rng = made(name), np.random.default_rng(0)
    s = rng.uniform(-0.3 * track.length, 1.4 * track.length, 30)
    x, y, heading, curvature = track.at(s, ARRAYS)
    x, y = x - 1.5 * np.sin(heading), y + 1.5 * np.cos(heading)
    found = np.array(track.project(x, y, s + 0.3, ARRAYS))
    np.testing.assert_allclose(found[1], 1.5, atol=2e-3)
    np.testing.assert_allclose(found[0], s, atol=2e-2)
    for i in range(30):
        one = float(s[i])
        np.testing.assert_allclose(track.at(one, FLOATS)[3], curvature[i], rtol=1e-12)
        np.testing.assert_allclose(track.project(float(x[i]), float(y[i]), one + 0.3, FLOATS), found[:, i], atol=1e-9)
        assert track.bend(one, FLOATS) == track.bend(s, ARRAYS)[i]


def with_a_hole(u: Any) -> Any:
    points = lane_change(u)
    points[1000, 1] = np.nan
    return points


def long_with_a_small_loop(u: Any) -> Any:
    """10 km ahead, three quarters of a circle of radius 12 m to the left, and 10 km on, across the way there."""
    turn = 18.0 * math.pi
    s = np.asarray(u) * (20000.0 + turn)
    bend = np.clip((s - 10000.0) / 12.0, 0.0, turn / 12.0)
    x = np.minimum(s, 10000.0) + 12.0 * np.sin(bend)
    y = 12.0 * (1.0 - np.cos(bend)) - np.maximum(s - 10000.0 - turn, 0.0)
    return np.stack([x, y], axis=1)


@pytest.mark.parametrize(
    ("curve", "error", "message"),
    [
        ("cirle", TypeError, r"A track must be a function from \(n,\) to points \(n, 2\), but 'cirle'"),
        (lambda u: u, ValueError, r"must map 2001 numbers to points of shape \(2001, 2\), but it gave \(2001,\)"),
        (with_a_hole, ValueError, r"must consist of finite points, but at u = 0.5 it is \(75.0, nan\)"),
        (lambda u: np.zeros((len(u), 2)), ValueError, "must go on, but it stands still at u = 0"),
        (
            lambda u: 0.1 * figure_eight(u),
            ValueError,
            r"more sharply than a radius of 5 m, but at .* m its radius is 2 m",
        ),
        (figure_eight, ValueError, r"must not cross itself, but it does near \(.*may_cross=True"),
        (long_with_a_small_loop, ValueError, r"must not cross itself, but it does near \(99[89]\d\."),
        (lambda u: (u, 0.0), ValueError, r"it gave no array \(.*np.stack\(\[x, y\], axis=1\)"),
        (lambda u: None, ValueError, r"points of shape \(2001, 2\), but it gave an array of object"),
        (lambda u: np.ones((2001, 2), complex), ValueError, "but it gave an array of complex128"),
    ],
)
def test_what_is_no_track_is_refused(curve: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Track.from_function(curve)
