"""Contrasts with a control variate: against scipy's paired t, regression by hand, and the bootstrap of both parts."""

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.statistics import paired_contrasts


def _sample(n: int = 12, total: int = 40, directions: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, size=total)
    return 1.2 * x[:n] + rng.normal(1, 1, size=(directions, n)), x


@pytest.mark.parametrize("coefficient", [None, 2.0])
def test_without_surplus_it_is_the_paired_t_test(coefficient: float | None) -> None:
    y, x = _sample(total=12)
    found = paired_contrasts(y, x, 2.0, coefficient=coefficient)
    for level in (0.9, 0.95):
        expected = stats.ttest_1samp(y - 2 * x, 0, axis=1).confidence_interval(level)
        low, high = found.interval(level)
        assert low == pytest.approx(expected.low)
        assert high == pytest.approx(expected.high)
    for margin in (0.0, -4.0):
        greater = stats.ttest_1samp(y - 2 * x, margin, axis=1, alternative="greater").pvalue
        assert found.p_greater(margin) == pytest.approx(greater)
        assert found.p_less(margin) == pytest.approx(1 - greater)
    assert found.freedom.tolist() == [11.0] * 3
    assert found.coefficient.tolist() == [2.0] * 3


def test_full_pairing_leaves_the_surplus_out() -> None:
    y, x = _sample()
    full, short = paired_contrasts(y, x, 2.0, coefficient=2.0), paired_contrasts(y, x[:12], 2.0)
    for name in ("value", "standard_error", "freedom", "coefficient", "correlation"):
        assert getattr(full, name) == pytest.approx(getattr(short, name))


def test_no_pairing_is_two_independent_means() -> None:
    y, x = _sample()
    found = paired_contrasts(y, x, 1.0, coefficient=0.0)
    assert found.value == pytest.approx(y.mean(axis=1) - x.mean())
    # β = 0 takes the overlap of both means into account: their covariance is not left out.
    common = y - y.mean(axis=1, keepdims=True) - 12 / 40 * (x[:12] - x[:12].mean())
    scale = max(1.0, x.var(ddof=1) / x[:12].var(ddof=1))
    moved = (y.var(axis=1, ddof=0) * 12) * (x[:12].mean() - x.mean()) ** 2 / (x[:12].var() * 12)
    expected = scale * ((common**2).sum(axis=1) / 12 + moved) / 11 + x.var(ddof=1) * 28 / 40**2
    assert found.standard_error**2 == pytest.approx(expected)


def test_the_coefficient_is_the_regression_s() -> None:
    y, x = _sample()
    found = paired_contrasts(y, x, 2.0)
    for k in range(3):
        line = stats.linregress(x[:12], y[k])
        assert found.coefficient[k] == pytest.approx(line.slope)
        assert found.correlation[k] == pytest.approx(line.rvalue)
        assert found.value[k] == pytest.approx(line.intercept + line.slope * x.mean() - 2 * x.mean())
    assert paired_contrasts(-y, x, 2.0).coefficient.tolist() == [0.0] * 3
    assert paired_contrasts(y, x, 0.5).coefficient.tolist() == [0.5] * 3


def test_the_standard_error_is_that_of_repeated_samples() -> None:
    """
    2000 samples of normal numbers, n = 16 of 64. The factor f makes SE² larger, by some 20 % of the variance, which is
    known within 3 %; of 2000 intervals 95 to 97.5 % is within four standard errors of their coverage.
    """
    rng = np.random.default_rng(1)
    values, squares, hits = [], [], 0
    for _ in range(2000):
        x = rng.normal(size=64)
        y = 0.9 * x[:16] + rng.normal(0, 0.7, size=16)
        found = paired_contrasts(y[None], x, 2.0)
        values.append(found.value[0])
        squares.append(found.standard_error[0] ** 2)
        low, high = found.interval()
        hits += bool(low[0] <= 0 <= high[0])
    assert 1.0 < np.mean(squares) / np.var(values) < 1.35
    assert 0.95 < hits / 2000 < 0.975


def test_rare_values_in_the_surplus_widen_it() -> None:
    rng = np.random.default_rng(2)
    y, x = rng.normal(size=(1, 16)), rng.normal(size=64)
    before = paired_contrasts(y, x, 1.0).standard_error[0]
    x[40] = -30.0
    assert paired_contrasts(y, x, 1.0).standard_error[0] > 3 * before


def test_nothing_varies() -> None:
    found = paired_contrasts(np.full((2, 5), 1.1), np.full(9, 0.3), 2.0)
    assert found.standard_error.tolist() == [0, 0]
    low, high = found.interval()
    assert low == pytest.approx([0.5, 0.5])
    assert high == pytest.approx([0.5, 0.5])
    assert found.p_greater().tolist() == [0.5**5] * 2
    assert found.p_less().tolist() == [1, 1]
    assert np.isnan(found.correlation).all()
    # A difference that is constant although both vary.
    x = np.random.default_rng(0).normal(size=6)
    assert paired_contrasts((x + 0.1)[None], x, 1.0).standard_error.tolist() == [0]


def test_units() -> None:
    y, x = _sample()
    found = paired_contrasts(y, x, 2.0)
    scaled = found.times(4.0)
    assert scaled.value == pytest.approx(4 * found.value)
    assert scaled.interval()[0] == pytest.approx(4 * found.interval()[0])


@pytest.mark.parametrize(
    ("y", "x", "options", "message"),
    [
        (np.zeros((2, 1)), np.zeros(4), {}, r"y must have the shape \(K, n\), n ≥ 2, .* but \(2, 1\) and \(4,\)"),
        (np.zeros((2, 5)), np.zeros(4), {}, "n₀ ≥ n"),
        (np.zeros(5), np.zeros(5), {}, "y must have the shape"),
        (np.full((1, 5), np.inf), np.zeros(5), {}, "y must be finite"),
        (np.zeros((1, 5)), np.full(5, np.nan), {}, "x must be finite"),
        (np.zeros((1, 5)), np.zeros(5), {"coefficient": np.nan}, "coefficient must be"),
    ],
)
def test_wrong_arguments(y: np.ndarray, x: np.ndarray, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_contrasts(y, x, 1.0, **options)
    with pytest.raises(ValueError, match="weight must be"):
        paired_contrasts(np.zeros((1, 3)), np.zeros(3), -1.0)
    with pytest.raises(ValueError, match="level must be"):
        paired_contrasts(*_sample(), 1.0).interval(0.0)
