"""The tutorials run in a kernel of their own, print what they say, and are the pages that are made of them."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from doc_blocks import REPOSITORY

pytest.importorskip("nbclient", reason="the extra 'dev' is not installed")
pytest.importorskip("ipykernel", reason="the extra 'dev' is not installed")
import nbformat

MAKER: dict[str, Any] = runpy.run_path(str(REPOSITORY / "docs" / "extensions" / "notebooks.py"))
TUTORIALS: list[Path] = MAKER["TUTORIALS"]


def test_there_are_tutorials() -> None:
    assert [notebook.stem for notebook in TUTORIALS] == ["entropic_bifurcation"]


@pytest.mark.parametrize("notebook", TUTORIALS, ids=lambda path: path.stem)
def test_the_page_is_the_notebooks(notebook: Path) -> None:
    made = MAKER["page"](notebook)
    assert notebook.with_suffix(".md").read_text(encoding="utf-8") == made, "make it again: make tutorials"
    cells = nbformat.read(notebook, as_version=4).cells
    nbformat.validate(nbformat.read(notebook, as_version=4))
    for cell in cells:
        assert cell.source in made
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), "keep it without outputs"
        if "figure" in cell.metadata:
            assert len(cell.metadata.alt) > 20
            assert f"(../images/{cell.metadata.figure})" in made
            assert (REPOSITORY / "docs" / "images" / cell.metadata.figure).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow  # the page is the notebook's, and `test_docs_python.py` runs it and compares what it prints
@pytest.mark.parametrize("notebook", TUTORIALS, ids=lambda path: path.stem)
def test_the_notebook_runs_and_prints_what_it_says(notebook: Path) -> None:
    done = MAKER["executed"](notebook)
    said = 0
    for cell in done.cells:
        if cell.cell_type == "code":
            printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout").splitlines()
            assert not [output for output in cell.outputs if output.get("name") == "stderr"]
            for line in cell.source.splitlines():
                code, mark, comment = line.partition("  # ")
                if code.startswith("print(") and mark:
                    assert comment in printed, line
                    printed = printed[printed.index(comment) + 1 :]  # in the same order
                    said += 1
    assert said >= 10
    figures = MAKER["figures"](done)
    assert len(figures) == sum("figure" in cell.metadata for cell in done.cells) >= 1
    assert all(png.startswith(b"\x89PNG") and len(png) > 5000 for png in figures.values())


def test_a_cell_that_is_to_show_a_figure_and_shows_none_is_told() -> None:
    cell = nbformat.v4.new_code_cell("1", metadata={"figure": "none.png", "alt": "nothing"})
    with pytest.raises(ValueError, match=r"cell of none\.png must show one figure, but it shows 0"):
        MAKER["figures"](nbformat.v4.new_notebook(cells=[cell]))
