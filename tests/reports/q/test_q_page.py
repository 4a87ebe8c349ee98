"""The page of a landscape of Q says what was found, how far it can be trusted, and asks nothing of anybody."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.surface import q_landscape
from sb3_entropy.reports.q import write_q_page
from tests.landscape.q.analytic import Cut, TanhGaussian, hill, subject
from tests.reports.study.chromium import NAMES, Chromium, find_chromium

STATES = np.array([[0.5, -1.0], [2.0, 0.3]])
NASTY = 'logs/<b>"x"&</b>'


def test_the_page_says_what_was_found_and_when_to_distrust_it(tmp_path: Path) -> None:
    agent = subject([hill(0.5), hill(0.5, scale=3)], [hill(-0.5)] * 2, 1, name=NASTY, remarks=("σ = 0.1 was <named>.",))
    found = q_landscape(agent, STATES, resolution=21)
    page = write_q_page(found, tmp_path, settings=[("plane", "the line")], command="sb3-entropy probe q-landscape …")
    html = page.read_text(encoding="utf-8")
    assert "could not be drawn" not in html
    assert NASTY not in html
    assert "logs/&lt;b&gt;&#34;x&#34;&amp;&lt;/b&gt;" in html
    assert '<p class="remark">σ = 0.1 was &lt;named&gt;.</p>' in html
    for sentence in found.sentences():
        assert sentence in html
    assert "not held against returns of held-out episodes" in html
    assert "differ by more than 10 % of the range of plain Q" in html
    assert "Which actions are far from data is not known" in html
    assert "sb3-entropy probe q-landscape …" in html
    for name in found.numbers():
        assert f'<th scope="row" class="nowrap">{name}</th>' in html
    assert not re.search(r"(src|href)=\"https?:", html)
    with (tmp_path / "numbers.csv").open(encoding="utf-8") as file:
        rows = {(row["state"], row["number"]): float(row["value"]) for row in csv.DictReader(file)}
    assert rows["all", "gap"] == found.numbers()["gap"]
    assert rows["state 1", "gap_share"] == pytest.approx(2 / (2 * 1.5**2))  # (1 − 0)² of 1.5², twice
    with np.load(tmp_path / "landscape.npz") as arrays:
        np.testing.assert_array_equal(arrays["plain"], found.plain.values)
        np.testing.assert_array_equal(arrays["density"], found.density)
        assert arrays["states"].tolist() == ["state 0", "state 1"]
    assert {"01_q_landscape.svg", "01_q_landscape.png"} <= {file.name for file in tmp_path.iterdir()}


def test_calibration_is_said_in_its_own_words(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    returned = rng.normal(size=60)
    calibration = Calibration(
        returned + rng.normal(scale=0.1, size=(2, 60)), returned, np.arange(60) % 2 > 0, np.arange(60) // 5
    )
    agent = subject([hill(0.5, 0.1)], None, 2, behaviour=TanhGaussian(2, is_stochastic=False), known=Cut(2))
    found = q_landscape(agent, STATES[:1], resolution=5)
    html = write_q_page(found, tmp_path, calibration=calibration).read_text(encoding="utf-8")
    for sentence in calibration.sentences():
        assert sentence.replace("'", "&#39;") in html
    assert "not held against" not in html
    assert "There is one critic of each kind" in html
    assert "Where is plain Q greatest?" in html
    assert "nothing is hatched" not in html


def test_the_page_fits_a_phone_and_asks_no_network(tmp_path: Path) -> None:
    program = find_chromium()
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    found = q_landscape(subject([hill(0.5, 0)], [hill(0, 0)], 2), STATES, resolution=9)
    page = write_q_page(found, tmp_path, command="sb3-entropy probe " + "x" * 200)
    browser = Chromium(program)
    try:
        for width in (390, 1280):
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 400}
            browser.call("Emulation.setDeviceMetricsOverride", **size)
            browser.open(page)
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert browser.complaints() == []
            assert [url for url in browser.requests() if url != page.as_uri() and not url.startswith("data:")] == []
    finally:
        browser.close()
