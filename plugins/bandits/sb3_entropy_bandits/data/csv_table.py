"""CSV files that mean what they seem to: every row fits the header, every name stands once."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """
    :param line: the line on which it begins, the header's being 1
    :param cells: its cells by column
    """

    line: int
    cells: dict[str, str]


def read_table(path: Path, needed: Sequence[str], explanation: str = "") -> Iterator[Row]:
    """
    Rows of a CSV file in UTF-8, with or without a byte order mark, of cells between commas. Empty lines are skipped.

    :param path: the file; its first line names the columns
    :param needed: columns that it must have, in any order, among others
    :param explanation: what a message about missing columns ends with
    :return: its rows, in the order of the lines
    :raises ValueError: if a column is missing or named twice, a row has more or fewer cells than there are columns, a
        cell runs over a line's end or is not in UTF-8, or quotation marks do not pair
    """
    # Bytes that are not UTF-8 become lone surrogates, so that the cell they stand in can be named.
    text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        header = next(reader, [])
        _check_header(path, header, needed, explanation)
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                _check_row(path, line, header, cells)
                yield Row(line, dict(zip(header, cells, strict=True)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {line}: {error}. A quotation mark that opens a cell must be closed before the next comma."
        ) from error


def _check_header(path: Path, header: Sequence[str], needed: Sequence[str], explanation: str) -> None:
    for number, name in enumerate(header, 1):
        _check_text(path, 1, f"column {number}", name)
    # An index column and what a spreadsheet leaves at the right have no name.
    names = [name.strip().casefold() for name in header if name.strip()]
    twice = next((name for name in header if names.count(name.strip().casefold()) > 1), None)
    if twice is not None:
        numbers = [str(i) for i, name in enumerate(header, 1) if name.strip().casefold() == twice.strip().casefold()]
        raise ValueError(
            f"{path}, line 1, column {twice!r}: the name stands more than once, over the columns "
            f"{' and '.join(numbers)}, and only one of them can be meant. Rename or remove the others."
        )
    missing = [column for column in needed if column not in header]
    if missing:
        other = next((mark for mark in (";", "\t") if any(mark in name for name in header)), None)
        hint = f" The cells must be separated by commas, but {other!r} stands in the header." if other else ""
        raise ValueError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(header) or 'none'}.{hint}{explanation}"
        )


def _check_row(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> None:
    for name, cell in zip(header, cells, strict=False):
        _check_text(path, line, f"column {name!r}", cell)
        if "\n" in cell or "\r" in cell:
            raise ValueError(
                f"{path}, line {line}, column {name!r}: the cell runs on into the next line. Close its quotation mark, "
                "or write it on one line."
            )
    if len(cells) > len(header):
        raise ValueError(
            f"{path}, line {line}: {len(cells)} cells, but the header has {len(header)} columns: after the last, "
            f"{header[-1]!r}, stands {cells[len(header)]!r}. Numbers with decimal commas and texts with commas need "
            "quotation marks; numbers need decimal points."
        )
    if len(cells) < len(header):
        raise ValueError(
            f"{path}, line {line}, column {header[len(cells)]!r}: the row ends before it, with {len(cells)} cells for "
            f"{len(header)} columns. Mend or remove the line."
        )


def _check_text(path: Path, line: int, column: str, cell: str) -> None:
    wrong = next((mark for mark in cell if "\udc80" <= mark <= "\udcff"), None)
    if wrong is not None:
        byte = ord(wrong) - 0xDC00
        raise ValueError(
            f"{path}, line {line}, {column}: the byte 0x{byte:02x} is not UTF-8; in Latin-1 it would be "
            f"{bytes([byte]).decode('latin-1')!r}. Save the file as a CSV file in UTF-8."
        )
