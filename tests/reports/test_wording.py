"""Numbers as they are written."""

import math
from types import SimpleNamespace

import pytest

from sb3_entropy.reports.wording import as_stated, duration, estimate, listed, number, p_value, seeds_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-151.23456, "−151.2"),
        (0.0, "0"),
        (12345.6, "12346"),
        (1.5e9, "1.500·10^9"),
        (-2e-7, "−2.000·10^−7"),
        (math.nan, "–"),
        (None, "–"),
        (-math.inf, "−∞"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.633, "0.633"), (-150.0, "−150"), (7.0, "7"), (0.1 + 0.2, "0.3"), (1e6, "1000000"), (-0.0, "0")],
)
def test_what_somebody_else_has_stated(value, text):
    assert as_stated(value) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (12.3456, 4.5, 20.1, "12.3 [4.5, 20.1]"),
        (-0.01, -0.0312, 0.0122, "−0.0100 [−0.0312, 0.0122]"),
        (1234.5, 1000, 1500, "1234 [1000, 1500]"),
        (-0.001, -50.0, 40.0, "0.0 [−50.0, 40.0]"),
        (3.0, math.nan, math.nan, "3.000"),
        (3.0, 3.0, 3.0, "3.000 [3.000, 3.000]"),
        (math.nan, 1, 2, "–"),
    ],
)
def test_an_estimate_has_three_digits_of_its_intervals_width(value, low, high, text):
    assert estimate(SimpleNamespace(value=value, low=low, high=high)) == text


def test_no_estimate():
    assert estimate(None) == "–"


@pytest.mark.parametrize(("p", "text"), [(0.0004, "< 0.001"), (0.0341, "0.034"), (0.5, "0.50"), (math.nan, "–")])
def test_p_value(p, text):
    assert p_value(p) == text


@pytest.mark.parametrize(("seeds", "text"), [([0, 1, 2, 3], "0–3"), ([7, 1, 2], "1, 2, 7"), ([], ""), ([5], "5")])
def test_seeds(seeds, text):
    assert seeds_text(seeds) == text


@pytest.mark.parametrize(("seconds", "text"), [(48.2, "48 s"), (600, "10 min"), (7500, "2 h 05 min"), (math.nan, "–")])
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(("words", "text"), [([], ""), (["a"], "a"), (["a", "b", "c"], "a, b and c")])
def test_listed(words, text):
    assert listed(words) == text
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"
