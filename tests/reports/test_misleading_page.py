"""The page and the figure of a misleading score."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sb3_entropy.landscape.q.misleading import Misleading, misleading
from sb3_entropy.plots.landscape.misleading import draw
from sb3_entropy.plots.rendering import to_svg
from sb3_entropy.plots.theme import DARK, LIGHT
from sb3_entropy.reports.misleading import write_misleading_page
from tests.landscape.q.hand_made import Formula, agent

NASTY = 'logs/<b>"x"&</b>'


def bump(at: float, scale: float) -> Formula:
    return lambda s, a: scale * (1 + s[..., 0] ** 2) * np.exp(-(((a[..., 0] - at) / 0.5) ** 2))


@pytest.fixture(scope="module")
def found() -> Misleading:
    plain, soft = [bump(0.4 + 0.02 * k, 1.0) for k in range(3)], [bump(-0.5 - 0.01 * k, 2.0) for k in range(3)]
    states = np.random.default_rng(0).normal(size=(24, 1))
    return replace(misleading(agent(plain, soft, states, np.arange(24) // 4)), name=NASTY)


def test_the_page_says_what_was_found_with_the_answer_first(found: Misleading, tmp_path: Path) -> None:
    page = write_misleading_page(found, tmp_path, remarks=["α was <named>."], command="sb3-entropy probe misleading …")
    html = page.read_text(encoding="utf-8")
    assert page == tmp_path / "index.html"
    assert "could not be drawn" not in html
    assert NASTY not in html
    assert "logs/&lt;b&gt;&#34;x&#34;&amp;&lt;/b&gt;" in html
    assert "<li>α was &lt;named&gt;.</li>" in html
    assert "sb3-entropy probe misleading …" in html
    *others, answer = [sentence.replace(NASTY, "").replace("'", "&#39;") for sentence in found.sentences()]
    assert answer.startswith("Entropy misleads this agent")
    assert html.index(answer) < html.index(others[1]) < html.index(others[-1])
    assert not re.search(r"(src|href)=\"https?:", html)
    assert {"01_misleading.svg", "01_misleading.png", "numbers.json"} <= {file.name for file in tmp_path.iterdir()}


def test_the_numbers_are_beside_it_and_nan_is_null(found: Misleading, tmp_path: Path) -> None:
    write_misleading_page(found, tmp_path)
    kept = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert kept.pop("name") == NASTY
    assert kept == found.numbers()
    alone = replace(found, episodes=np.zeros(24, int))
    write_misleading_page(alone, tmp_path)
    text = (tmp_path / "numbers.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text)["excess_low"] is None
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "This page was written by" not in html
    assert "could not be drawn" not in html


def test_the_figure_has_score_null_and_excess_and_every_state(found: Misleading) -> None:
    for theme in (LIGHT, DARK):
        figure = draw(found, theme)
        ET.fromstring(to_svg(figure, theme.name))
        left, right = figure.axes
        dots = {
            float(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in left.lines if line.get_marker() == "o"
        }
        assert dots == {0: found.score.value, 1: found.null.value, 2: found.excess.value}
        bars = [
            line.get_xdata() for line in left.lines if line.get_marker() == "None" and len(set(line.get_ydata())) == 1
        ]
        assert [found.excess.low, found.excess.high] in [list(bar) for bar in bars]
        soft, null = right.lines
        np.testing.assert_array_equal(soft.get_ydata(), found.of_states)
        np.testing.assert_array_equal(null.get_ydata(), found.null_of_states)
        np.testing.assert_allclose(soft.get_xdata(), found.ranges.mean(axis=0))
        assert [text.get_text() for text in left.get_yticklabels()] == ["score", "null", "excess"]
    assert figure.get_label().startswith(f"What is given up where soft Q is greatest, {NASTY}: score 0.")


def test_without_intervals_and_without_a_difference_it_is_drawn_too(found: Misleading) -> None:
    for one in (
        replace(found, episodes=np.zeros(24, int)),
        replace(found, ranges=0 * found.ranges, soft_regret=0 * found.soft_regret, plain_regret=0 * found.plain_regret),
    ):
        ET.fromstring(to_svg(draw(one, LIGHT), "bare"))
