"""The lists of algorithms are those of the registry."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from doc_blocks import REPOSITORY

LISTS: dict[str, Any] = runpy.run_path(str(REPOSITORY / "docs" / "extensions" / "lists.py"))


@pytest.mark.parametrize("name", LISTS["LISTS"])
def test_the_list_is_the_registrys(name: str) -> None:
    assert Path(REPOSITORY, name).read_text(encoding="utf-8") == LISTS["with_list"](name), "make it again: make lists"


@pytest.mark.parametrize("begins", ["Soft PPO.", "Soft PPO (Eqs. 38–41)."])
def test_a_docstring_without_its_source_is_told(begins: str) -> None:
    nameless = type("Nameless", (), {"__doc__": f"{begins}\n\nMore (Liu et al. 2020)."})
    with pytest.raises(ValueError, match=r"docstring of Nameless begins with .*source in parentheses"):
        LISTS["described"](nameless)


def test_a_source_on_arxiv_is_linked() -> None:
    named = type("Named", (), {"__doc__": "A step\n    a rollout (Doe 2020, arXiv 2001.12345, Eq. 1)."})
    link = "[arXiv:2001.12345](https://arxiv.org/abs/2001.12345)"
    assert LISTS["described"](named) == ("A step a rollout", f"Doe 2020, {link}, Eq. 1")
