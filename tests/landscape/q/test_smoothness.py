"""Smoothness in numbers, against closed forms."""

import numpy as np
import pytest

from sb3_entropy.landscape.q.smoothness import count_maxima, smoothness

N = 2001
X = np.linspace(-1, 1, N)
STEP = (2 / (N - 1),)


@pytest.mark.parametrize("waves", [1, 2, 5])
def test_a_wave(waves: int) -> None:
    """sin(kπx): mean |Q'|² = (kπ)²/2, mean Q''² = (kπ)⁴/2, range 2, L = 2, variation 4k of 2."""
    found = smoothness(np.sin(waves * np.pi * X), STEP)
    assert found.slope == pytest.approx(waves * np.pi / np.sqrt(2), rel=1e-3)
    assert found.bend == pytest.approx(np.sqrt(2) * (waves * np.pi) ** 2, rel=1e-3)
    assert found.n_maxima == waves + 1  # the left end is one
    assert found.variation == pytest.approx(2 * waves, rel=1e-3)


def test_a_line_and_a_parabola() -> None:
    line = smoothness(3 * X - 7, STEP)
    assert (line.slope, line.variation, line.n_maxima) == (pytest.approx(1), pytest.approx(1), 1)
    assert line.bend == pytest.approx(0, abs=1e-6)
    parabola = smoothness(-(X**2), STEP)
    assert parabola.slope == pytest.approx(2 * np.sqrt(4 / 3), rel=1e-3)  # mean (2x)² = 4/3
    assert (parabola.bend, parabola.variation) == (pytest.approx(8), pytest.approx(2, rel=1e-3))
    assert parabola.n_maxima == 1


def test_a_plane_of_two_waves() -> None:
    """sin πx · sin 2πy: each factor's mean square is ½; the Hessian has the mixed part twice."""
    x, y = np.linspace(-1, 1, 401), np.linspace(-1, 1, 301)
    found = smoothness(np.outer(np.sin(np.pi * x), np.sin(2 * np.pi * y)), (2 / 400, 2 / 300))
    slopes = np.pi**2 / 4 + 4 * np.pi**2 / 4
    bends = (np.pi**4 + 16 * np.pi**4 + 2 * 4 * np.pi**4) / 4
    assert found.slope == pytest.approx(2 * np.sqrt(slopes) / 2, rel=2e-3)
    assert found.bend == pytest.approx(4 * np.sqrt(bends) / 2, rel=2e-3)
    assert np.isnan(found.variation)


def bumps(*places: tuple[float, float, float]) -> np.ndarray:
    x = np.linspace(-1, 1, 41)
    return sum(height * np.exp(-((x[:, None] - a) ** 2 + (x[None] - b) ** 2) / 0.02) for a, b, height in places)  # type: ignore[return-value]


def test_maxima_are_counted_if_they_stand_out() -> None:
    three = bumps((-0.5, -0.5, 1), (0.5, 0.5, 0.8), (0.5, -0.5, 0.3))
    assert count_maxima(three) == 3
    assert count_maxima(three, prominence=0.5) == 2
    assert count_maxima(bumps((-0.5, -0.5, 1), (0.5, 0.5, 0.03))) == 1
    noisy = bumps((0, 0, 1)) + 1e-3 * np.random.default_rng(0).normal(size=(41, 41))
    assert count_maxima(noisy, prominence=0) > 100
    assert count_maxima(noisy) == 1
    # A ring is one maximum, however many cells it has; and plateaus are, on a line too.
    ring = -(np.abs(np.hypot(*np.meshgrid(X[::50], X[::50])) - 0.6).round(1))
    assert count_maxima(ring) == 1
    assert count_maxima(np.array([0.0, 1, 1, 0, 1, 1, 1, 0])) == 2


def test_what_is_outside_is_left_out() -> None:
    x = np.linspace(-1, 1, 41)
    whole = np.add.outer(2 * x, x)
    cut = np.where(np.add.outer(np.abs(x), np.abs(x)) <= 1, whole, np.nan)
    step = (0.05, 0.05)
    # The same slope, √5, over ranges of 6 and 4.
    assert smoothness(whole, step).slope == pytest.approx(2 * np.sqrt(5) / 6)
    assert smoothness(cut, step).slope == pytest.approx(2 * np.sqrt(5) / 4)
    assert smoothness(cut, step).bend == pytest.approx(0, abs=1e-9)
    assert smoothness(cut, step).n_maxima == 1


@pytest.mark.parametrize("surface", [np.sin(5 * X) + X**2, np.add.outer(np.sin(4 * X[::50]), X[::50] ** 3)])
def test_shifts_and_scales_change_nothing(surface: np.ndarray) -> None:
    steps = STEP if surface.ndim == 1 else (0.05, 0.05)
    one, other = smoothness(surface, steps), smoothness(250 * surface - 1e4, steps)
    assert (other.slope, other.bend) == (pytest.approx(one.slope), pytest.approx(one.bend, rel=1e-6))
    assert other.n_maxima == one.n_maxima
    # The opposite is as steep and as bent.
    assert smoothness(-surface, steps).bend == pytest.approx(one.bend)


def test_a_constant_is_smooth_and_nothing_is_refused() -> None:
    flat = smoothness(np.full(9, 1e6), (0.25,))
    assert (flat.slope, flat.bend, flat.n_maxima, flat.variation) == (0, 0, 1, 0)
    assert np.isnan(smoothness(np.ones((3, 3)), (1, 1)).variation)
    with pytest.raises(ValueError, match="finite nowhere"):
        smoothness(np.full(4, np.nan), (1.0,))
    with pytest.raises(ValueError, match="one or two axes and a step for each"):
        smoothness(np.zeros((3, 3)), (1.0,))
