"""The site builds without a warning, and reading it fetches nothing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import REPOSITORY

from sb3_entropy.registry import ALGORITHMS

NAMES = {key: cls.__name__ for key, cls in ALGORITHMS.items() if cls.__module__.startswith("sb3_entropy.")}
FETCHED = re.compile(r"<(?:link|script|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^\"' >]+")


def build(target: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout + done.stderr


def test_the_site_is_whole_and_needs_no_network(tmp_path: Path) -> None:
    """One test, because parallel workers would each build the site for a part of it."""
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    build(tmp_path)
    for page in (
        "index",
        "temperature",
        "policies",
        "regularizers",
        "bandits",
        "offline",
        "cli",
        "contributing",
        "changelog",
    ):
        assert (tmp_path / f"{page}.html").is_file()
    for key, name in NAMES.items():
        page_of_it = (tmp_path / "algorithms" / f"{key}.html").read_text(encoding="utf-8")
        assert f'id="sb3_entropy.{name}"' in page_of_it
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not FETCHED.findall(text), page
        prose = re.sub(r"<pre.*?</pre>|<code.*?</code>", "", text, flags=re.DOTALL)
        assert not re.search(r":(?:class|func|meth|param|raises|return)\b[^<\n]*:", prose), page
        # From the disk a link to a folder shows its files, and a worker does not start.
        if page.name != "404.html":  # a server's
            links = re.findall(r"<a\b[^>]*?\bhref=\"(?!https?:|#|mailto:)([^\"#?]+)", text)
            assert all((page.parent / link).is_file() for link in links), page
            assert re.search(r'<script src="[./]*javascripts/iframe-worker\.js"></script>.*bundle', text, re.DOTALL), (
                page
            )
    assert (tmp_path / "search" / "search_index.js").read_text(encoding="utf-8").startswith("var __index = {")
    for sheet in (tmp_path / "stylesheets").rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_page_from_the_disk_is_searched(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium")
    build(tmp_path)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"]
    for page in ("index.html", "algorithms/sppo.html"):
        address = f"{(tmp_path / page).as_uri()}?q=hellinger"
        shown = subprocess.run([chromium, *options, address], capture_output=True, text=True, timeout=60, check=True)
        assert re.search(r"[1-9]\d* matching documents", shown.stdout), page
        assert f'href="{(tmp_path / "divergences.html").as_uri()}?h=hellinger' in shown.stdout
