"""Intervals of measures that are a yes or a no."""

from dataclasses import replace

import numpy as np
import pytest
from figure_examples import arm, data
from matplotlib.collections import LineCollection

from sb3_entropy.plots.study import response, scores
from sb3_entropy.plots.study.estimates import drawn_estimates, score_estimates
from sb3_entropy.plots.study.figure_data import MeasureInfo
from sb3_entropy.plots.theme import LIGHT


def test_a_share_of_runs_has_its_exact_interval() -> None:
    columns = [np.zeros(5), np.array([1.0, 1.0, np.nan, 1.0]), np.array([0.0, 1.0, 1.0, 1.0, 1.0])]
    none, all_of_three, most = score_estimates(columns, "mean", 0.95, 0, yes_or_no=True)
    # No yes of n: P(none | p) = (1 − p)ⁿ = 0.025 at the upper end; and the other way round.
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 5))
    assert (all_of_three.value, all_of_three.high) == (1.0, 1.0)
    assert all_of_three.low == pytest.approx(0.025 ** (1 / 3))
    # P(all five | p) = p⁵ = 1 − P(at most four | p).
    assert most.value == pytest.approx(0.8)
    assert most.high**5 == pytest.approx(1 - 0.025)
    assert {each.method for each in (none, all_of_three, most)} == {"exact"}


@pytest.mark.parametrize("statistic", ["mean", "iqm"])
def test_no_interval_of_a_yes_or_a_no_leaves_0_to_1(statistic: str) -> None:
    mostly = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0])
    columns = [mostly, 1 - mostly]
    beyond = score_estimates(columns, statistic, 0.95, 0)
    assert max(each.high for each in beyond) > 1
    assert min(each.low for each in beyond) < 0
    for within in score_estimates(columns, statistic, 0.95, 0, yes_or_no=True):
        assert 0 <= within.low < within.value < within.high <= 1
    few = drawn_estimates([mostly[:2]], statistic, 0.95, 0, yes_or_no=True)[0]
    assert np.isnan([few.low, few.high]).all()


def test_figures_draw_them() -> None:
    infos = {"final": MeasureInfo("final", "Whether it does.", yes_or_no=True)}
    arms = [arm("soft", alpha=alpha) for alpha in (0.1, 0.2)]
    yes = [np.array([0.0, 1.0, 1.0, 1.0, 1.0]), np.ones(5)]
    arms = [replace(one, scores={"final": passed}) for one, passed in zip(arms, yes, strict=True)]
    drawn = data(*arms, measures=infos, statistic="mean")
    exact = [(each.low, each.high) for each in score_estimates(yes, "mean", 0.95, 0, yes_or_no=True)]
    lines = scores.draw(drawn, LIGHT).axes[0].lines
    assert [tuple(line.get_xdata()) for line in lines if line.get_marker() == "None"] == exact
    bars = response.draw(drawn, LIGHT, x="alpha").axes[0].collections[0]
    assert isinstance(bars, LineCollection)
    assert [tuple(ends[:, 1]) for ends in bars.get_segments()] == exact
