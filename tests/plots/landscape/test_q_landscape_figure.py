"""The figure of a landscape of Q: what stands where, of lines and planes, with and without soft critics."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from sb3_entropy.landscape.q.found import QLandscape
from sb3_entropy.landscape.q.surface import q_landscape
from sb3_entropy.plots.landscape.q_landscape import draw
from sb3_entropy.plots.landscape.q_marks import ARROW, SHORTEST, mass_levels
from sb3_entropy.plots.rendering import to_svg
from sb3_entropy.plots.theme import DARK, LIGHT, Theme
from tests.landscape.q.analytic import Cut, TanhGaussian, hill, subject

STATES = np.array([[0.5, -1.0], [2.0, 0.3]])


def found(n_actions: int, n_states: int = 2, soft: bool = True, known: Any = None) -> QLandscape:
    """Plain Q is greatest at 0.5 in every coordinate, soft Q at −0.25. The box is [−2, 2]."""
    plain = [hill(*[0.5] * n_actions), hill(*[0.5] * n_actions, scale=2)]
    behaviour = TanhGaussian(n_actions, is_stochastic=soft)
    agent = subject(
        plain, [hill(*[-0.25] * n_actions)] * 2 if soft else None, n_actions, behaviour=behaviour, known=known
    )
    return q_landscape(agent, np.resize(STATES, (n_states, 2)), resolution=21)


def marks(axes: Axes) -> dict[Any, tuple[float, float]]:
    """By their shape, the single points of a panel."""
    single = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    return {line.get_marker(): tuple(float(each[0]) for each in line.get_data()) for line in single}


def arrows(axes: Axes) -> list[Annotation]:
    return [each for each in axes.texts if isinstance(each, Annotation)]


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


@pytest.mark.parametrize(
    ("n_actions", "soft", "theme"),
    [(1, True, DARK), (2, True, LIGHT), (5, True, DARK), (1, False, LIGHT), (2, False, DARK)],
)
def test_it_is_a_complete_figure(n_actions: int, soft: bool, theme: Theme) -> None:
    figure = draw(found(n_actions, n_states=1, soft=soft, known=Cut(0.5)), theme)
    svg = to_svg(figure, "q")
    ET.fromstring(svg)
    assert not re.search(r"\bnan\b", svg, re.IGNORECASE)
    assert not re.search(r"https?://(?!www\.w3\.org)", svg)
    assert figure.get_label().startswith("A formula: plain Q")
    assert "hatched: far from the data" in figure.texts[1].get_text().replace("\n", " ")
    keys = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("greatest soft Q" in keys) == soft
    assert "the policy's mode" in keys


def test_a_map_is_q_and_marks_are_in_the_environments_units() -> None:
    landscape = found(2)
    plain, soft, difference, *_ = panels(draw(landscape, LIGHT))
    shown = np.asarray(plain.images[0].get_array())
    np.testing.assert_allclose(shown, landscape.plain.lowered[0].T)
    assert shown.max() == 0
    np.testing.assert_allclose(np.asarray(difference.images[0].get_array()), landscape.difference[0].T)  # type: ignore[index]
    low, high = difference.images[0].get_clim()
    assert low == -high  # white is 0
    # Centres of the outermost cells are the ends of the box.
    assert plain.images[0].get_extent() == pytest.approx([-2.1, 2.1, -2.1, 2.1])
    mode = 2 * np.tanh(0.3 * STATES[0])
    for axes in (plain, soft, difference):
        at = marks(axes)
        assert at["*"] == pytest.approx((1, 1))
        assert at["D"] == pytest.approx((-0.4, -0.4), abs=0.21)  # of a grid without −0.25
        assert at["P"] == pytest.approx(tuple(mode))
    assert [len(arrows(axes)) for axes in (plain, soft, difference)] == [1, 1, 0]
    (arrow,) = arrows(plain)
    moved = np.array(arrow.xy) - np.array(arrow.get_position())
    toward = np.array([0.5, 0.5]) - mode / 2
    np.testing.assert_allclose(moved / np.linalg.norm(moved), toward / np.linalg.norm(toward), atol=1e-6)
    assert [axes.get_title(loc="left") for axes in (plain, soft, difference)] == [
        "plain Q, state 0",
        "soft Q",
        "soft − plain",
    ]
    assert plain.get_ylabel() == "action[1]"


def test_lines_are_q_with_the_spread_of_critics() -> None:
    landscape = found(1, known=Cut(0.5))
    both, beside, *_ = panels(draw(landscape, DARK))
    curves = [line for line in both.lines if len(line.get_xdata()) == 21]
    np.testing.assert_allclose(curves[0].get_ydata(), landscape.plain.lowered[0])
    np.testing.assert_allclose(curves[1].get_ydata(), landscape.soft.lowered[0])  # type: ignore[union-attr]
    np.testing.assert_allclose(curves[0].get_xdata(), np.linspace(-2, 2, 21))
    at = marks(both)
    assert at["*"] == pytest.approx((1, 0))
    assert at["P"][0] == pytest.approx(2 * np.tanh(0.15))
    pointing = [each.xy[0] - each.get_position()[0] for each in arrows(both)]
    assert pointing[0] > 0 > pointing[1]  # plain Q to 0.5, soft Q to −0.25
    (difference,) = (line for line in beside.lines if len(line.get_xdata()) == 21)
    np.testing.assert_allclose(difference.get_ydata(), landscape.difference[0])  # type: ignore[index]
    assert any(collection.get_hatch() for collection in both.collections)


def test_without_soft_critics_there_is_a_panel_a_state() -> None:
    for n_actions in (1, 2):
        figure = draw(found(n_actions, n_states=5, soft=False), LIGHT)
        titles = [axes.get_title(loc="left") for axes in panels(figure)]
        assert [title.rpartition(", ")[2] for title in titles] == [f"state {i}" for i in range(5)]
        assert figure.get_suptitle() == "A formula: plain Q over the actions."
        assert all("D" not in marks(axes) for axes in panels(figure))


def test_what_has_to_be_said_is_in_the_title() -> None:
    agent = subject([hill(0)], [hill(0)], 1, remarks=("σ = 0.1 was named by the user.",))
    figure = draw(q_landscape(agent, STATES, resolution=5), LIGHT)
    assert "soft Q at α = 0.2 over the actions. σ = 0.1 was named" in " ".join(figure.get_suptitle().split())


def test_no_arrow_where_there_is_no_gradient() -> None:
    agent = subject([hill(0.0)], [hill(0.0)], 1, behaviour=TanhGaussian(1, weight=0.0))
    both, _ = panels(draw(q_landscape(agent, STATES[:1], resolution=5), LIGHT))
    assert arrows(both) == []


def test_an_arrow_is_short_where_the_gradient_is_weak() -> None:
    """a + 50 tanh(20(a − 0.9)) at the mode 0: a slope of 1 beside a range of 100; of 3a, one of 3 beside 6."""

    def weak(_: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return actions[..., 0] + 50 * np.tanh(20 * (actions[..., 0] - 0.9))

    def strong(_: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return 3 * actions[..., 0]

    agent = subject([weak], [strong], 1, behaviour=TanhGaussian(1, weight=0.0))
    both, _ = panels(draw(q_landscape(agent, STATES[:1], resolution=21), LIGHT))
    lengths = [each.xy[0] - each.get_position()[0] for each in arrows(both)]
    assert lengths == pytest.approx([SHORTEST, ARROW])


def test_too_many_states_are_told() -> None:
    with pytest.raises(ValueError, match=r"1 to 12 states, but 13 were given\. Draw them in several figures"):
        draw(found(1, n_states=13), LIGHT)


def test_levels_hold_the_mass_that_is_said() -> None:
    a = np.linspace(-4, 4, 401)
    density = np.exp(-np.add.outer(a**2, a**2) / 2)
    density[:, 0] = np.nan
    ninety, half = mass_levels(density)
    inside = np.where(np.isfinite(density), density, 0)
    for level, share in ((ninety, 0.9), (half, 0.5)):
        # A disc of a normal law holds 1 − e^(−r²/2), which is 1 less the density at its edge over that in the middle.
        assert level == pytest.approx(1 - share, abs=0.01)
        assert inside[inside >= level].sum() / inside.sum() == pytest.approx(share, abs=0.01)
    assert mass_levels(np.ones((3, 3))) == []
    assert mass_levels(np.full((3, 3), np.nan)) == []
    assert len(mass_levels(np.array([[1.0, 1e-9], [1e-9, 1e-9]]))) == 0  # all in one cell
