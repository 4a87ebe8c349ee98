"""The page of a probe says what was asked and found, and asks nothing of anybody."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sb3_entropy.landscape.probes.interpolation import Interpolation
from sb3_entropy.landscape.probes.line_search import LineSearch
from sb3_entropy.landscape.probes.plane import Plane
from sb3_entropy.landscape.probes.settings import PROBES, find_probe, settings_of
from sb3_entropy.landscape.probes.spectrum import Spectrum
from sb3_entropy.reports.landscape import Looked, write_probe_page
from sb3_entropy.reports.landscape.page import QUESTIONS, text_of
from tests.plots.landscape.landscape_examples import curved, exact, noisy, perturbed
from tests.reports.study.chromium import NAMES, Chromium, find_chromium

NASTY = 'logs/<b>"x"&</b>'
SOMETHING = {
    "perturbations": lambda: perturbed(exact()),
    "interpolate": lambda: Interpolation(np.ones(3), points=5).run(exact()),
    "plane": lambda: Plane(points=3).run(exact()),
    "line-search": lambda: LineSearch(directions=4).run(exact()),
    "curvature": lambda: curved(exact()),
    "spectrum": lambda: Spectrum().run(exact()),
}


@pytest.mark.parametrize("key", PROBES)
def test_every_probe_has_a_page(key, tmp_path):
    found = SOMETHING[key]()
    page = write_probe_page([Looked(found)], tmp_path / "page")
    html = page.read_text(encoding="utf-8")
    assert QUESTIONS[key] in html
    assert "could not be drawn" not in html
    for name, value in found.numbers().items():
        assert f'<th scope="row">{name}</th>' in html, value
    for setting in settings_of(find_probe(key)):
        assert setting.doc
        assert f'<th scope="row">{setting.name}</th>' in html
    assert "a quadratic" in html  # what the objective says of itself
    assert sum(file.suffix == ".svg" for file in page.parent.iterdir()) == (2 if key == "perturbations" else 1)


def test_conditions_stand_side_by_side(tmp_path):
    looked = [Looked(perturbed(noisy(0.01)), "σ = 0"), Looked(perturbed(noisy(0.2)), "σ = 1")]
    plan = ["It takes 1,000 episodes <soon>."]
    page = write_probe_page(looked, tmp_path, subject=NASTY, plan=plan, command="sb3-entropy probe …", episodes=1234)
    html = page.read_text(encoding="utf-8")
    assert NASTY not in html
    assert "logs/&lt;b&gt;&#34;x&#34;&amp;&lt;/b&gt;" in html
    for text in ("1,000 episodes &lt;soon&gt;", "sb3-entropy probe …", "1,234", "<h3>σ = 0</h3>", "<h3>σ = 1</h3>"):
        assert text in html
    for one in looked:
        for sentence in one.found.sentences():
            assert sentence.replace("'", "&#39;") in html
    assert "σ = 0: 0.01<br>σ = 1: 0.2" in re.sub(r"\s+", " ", html).replace("<br> ", "<br>")
    with (tmp_path / "numbers.csv").open(encoding="utf-8") as file:
        rows = {(row["condition"], row["number"]): float(row["value"]) for row in csv.DictReader(file)}
    assert rows == {(one.condition, name): value for one in looked for name, value in one.found.numbers().items()}


def test_a_training_is_one_trace_a_condition(tmp_path):
    looked = [Looked(curved(noisy(0.01 * step)), std, step) for step in (1, 2) for std in ("σ = 0", "σ = 1")]
    html = write_probe_page(looked, tmp_path).read_text(encoding="utf-8")
    assert "<h3>σ = 1, step 2</h3>" in html
    svg = (tmp_path / "01_curvature.svg").read_text(encoding="utf-8")
    assert '<th scope="col" class="n">improvement_slope</th>' not in html
    more = write_probe_page([Looked(one.found, f"σ = {i}") for i, one in enumerate([*looked, looked[0]])], tmp_path)
    assert '<th scope="col" class="n">improvement_slope</th>' in more.read_text(encoding="utf-8")  # a row a condition
    assert svg.count(">σ = 0<") == svg.count(">σ = 1<") == 1


def test_a_page_is_written_anew(tmp_path):
    write_probe_page([Looked(perturbed(exact()))], tmp_path)
    write_probe_page([Looked(Spectrum().run(exact()))], tmp_path)
    names = {"index.html", "numbers.csv", "01_spectrum.svg", "01_spectrum.png"}
    assert {file.name for file in tmp_path.iterdir()} == names


def test_what_is_no_page_is_told(tmp_path):
    with pytest.raises(ValueError, match="page is of one probe, but nothing was given"):
        write_probe_page([], tmp_path)
    some = [Looked(perturbed(exact())), Looked(Spectrum().run(exact()))]
    with pytest.raises(ValueError, match=r"one probe, but \['perturbations', 'spectrum'\] was given"):
        write_probe_page(some, tmp_path)
    with pytest.raises(ValueError, match=r"needs a name each, .*Name the conditions"):
        write_probe_page([some[0], some[0]], tmp_path)


def test_a_figure_that_fails_says_so(tmp_path):
    found = perturbed(exact())
    html = write_probe_page([Looked(found, str(i)) for i in range(13)], tmp_path).read_text(encoding="utf-8")
    assert "could not be drawn: ValueError: A figure shows 1 to 12 conditions" in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (0.1, "0.1"),
        (np.ones(9), "9 numbers"),
        ((0.5, 1), "0.5, 1"),
        ({"std": 0.0, "mix": None}, "std 0, mix none"),
        ({}, "none"),
        ("x", "x"),
    ],
)
def test_values_are_short(value, text):
    assert text_of(value) == text


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH")
    browser = Chromium(program)
    yield browser
    browser.close()


def test_the_page_fits_a_phone_and_asks_no_network(browser: Chromium, tmp_path: Path) -> None:
    page = write_probe_page([Looked(perturbed(noisy()), "σ = 0")], tmp_path, command="sb3-entropy probe " + "x" * 200)
    for width in (390, 1200):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 400}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        browser.open(page)
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.complaints() == []
        assert [url for url in browser.requests() if url != page.as_uri() and not url.startswith("data:")] == []
    shown = "getComputedStyle(document.querySelector('.in-dark')).display"
    assert browser.run(shown) == "none"
    browser.run("document.getElementById('toggle').click()")
    assert browser.run(shown) == "block"
