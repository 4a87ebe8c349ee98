"""Bounds of shares, by the binomial distribution itself."""

import pytest
from scipy import stats

from sb3_entropy.landscape.inference import share_of_directions


def test_none_of_500() -> None:
    found = share_of_directions(0, 500, alpha=0.5, n=16)
    assert found.upper == pytest.approx(1 - 0.05 ** (1 / 500))
    assert (found.share, found.low) == (0, 0)
    assert found.sentence == (
        "At most 0.6 % of directions improve detectably at α = 0.5 and n = 16 (95 %, 0 of 500, given these episodes)."
    )


@pytest.mark.parametrize(("count", "directions"), [(0, 20), (3, 20), (20, 20), (423, 500)])
@pytest.mark.parametrize("level", [0.9, 0.99])
def test_exact_bounds(count: int, directions: int, level: float) -> None:
    found = share_of_directions(count, directions, level=level, alpha=0.1, n=4)
    exact = stats.binomtest(count, directions)
    two_sided = exact.proportion_ci(level, "exact")
    assert (found.low, found.high) == pytest.approx((two_sided.low, two_sided.high))
    upper = stats.binomtest(count, directions, alternative="less").proportion_ci(level, "exact").high
    assert found.upper == pytest.approx(upper)


def test_sentences() -> None:
    found = share_of_directions(423, 500, what="have negative curvature", alpha=0.5, n=128)
    assert found.sentence.startswith(
        "85 % [81, 88] of directions have negative curvature at α = 0.5 and n = 128 (95 %,"
    )
    assert share_of_directions(500, 500, alpha=1, n=1).sentence.startswith("100 % [99, 100] of directions improve")


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="passed must be a whole number between 0 and 5"):
        share_of_directions(6, 5, alpha=0.5, n=1)
    with pytest.raises(ValueError, match="level must be"):
        share_of_directions(1, 5, level=0.5, alpha=0.5, n=1)
    with pytest.raises(ValueError, match="level must be below 1"):
        share_of_directions(1, 5, level=1.0, alpha=0.5, n=1)
    with pytest.raises(ValueError, match="alpha must be"):
        share_of_directions(1, 5, alpha=0.0, n=1)
    with pytest.raises(ValueError, match="n must be"):
        share_of_directions(1, 5, alpha=0.5, n=0)
