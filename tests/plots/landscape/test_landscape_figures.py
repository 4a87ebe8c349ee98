"""What is drawn is what was found: points, intervals and marks, against formulas and SciPy's statistics."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.text import Text
from scipy import stats

from sb3_entropy.landscape.directions import random_directions
from sb3_entropy.landscape.objectives.function import FunctionObjective
from sb3_entropy.landscape.probes.interpolation import Interpolation
from sb3_entropy.landscape.probes.line_search import LineSearch
from sb3_entropy.landscape.probes.plane import Plane
from sb3_entropy.landscape.probes.spectrum import Spectrum
from sb3_entropy.plots.landscape import curvature, interpolation, line, perturbations, plane, spectrum
from sb3_entropy.plots.landscape.noise import mean_band
from sb3_entropy.plots.rendering import to_svg
from sb3_entropy.plots.theme import DARK, LIGHT
from tests.plots.landscape.landscape_examples import G, H, NoisyObjective, curved, exact, noisy, perturbed


def valley(theta):
    """Maxima near 0 and near 1.05 on the first axis, a valley between."""
    return float(np.cos(6 * theta[0]) - 0.1 * theta[0] ** 2 + 0.05 * theta[1])


def points(axes):
    """All that is drawn as single marks, in the order of the classes."""
    marks = [each for each in axes.lines if each.get_linestyle() == "None"]
    return np.concatenate([np.column_stack(each.get_data()) for each in marks])


def segments(axes):
    return [path for c in axes.collections if isinstance(c, LineCollection) for path in c.get_segments()]


def texts_of(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def every_figure():
    """By name, what draws it of two conditions, and of one without noise."""
    line_search = LineSearch(steps=(0.1, 0.5), directions=8, episodes=8)
    two = {"σ = 0": noisy(), "σ = 1": noisy(0.3)}
    end = np.array([1.05, 0.1, 0.0])
    found = {
        "scatter": (perturbations.scatter, perturbed),
        "projections": (perturbations.projections, perturbed),
        "interpolation": (interpolation.draw, Interpolation(end, points=9, episodes=6).run),
        "line": (line.draw, line_search.run),
        "plane": (plane.draw, Plane(points=5, episodes=4).run),
        "spectrum": (spectrum.draw, Spectrum(episodes=6).run),
    }
    for name, (draw, run) in found.items():
        yield pytest.param(draw, {key: run(objective) for key, objective in two.items()}, id=f"{name}-two")
        yield pytest.param(draw, {"": run(exact())}, id=f"{name}-exact")
    yield pytest.param(curvature.draw, {"σ = 0": {100: curved(noisy()), 300: curved(noisy(0.1))}}, id="curvature-two")
    yield pytest.param(curvature.draw, {"": {0: curved(exact())}}, id="curvature-exact")


@pytest.mark.parametrize(("draw", "founds"), list(every_figure()))
def test_every_figure_is_a_vector_file_in_both_themes(draw, founds):
    for theme in (LIGHT, DARK):
        figure = draw(founds, theme)
        assert len(figure.get_label()) > 30  # for those who do not see it
        svg = to_svg(figure, f"{theme.name}-figure")
        ET.fromstring(svg)
        assert "<image" not in svg
        assert not re.search(r"\bnan\b", svg, re.IGNORECASE)
        said = texts_of(figure)
        assert all(name in said for name in founds)
        assert ("no noise" in said) == ("" in founds)


@pytest.mark.parametrize("draw", [perturbations.scatter, interpolation.draw, curvature.draw, spectrum.draw])
def test_what_does_not_fit_on_a_figure_is_told(draw):
    with pytest.raises(ValueError, match=r"1 to 12 conditions, but 0 were given\. Draw them in several"):
        draw({}, LIGHT)


def test_many_steps_are_many_panels():
    found = perturbed(exact(), alpha=[0.1, 0.2, 0.3])
    assert [axes.get_title(loc="left") for axes in perturbations.scatter({"τ = 0": found}, LIGHT).axes] == [
        "τ = 0, α = 0.1",
        "τ = 0, α = 0.2",
        "τ = 0, α = 0.3",
    ]
    with pytest.raises(ValueError, match="but 15 were given"):
        perturbations.scatter({str(i): found for i in range(5)}, LIGHT)


def test_changes_and_projections_are_those_of_the_quadratic():
    alpha, d = 0.3, random_directions(3, range(24), 0)
    slope, bend = d @ G, np.einsum("kp,pq,kq->k", d, H, d)
    up, down = alpha * slope + alpha**2 * bend / 2, -alpha * slope + alpha**2 * bend / 2
    for draw, wanted in ((perturbations.scatter, (up, down)), (perturbations.projections, (slope, bend))):
        (axes,) = draw({"": perturbed(exact())}, LIGHT).axes
        drawn = points(axes)
        assert np.allclose(drawn[np.lexsort(drawn.T)], np.column_stack(wanted)[np.lexsort(np.array(wanted))])
        assert segments(axes) == []  # there is no noise


def test_crosses_are_intervals_and_classes_have_shapes():
    found = perturbed(noisy())
    (axes,) = perturbations.scatter({"": found}, LIGHT).axes
    crosses = np.array(segments(axes))
    assert len(crosses) == 2 * 24
    centre = found.returns[0].common
    # Along x with the centre's surplus; that is small here beside full pairing.
    paired = found.returns[0].plus - centre
    half = stats.t.ppf(0.975, 11) * paired.std(axis=1, ddof=1) / np.sqrt(12)
    drawn = (crosses[:24, 1, 0] - crosses[:24, 0, 0]) / 2
    assert np.all((drawn > 0.3 * half) & (drawn < 2 * half))
    assert np.allclose(crosses[:24].mean(axis=1)[:, 0], found.returns[0].plus.mean(axis=1) - centre.mean(), atol=0.02)
    counts = {name: int((found.classes[0] == name).sum()) for name in perturbations.MARKS}
    legend = axes.figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [f"{name} ({n})" for name, n in counts.items() if n]
    marks = [each for each in axes.lines if each.get_linestyle() == "None"]
    assert [len(mark.get_xdata()) for mark in marks] == list(counts.values())
    assert len({mark.get_marker() for mark in marks}) == 5


def test_the_margin_is_a_square_and_a_strip():
    with_margin = perturbations.scatter({"": perturbed(exact(), margin=0.05)}, LIGHT).axes[0]
    without = perturbations.scatter({"": perturbed(exact(), margin=None)}, LIGHT).axes[0]
    assert len(with_margin.lines) - len(without.lines) == 3
    square = next(each for each in with_margin.lines if len(each.get_xdata()) == 5)
    assert set(np.abs(square.get_xydata()).ravel()) == {0.05}


def test_limits_are_shared_unless_they_are_too_different():
    small, large = perturbed(noisy(0.01)), perturbed(noisy(0.1))
    huge = perturbed(FunctionObjective(lambda theta: 1000.0 * theta[0], np.zeros(3)))
    one, other = perturbations.scatter({"a": small, "b": large}, LIGHT).axes
    assert one.get_xlim() == other.get_xlim()
    one, other = perturbations.scatter({"a": small, "b": huge}, LIGHT).axes
    assert one.get_xlim()[1] * 100 < other.get_xlim()[1]


def test_bands_are_students_intervals():
    returns = np.random.default_rng(0).normal(3.0, 2.0, (4, 9))
    low, high = mean_band(returns, 0.9)
    wanted = stats.t.interval(0.9, 8, loc=returns.mean(axis=1), scale=stats.sem(returns, axis=1))
    assert np.allclose((low, high), wanted)
    assert np.isnan(mean_band(returns[:, :1], 0.9)).all()


def test_a_slice_shows_its_band_solutions_and_valley():
    found = Interpolation([1.05, 0.0], points=21, episodes=16).run(NoisyObjective(valley, [0.0, 0.0], 0.05))
    assert found.lower_than_both.sum() >= 5
    figure = interpolation.draw({"σ = 0": found}, LIGHT)
    (axes,) = figure.axes
    mean, solutions, marked = axes.lines[:3]
    assert np.allclose(mean.get_ydata(), found.returns.mean(axis=1))
    assert solutions.get_xdata().tolist() == [0.0, 1.0]
    assert np.array_equal(marked.get_xdata(), found.t[found.lower_than_both])
    (band,) = [c for c in axes.collections if isinstance(c, PolyCollection)]
    vertices = band.get_paths()[0].vertices
    low, high = stats.t.interval(0.95, 15, loc=found.mean, scale=stats.sem(found.returns, axis=1))
    assert np.isclose(vertices[:, 1].min(), low.min())
    assert np.isclose(vertices[:, 1].max(), high.max())
    assert "a valley at" in figure.get_label()
    assert {text.get_text() for text in axes.texts} == {"θ₀", "θ₁", "σ = 0"}


def test_many_lines_are_named_below():
    found = Interpolation([1.0, 0.0], points=3, episodes=4).run(NoisyObjective(valley, [0.0, 0.0], 0.05))
    figure = interpolation.draw({f"σ = {i}": found for i in range(6)}, LIGHT)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [f"σ = {i}" for i in range(6)]


def test_a_line_is_filled_where_it_improves():
    found = LineSearch(direction=G, steps=(0.01, 0.3, 3.0), episodes=16).run(noisy(0.1))
    assert found.improves[1:].tolist() == [False, True, False]
    (axes,) = line.draw({"": found}, LIGHT).axes
    above, others = [each for each in axes.lines if each.get_linestyle() == "None"]
    assert np.allclose(above.get_ydata(), found.mean[[2]])
    assert len(others.get_xdata()) == 2
    assert above.get_markerfacecolor() != others.get_markerfacecolor() == LIGHT.ground
    bars = np.array(segments(axes))
    wanted = stats.t.interval(0.95, 15, loc=found.mean, scale=stats.sem(found.returns, axis=1))
    assert np.allclose(bars[:, :, 1], np.array(wanted).T[1:])


def test_dots_are_where_the_paired_test_finds_nothing():
    found = Plane(first=[1.0, 0.0], second=[0.0, 1.0], reach=0.6, points=7, episodes=8).run(
        NoisyObjective(valley, [0.0, 0.0], 0.3)
    )
    axes = plane.draw({"": found}, LIGHT).axes[0]
    (mesh,) = [c for c in axes.collections if isinstance(c, QuadMesh)]
    assert np.allclose(np.asarray(mesh.get_array()).reshape(7, 7), found.returns.mean(axis=2))
    (dots,) = [each for each in axes.lines if each.get_marker() == "."]
    p = stats.ttest_rel(found.returns, np.broadcast_to(found.returns[3, 3], found.returns.shape), axis=2).pvalue
    rows, columns = np.nonzero(p >= 0.05)  # NaN at θ₀ itself
    assert 0 < len(rows) < 48
    assert {tuple(at) for at in dots.get_xydata()} == set(zip(found.x[columns], found.x[rows], strict=True))
    row, column = np.unravel_index(int(np.argmax(found.mean)), (7, 7))
    (star,) = [each for each in axes.lines if each.get_marker() == "*"]
    assert star.get_xydata().tolist() == [[found.x[column], found.x[row]]]


def test_one_episode_tells_nothing_in_a_plane():
    found = Plane(points=3, episodes=1).run(noisy())
    (dots,) = [each for each in plane.draw({"": found}, LIGHT).axes[0].lines if each.get_marker() == "."]
    assert len(dots.get_xdata()) == 9


def test_a_trace_has_its_intervals():
    trace = {1000: curved(noisy(0.01)), 3000: curved(noisy(0.05)), 2000: curved(noisy(0.02))}
    slope, bend = curvature.draw({"σ = 1": trace}, LIGHT).axes
    for axes, what in ((slope, "slope"), (bend, "curvature")):
        wanted = [getattr(trace[step], what) for step in (1000, 2000, 3000)]
        assert axes.lines[1].get_ydata().tolist() == [each.value for each in wanted]
        assert axes.lines[1].get_xdata().tolist() == [1000, 2000, 3000]
        assert np.array(segments(axes))[:, :, 1].tolist() == [[each.low, each.high] for each in wanted]


def test_strokes_are_the_eigenvalues_and_bars_the_ends():
    (axes,) = spectrum.draw({"": Spectrum().run(exact())}, LIGHT).axes
    strokes = sorted(path[0][0] for path in segments(axes))
    assert np.allclose(strokes, np.linalg.eigvalsh(H), atol=1e-5)
    assert "not critical" in axes.get_title(loc="left")
    found = Spectrum(episodes=8, alpha=0.3).run(noisy(0.2))
    (axes,) = spectrum.draw({"σ = 1": found}, LIGHT).axes
    ends = [(path[0][0], path[1][0]) for path in segments(axes)]
    assert ends == [(end.low, end.high) for end in found.ends]


def test_enough_eigenvalues_have_a_histogram():
    diagonal = np.diag(np.linspace(-3, 2, 20))
    found = Spectrum().run(FunctionObjective(lambda theta: float(theta @ diagonal @ theta) / 2, np.zeros(20)))
    (axes,) = spectrum.draw({"": found}, LIGHT).axes
    assert "histogram of 20" in texts_of(axes.figure)
    assert found.point.kind == "saddle"
    assert "saddle" in axes.get_title(loc="left")
