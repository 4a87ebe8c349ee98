"""The page in a real browser: its script runs, nothing is asked of a network, both themes, by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sb3_entropy.reports.study import write_report
from tests.reports.study.chromium import NAMES, Chromium, find_chromium
from tests.reports.study.results import NASTY, failed, make_results, make_study, with_runs

PROGRAM = find_chromium()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason=f"no browser: none of {', '.join(NAMES)} is on the PATH")


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    assert PROGRAM is not None
    browser = Chromium(PROGRAM)
    # Whatever might be asked of a network fails.
    browser.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    results = make_results(make_study())
    runs = list(results.runs)
    gaps = with_runs(results, [*runs[1:-1], failed(runs[-1])])
    return {
        "full": write_report(gaps, folder / "full"),
        "empty": write_report(with_runs(results, []), folder / "empty"),
    }


@pytest.fixture
def page(browser: Chromium, pages: dict[str, Path]) -> Chromium:
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    browser.open(pages["full"])
    return browser


def test_the_script_runs_and_asks_nothing_of_anybody(page, pages):
    assert page.run("document.querySelectorAll('#chart path.run').length") == 4  # one run of the first arm is missing
    assert page.run("document.querySelector('#chart path.run').getAttribute('d').split('L').length") == 8
    assert page.complaints() == []
    outside = [url for url in page.requests() if url != pages["full"].as_uri() and not url.startswith("data:")]
    assert outside == []


def test_any_runs_curve_is_drawn_on_demand(page):
    choose = """(name, value) => { const s = document.getElementById(`choose-${name}`); s.value = value;
        s.dispatchEvent(new Event("change")); return document.querySelectorAll("#chart path.run").length; }"""
    before = page.run("document.querySelector('#chart path.run').getAttribute('d')")
    assert page.run(f"({choose})('arm', 1)") == 5
    assert page.run("document.querySelector('#chart path.run').getAttribute('d')") != before
    assert page.run(f"({choose})('other', 0)") == 9
    assert page.run("document.getElementById('runs-body').rows.length") == 9
    assert page.run(f"({choose})('curve', 2)") == 0  # α was never recorded, and the page says so
    assert "Nothing was recorded" in page.run("document.getElementById('readout').textContent")
    assert page.run(f"({choose})('curve', 1)") == 9


def test_a_tables_arm_leads_to_its_curves(page):
    page.run("document.querySelector('#verdict button[data-arm]').click()")
    assert page.run("document.getElementById('choose-arm').selectedOptions[0].textContent").startswith(NASTY)
    assert page.run("document.getElementById('choose-other').selectedOptions[0].textContent") == "PPO"
    assert page.run("document.activeElement.id") == "choose-arm"


def test_everything_works_by_keyboard(page):
    def press(key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)

    page.run("document.querySelector('#runs-body button').focus()")
    press("Enter", 13, "\r")
    assert page.run("document.querySelector('#runs-body button').getAttribute('aria-pressed')") == "true"
    assert page.run("document.querySelectorAll('#chart path.chosen').length") == 1
    assert page.run("document.getElementById('readout').textContent").startswith("PPO, seed 1: ")
    press("Tab", 9)
    assert page.run("document.activeElement.textContent") == "seed 2"
    reachable = """[...document.querySelectorAll("main [tabindex], main button, main select, main summary")]
        .every((element) => element.tabIndex === 0)"""
    assert page.run(reachable)


def test_both_themes_by_preference_and_by_button(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    shown = (
        "[...document.querySelectorAll('.in-light, .in-dark')].filter((e) => e.offsetParent).map((e) => e.className)"
    )
    light = page.run(ground)
    assert set(page.run(shown)) == {"in-light"}
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = page.run(ground)
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(20, 23, 28)")
    assert set(page.run(shown)) == {"in-dark"}
    page.run("document.getElementById('toggle').click()")
    assert page.run(ground) == light
    assert page.run("document.getElementById('toggle').textContent") == "Dark"
    page.run("document.getElementById('toggle').click(); localStorage.clear()")
    assert page.run(ground) == dark


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_is_as_wide_as_its_window(page, width):
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    assert page.run("document.documentElement.scrollWidth") <= width
    page.call("Emulation.clearDeviceMetricsOverride")


def test_names_and_tracebacks_are_text(page):
    assert page.run("document.querySelectorAll('script').length") == 2
    assert page.run("document.querySelectorAll('main th b, h1 i').length") == 0
    assert page.run("document.querySelector('#gaps pre').textContent").endswith("<script>alert(1)</script> & NaN")
    assert page.run("document.querySelector('#gaps').textContent.includes('PPO in CartPole-v1, seed 0')")
    assert page.run("document.querySelector('h1').textContent") == "Does <i>entropy</i> help?"


def test_the_structure_speaks(page):
    assert page.run("document.documentElement.lang") == "en"
    assert page.run("[...document.querySelectorAll('table')].every((t) => t.caption && t.caption.textContent.trim())")
    assert page.run("[...document.querySelectorAll('th')].every((th) => ['row', 'col'].includes(th.scope))")
    assert page.run("[...document.querySelectorAll('svg')].every((s) => s.getAttribute('aria-label').length > 20)")
    assert page.run("[...document.querySelectorAll('select')].every((s) => s.labels.length === 1)")
    ids = page.run("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    broken = (
        "[...document.querySelectorAll('nav a')].filter((a) => !document.querySelector(a.getAttribute('href'))).length"
    )
    assert page.run(broken) == 0


def test_a_study_without_runs_has_a_page(browser, pages):
    browser.open(pages["empty"])
    assert browser.complaints() == []
    text = browser.run("document.body.innerText")
    assert "No run has finished yet." in text
    assert "15 runs are still to be done." in text
    assert "No comparison has runs on both sides yet." in text


def test_what_these_tests_look_for_would_be_found(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text('<img src="https://example.invalid/a.png"><script>console.error("x"); missing()</script>')
    browser.open(page)
    assert "https://example.invalid/a.png" in browser.requests()
    kinds = {event["method"] for event in browser.complaints()}
    assert kinds >= {"Runtime.exceptionThrown", "Runtime.consoleAPICalled"}
