"""The figures of studies: what is drawn, where, and what is said when it cannot be."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection

from sb3_entropy.plots.rendering import take_layout, to_inline_svg, to_png, to_svg
from sb3_entropy.plots.study.estimates import interval_words
from sb3_entropy.plots.style import new_figure
from sb3_entropy.plots.theme import DARK, LIGHT
from sb3_entropy.registry import FIGURES
from sb3_entropy.statistics import Difference
from tests.plots.study.figure_examples import arm, comparison, data, swept

NAMES = FIGURES.keys()


def draw(name, of, theme=LIGHT, **options):
    return FIGURES.get(name)(of, theme, **options)


def texts(figure):
    """Everything that is written in a figure."""
    to_svg(figure, "x")  # tick labels exist once they are drawn
    return [text for text in (t.get_text() for t in figure.findobj(lambda artist: hasattr(artist, "get_text"))) if text]


def test_all_figures_are_registered():
    expected = {"differences", "learning_curves", "performance_profile", "response", "sample_efficiency", "scores"}
    assert set(NAMES) >= expected


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_in_both_themes_and_twice_the_same(name):
    light, again, dark = draw(name, swept()), draw(name, swept()), draw(name, swept(), DARK)
    svg = to_svg(light, "light")
    assert svg == to_svg(again, "light")  # what is drawn twice is one file
    take_layout(dark, light)
    other = to_svg(dark, "dark")
    assert LIGHT.ink.lower() in svg
    assert DARK.ink.lower() in other
    assert not any(colour.lower() in other for colour in (LIGHT.ink, LIGHT.faint, LIGHT.grid))
    assert len(light.get_label()) > 40


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "of",
    [
        data(),
        data(arm("a", n=1)),
        data(replace(arm("a"), scores={}, curves={})),
        data(
            replace(
                arm("a"),
                scores={"final": np.full(5, np.nan), "other": np.full(5, np.inf)},
                curves={"deterministic/return": np.full((5, 6), np.nan)},
            ),
            arm("b", top=0.0),
        ),
        data(arm("a"), arm("b", "F-v0", points=3)),
        data(*(arm(f"arm {i}", f"E{j}-v0", n=2, points=2, alpha=i) for i in range(20) for j in range(3))),
    ],
    ids=["nothing", "one seed", "no scores", "no numbers", "arms apart", "very many"],
)
def test_no_data_makes_a_figure_fail(name, of):
    figure = draw(name, of)
    assert to_png(figure, dpi=40).startswith(b"\x89PNG")
    assert "nan" not in figure.get_label()


def test_a_figure_on_a_page_asks_for_nothing_and_keeps_to_its_own_names():
    svg = to_svg(draw("learning_curves", swept()), "one")
    inline = to_inline_svg(svg, 'a "b" <c>')
    assert svg.startswith("<?xml")
    assert inline.startswith('<svg role="img" aria-label="a &quot;b&quot; &lt;c>"')
    assert "://" not in inline
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', inline)
    ids = re.findall(r' id="([^"]+)"', inline)
    assert used
    assert set(used) == set(ids)
    assert all(name.startswith("one-") for name in ids)


class TestLearningCurves:
    def test_one_line_and_band_an_arm(self):
        of = data(arm("a"), arm("b"))
        (axes,) = draw("learning_curves", of).axes
        for line, drawn in zip(axes.lines, of.arms, strict=True):
            np.testing.assert_allclose(line.get_ydata(), drawn.curves["deterministic/return"].mean(axis=0))
        assert len([c for c in axes.collections if isinstance(c, PolyCollection)]) == 2

    def test_the_statistic_is_the_studys_unless_told(self):
        of = data(arm("a"), statistic="median")
        median = np.median(of.arms[0].curves["deterministic/return"], axis=0)
        np.testing.assert_allclose(draw("learning_curves", of).axes[0].lines[0].get_ydata(), median)
        figure = draw("learning_curves", of, statistic="mean")
        assert not np.allclose(figure.axes[0].lines[0].get_ydata(), median)
        assert "mean and 95 % interval over 5 seeds" in texts(figure)

    def test_a_panel_for_what_several_arms_sweep(self):
        titles = [axes.get_title("left") for axes in draw("learning_curves", swept()).axes]
        assert titles[:3] == [f"E-v0, gamma = {g}, alpha = {a}" for g, a in [(0.9, 0.01), (0.99, 0.01), (0.9, 0.1)]]
        assert len(titles) == 8

    def test_a_line_for_what_one_arm_sweeps(self):
        of = data(arm("plain"), arm("soft", alpha=0.01), arm("soft", alpha=0.1))
        figure = draw("learning_curves", of)
        assert [len(axes.lines) for axes in figure.axes] == [3]
        assert {"plain", "soft, alpha=0.01", "soft, alpha=0.1"} <= set(texts(figure))
        assert len(draw("learning_curves", of, facet=["alpha"]).axes) == 2

    def test_panels_of_one_environment_have_one_scale(self):
        limits = [axes.get_ylim() for axes in draw("learning_curves", swept()).axes]
        assert len(set(limits[:4])) == len(set(limits[4:])) == 1
        assert limits[0] != limits[4]

    def test_runs_without_a_number_are_left_out_of_a_point(self):
        one = arm("a")
        one.curves["deterministic/return"][0, 2] = np.nan
        value = draw("learning_curves", data(one)).axes[0].lines[0].get_ydata()
        np.testing.assert_allclose(value, np.nanmean(one.curves["deterministic/return"], axis=0))

    def test_every_run_as_a_thin_line(self):
        assert len(draw("learning_curves", data(arm("a", n=4)), runs=True).axes[0].lines) == 5

    def test_unknown_names(self):
        with pytest.raises(ValueError, match=r"Unknown recorded curve 'policy/entrop'.*Did you mean 'policy/entropy'"):
            draw("learning_curves", swept(), curve="policy/entrop")
        with pytest.raises(ValueError, match=r"Unknown swept hyperparameter of this study 'beta'"):
            draw("learning_curves", swept(), facet=["beta"])

    def test_what_is_left_out_is_said(self):
        of = data(*(arm("a", alpha=i) for i in range(30)))
        assert any("the first 24 of 30 panels" in text for text in texts(draw("learning_curves", of)))


class TestScores:
    def test_a_dot_a_run_and_the_estimate(self):
        of = data(arm("a"), arm("b", n=3))
        (axes,) = draw("scores", of).axes
        dots, interval, point = axes.lines[:3]
        np.testing.assert_array_equal(dots.get_xdata(), of.arms[0].scores["final"])
        assert np.ptp(dots.get_ydata()) < 0.5
        assert point.get_xdata()[0] == pytest.approx(of.arms[0].scores["final"].mean())
        assert interval.get_xdata()[0] < point.get_xdata()[0] < interval.get_xdata()[1]

    def test_another_measure(self):
        assert "Noise" in texts(draw("scores", swept(), measure="other"))
        with pytest.raises(ValueError, match=r"Unknown measure of this study 'fnal'.*Did you mean 'final'"):
            draw("scores", swept(), measure="fnal")


class TestDifferences:
    def test_intervals_margins_and_outcomes(self):
        figure = draw("differences", swept())
        (axes,) = figure.axes
        np.testing.assert_allclose(axes.lines[0].get_xdata(), [1, 3])
        assert {line.get_xdata()[0] for line in axes.lines[-2:]} == {0, 0.5}
        assert {"● supported", "✕ refuted"} <= set(texts(figure))

    def test_settings_that_both_have_are_said_once(self):
        assert "E-v0:  soft, alpha=0.01 − plain  (gamma=0.9)" in texts(draw("differences", swept()))

    def test_what_decides_nothing_has_no_outcome(self):
        of = replace(swept(), comparisons=(comparison("a", "b", decides=False, criterion="also"),))
        assert not any("supported" in text for text in texts(draw("differences", of)))
        assert len(draw("differences", of, also=False).axes) == 0
        assert len(draw("differences", of, criteria=["also"]).axes) == 1
        with pytest.raises(ValueError, match=r"no criterion 'als'. It has: also"):
            draw("differences", of, criteria=["als"])

    def test_the_four_arms_of_an_interaction_leave_room_for_its_interval(self):
        names = (
            "(soft, std_scheme=narrow − soft, std_scheme=wide)",
            "(plain, std_scheme=narrow − plain, std_scheme=wide)",
        )
        of = replace(swept(), comparisons=(comparison(*names), comparison("a", "b", criterion="short")))
        figure = draw("differences", of)
        long, short = figure.axes
        (label, *_) = (text.get_text() for text in long.get_yticklabels())
        assert label.replace("\n", " ") == "E-v0:  " + " − ".join(names)
        assert max(map(len, label.splitlines())) <= 60
        to_svg(figure, "x")
        assert long.get_position().width > 0.35
        assert long.get_position().height > short.get_position().height

    def test_a_far_margin_does_not_squeeze_the_intervals(self):
        of = replace(swept(), comparisons=(comparison("a", "b", margins=(1000.0,)),))
        assert draw("differences", of).axes[0].get_xlim()[1] < 10


class TestResponse:
    @pytest.mark.parametrize(
        ("values", "scale"),
        [([0.01, 0.1, 1.0], "log"), ([1, 2, 3], "linear"), ([0.0, 0.01, 1.0], "ordinal"), (["auto", 0.1], "ordinal")],
    )
    def test_the_scale_fits_the_values(self, values, scale):
        axes = draw("response", data(*(arm("a", alpha=value) for value in values))).axes[0]
        assert axes.get_xscale() == ("log" if scale == "log" else "linear")
        expected = range(len(values)) if scale == "ordinal" else values
        np.testing.assert_allclose(axes.lines[0].get_xdata(), list(map(float, expected)))

    def test_a_line_an_arm_and_a_level_for_one_that_lacks_the_hyperparameter(self):
        figure = draw("response", swept(), x="alpha")
        assert len(figure.axes) == 4
        level, soft, hard = figure.axes[0].lines
        assert set(level.get_xdata()) == {0, 1}
        assert soft.get_ydata()[0] < soft.get_ydata()[1]
        assert hard.get_ydata()[0] > hard.get_ydata()[1]

    def test_lines_step_aside(self):
        _, soft, hard = draw("response", swept(), x="alpha").axes[0].lines
        assert (soft.get_xdata() < hard.get_xdata()).all()

    def test_what_is_not_swept(self):
        with pytest.raises(ValueError, match="Unknown swept hyperparameter"):
            draw("response", swept(), x="beta")
        assert any("sweeps no hyperparameter" in text for text in texts(draw("response", data(arm("a")))))


class TestPooled:
    def test_the_profile_is_the_share_above(self):
        of = data(arm("a", n=9))
        line = draw("performance_profile", of).axes[0].lines[0]
        scores = of.arms[0].scores["final"]
        expected = [(scores > threshold).mean() for threshold in line.get_xdata()]
        np.testing.assert_allclose(line.get_ydata(), expected)
        assert (line.get_ydata()[0], line.get_ydata()[-1]) == (1, 0)

    def test_environments_meet_on_their_normalised_scale(self):
        of = swept()
        line = draw("sample_efficiency", of, statistic="mean").axes[0].lines[0]
        label = of.arms[0].label
        parts = [a.curves["deterministic/return"] / top for a, top in _of(of, label)]
        np.testing.assert_allclose(line.get_ydata(), np.mean(parts, axis=(0, 1)))

    def test_an_environment_without_a_scale_is_left_out_and_named(self):
        of = replace(swept(), score_ranges={"E-v0": (0.0, 1.0)})
        for name in ("sample_efficiency", "performance_profile"):
            assert any("without F-v0, which has no score_range" in text for text in texts(draw(name, of)))

    def test_only_seeds_that_all_environments_share(self):
        of = data(arm("a", n=5), arm("a", "F-v0", n=3), score_ranges={"E-v0": (0, 1), "F-v0": (0, 1)})
        assert any("3 seeds" in text for text in texts(draw("sample_efficiency", of)))

    def test_trainings_of_different_lengths_meet_at_equal_shares(self):
        long = arm("a", "F-v0")
        of = data(arm("a"), replace(long, steps=long.steps * 10), score_ranges={"E-v0": (0, 1), "F-v0": (0, 1)})
        line = draw("sample_efficiency", of).axes[0].lines[0]
        np.testing.assert_allclose(line.get_xdata(), np.arange(1, 7) / 6)


def _of(of, label):
    return [(a, of.score_ranges[a.environment][1]) for a in of.arms if a.label == label]


class TestFewRuns:
    """Two runs have an interval some nine times as long as they lie apart: it is not drawn, and the runs are."""

    def test_no_band_of_two(self):
        figure = draw("learning_curves", data(arm("a", n=2)))
        (axes,) = figure.axes
        assert not any(band.get_paths() for band in axes.collections)
        assert len(axes.lines) == 3  # both runs, and the estimate
        assert any("of 2 seeds, too few to draw intervals" in text for text in texts(figure))
        low, high = axes.get_ylim()
        curve = arm("a", n=2).curves["deterministic/return"]
        assert high - low < 1.2 * np.ptp(curve)

    @pytest.mark.parametrize(("n", "lines"), [(2, 2), (3, 3)])
    def test_no_interval_of_two_scores(self, n, lines):
        drawn = [
            line for line in draw("scores", data(arm("a", n=n))).axes[0].lines if np.isfinite(line.get_xdata()).all()
        ]
        assert len(drawn) == lines  # runs, interval, estimate

    def test_pairs_instead_of_the_interval_of_a_difference(self):
        a, b = arm("a", n=2, top=2.0), arm("b", n=2)
        wide = Difference(1.0, -40.0, 42.0, 0.95, "t", 2, 0.3, 0.7, 0.0)
        figure = draw("differences", data(a, b, comparisons=(comparison("a", "b", difference=wide, margins=()),)))
        axes = figure.axes[0]
        pairs = a.scores["final"] - b.scores["final"]
        assert sorted(axes.lines[0].get_xdata()) == pytest.approx(sorted(pairs))
        low, high = axes.get_xlim()
        assert low > -5
        assert high < 5
        assert any("a small dot a pair, too few for intervals" in text for text in texts(figure))

    def test_runs_without_a_number_are_not_counted(self):
        one = arm("a", n=5)
        one.scores["final"][1:] = np.nan
        one.curves["deterministic/return"][1:] = np.nan
        for name in ("scores", "learning_curves"):
            assert any("1 seed," in text for text in texts(draw(name, data(one))))


class TestFrame:
    def test_a_very_wide_interval_is_cut_and_the_figure_says_so(self):
        one = arm("a", n=3)
        one.curves["deterministic/return"][0] += 50
        figure = draw("learning_curves", data(one, arm("b", top=20.0)))
        low, high = figure.axes[0].get_ylim()
        assert high - low < 60  # with three runs, Student's t makes the interval some 140 wide
        assert any(text.endswith("bands are cut at the frame") for text in texts(figure))
        assert any(text.endswith("intervals are cut at the frame") for text in texts(draw("scores", data(one))))

    def test_every_run_and_narrow_intervals_are_within(self):
        of = data(arm("a", n=10), arm("b", n=10))
        figure = draw("scores", of)
        low, high = figure.axes[0].get_xlim()
        for one in of.arms:
            assert low < one.scores["final"].min() < one.scores["final"].max() < high
        assert not any("cut" in text for text in texts(figure))


@pytest.mark.parametrize("width", [4.0, 7.2, 10.6])
def test_a_title_is_never_cut_off(width):
    title = "Mean return with sampled actions over the last tenth of the evaluation points, and then some more of it"
    figure = new_figure(width, 3, LIGHT, title, title)
    FigureCanvasAgg(figure).draw()
    right, top = figure.bbox.width, figure.bbox.height
    boxes = [text.get_window_extent() for text in figure.texts]
    assert len(boxes) == 2
    assert all(box.x0 >= 0 and box.x1 <= right and box.y1 <= top for box in boxes)
    upper, lower = sorted(boxes, key=lambda box: -box.y0)
    assert upper.y0 >= lower.y1 - 1


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({5}, "mean and 95 % interval over 5 seeds"),
        ({0, 5}, "mean and 95 % interval over 5 seeds"),
        ({0, 2, 5}, "mean and 95 % interval over 2 to 5 seeds, drawn from 3 on"),
        ({0}, "mean of 0 seeds, too few to draw intervals"),
    ],
)
def test_an_arm_of_which_nothing_is_drawn_is_not_counted(counts: set[int], words: str):
    assert interval_words("mean", 0.95, counts) == words
