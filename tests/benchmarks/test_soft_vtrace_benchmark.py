"""The tables of soft V-trace are those of the documentation, and say what the page says of them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.soft_vtrace import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "soft_vtrace.md"


def cells(table: str) -> np.ndarray:
    """The numbers of a table, without the bounds of its first column."""
    return np.array([[float(cell) for cell in row.split("|")[2:-1]] for row in table.splitlines()[2:]])


def test_the_page_has_the_tables_and_both_channels_agree_where_they_should(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    tables = capsys.readouterr().out.strip().split("\n\n")
    for table in tables:
        assert table in PAGE.read_text(encoding="utf-8")
    inside, of_truncated, soft, outside, of_outside = cells(tables[0])[:, 2:7].T
    np.testing.assert_array_equal(inside, of_truncated)
    np.testing.assert_array_equal(outside, of_outside)
    assert (abs(inside - soft) > 0.005).tolist() == [True] * 4 + [False]
    assert (outside - inside > 0.05).tolist() == [True] * 4 + [False]
    found = cells(tables[1])
    for state, truncated in ((0, 4), (1, 3)):
        *forms, true = found[:, 3 * state : 3 * state + 3].T
        for form in forms:
            assert (form == true).tolist() == [False] * truncated + [True] * (5 - truncated)
