"""
The tutorials as pages: ``make tutorials`` runs the notebooks of ``docs/tutorials`` and writes a page and its pictures
for each, and ``tests/docs`` holds the page. Notebooks are kept without outputs.

A cell of code whose metadata have ``figure`` and ``alt`` shows a figure, kept in ``docs/images`` under that name.
"""

import base64
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

DOCS = Path(__file__).resolve().parents[1]
TUTORIALS = sorted((DOCS / "tutorials").glob("*.ipynb"))
#: for figures that are shown below their cell, whatever the surroundings say
INLINE = "module://matplotlib_inline.backend_inline"


def page(notebook: Path) -> str:
    """
    :param notebook: a notebook
    :return: the same in Markdown, with its code as blocks and its figures as links
    """
    parts = [f"<!-- made of {notebook.name} by make tutorials -->"]
    for cell in nbformat.read(notebook, as_version=4).cells:
        parts.append(f"```python\n{cell.source}\n```" if cell.cell_type == "code" else cell.source)
        if "figure" in cell.metadata:
            parts.append(f"![{cell.metadata.alt}](../images/{cell.metadata.figure})")
    parts.append(f"*This page is [a notebook]({notebook.name}), to be run and changed.*")
    return "\n\n".join(parts) + "\n"


def executed(notebook: Path) -> nbformat.NotebookNode:
    """
    :param notebook: a notebook
    :return: the same with what its cells have put out
    :raises nbclient.exceptions.CellExecutionError: if a cell raises
    """
    read = nbformat.read(notebook, as_version=4)
    with TemporaryDirectory() as folder:
        # By files: a port that was free when it was chosen may be taken when the kernel starts.
        places = {} if os.name == "nt" else {"transport": "ipc", "ip": str(Path(folder, "kernel"))}
        client = NotebookClient(read, timeout=120, kernel_name="python3", config=Config(KernelManager=places))
        client.execute(env={**os.environ, "MPLBACKEND": INLINE})
    return read


def figures(notebook: nbformat.NotebookNode) -> dict[str, bytes]:
    """
    :param notebook: one that has been executed
    :return: its figures as PNG, by name
    :raises ValueError: if a cell that is to show one shows none, or several
    """
    found = {}
    for cell in notebook.cells:
        if "figure" in cell.metadata:
            shown = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
            if len(shown) != 1:
                raise ValueError(
                    f"The cell of {cell.metadata.figure} must show one figure, but it shows {len(shown)}. Make one "
                    "figure in it, and do not close it."
                )
            found[cell.metadata.figure] = base64.b64decode(shown[0])
    return found


if __name__ == "__main__":
    for tutorial in TUTORIALS:
        for name, picture in figures(executed(tutorial)).items():
            (DOCS / "images" / name).write_bytes(picture)
        tutorial.with_suffix(".md").write_text(page(tutorial), encoding="utf-8")
