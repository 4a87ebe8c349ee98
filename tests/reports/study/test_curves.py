"""The curves on the page: rounded and thinned as it says, and never too many."""

import json

import numpy as np
import pytest

from sb3_entropy.plots.study.figure_data import ArmData, FigureData
from sb3_entropy.reports.study.curves import embed, rounded


def data(n_runs, points, names=("deterministic/return", "policy/entropy", "z")):
    steps = np.arange(1.0, points + 1) * 100
    curves = {name: np.add.outer(np.arange(n_runs) * 1.0, steps) for name in names}
    arm = ArmData("a", "a", {}, "E-v0", np.arange(n_runs), steps, curves, {"m": np.arange(n_runs) * 1.0})
    return FigureData("s", (arm,), {"m": None})


def count(embedded):
    return sum(np.size(curve) for cell in embedded.data["cells"] for curve in cell["curves"] if curve)


def test_everything_fits():
    embedded = embed(data(10, 20), {})
    assert count(embedded) == 10 * 20 * 3
    assert embedded.note.startswith("Curves are rounded to 4 digits. The store")


def test_first_the_points_are_thinned():
    embedded = embed(data(10, 100), {}, budget=10 * 3 * 25)
    cell = embedded.data["cells"][0]
    assert count(embedded) == 10 * 3 * 25
    assert embedded.data["steps"][cell["steps"]][-1] == 100 * 100
    assert cell["curves"][0][3][-1] == 10_000  # 10003, rounded
    assert "thinned to 25 of 100 points" in embedded.note


def test_then_curves_are_dropped_the_return_last():
    embedded = embed(data(10, 100), {}, budget=10 * 15)
    assert embedded.data["curves"] == ["deterministic/return"]
    assert count(embedded) == 10 * 15
    assert "1 of 3 recorded curves are here: deterministic/return" in embedded.note


def test_then_the_curves_of_some_seeds_but_never_their_scores():
    embedded = embed(data(100, 100), {}, budget=200)
    cell = embedded.data["cells"][0]
    assert count(embedded) <= 200
    assert cell["every"] == 5
    assert len(cell["curves"][0]) == 20
    assert len(cell["scores"][0]) == len(cell["seeds"]) == 100
    assert "every 5th run" in embedded.note


@pytest.mark.parametrize("value", [0.0, 1.23456, -9876543.0, 1.5e-300, 1.7e308, 99999.0, -0.000123456])
def test_rounding_keeps_significant_digits(value):
    assert rounded(np.array([value]), 4)[0] == pytest.approx(value, rel=5e-4)


def test_what_is_not_finite_is_null():
    embedded = embed(data(2, 3, ("c",)), {})
    assert rounded(np.array([1.0, np.nan, np.inf]), 4) == [1.0, None, None]
    assert json.loads(embedded.json()) == embedded.data


def test_json_can_stand_in_a_script():
    arm = ArmData("</script><!-- & \u2028", "a", {}, "E", np.arange(1), np.ones(1), {}, {})
    text = embed(FigureData("s", (arm,), {}), {}).json()
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["arms"] == [arm.label]


def test_the_curves_that_the_study_is_about_come_first():
    names = embed(data(10, 20), {}).data["curves"]
    last = names[-1]
    assert embed(data(10, 20), {}, first=[last, "unknown"]).data["curves"] == [last, *names[:-1]]
