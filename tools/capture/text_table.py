"""Tables as other programs write them: cells apart by commas, semicolons or tabs, or JSON lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from base.errors import UserError

Cells = list[tuple[int, list[str]]]  # of each row, its line (from 1) and its cells
Records = list[tuple[int, dict[str, Any]]]
_SEPARATOR = re.compile(r"sep=(.)\s*\n")  # as Excel has it


@contextmanager
def naming_line(source: str, line: int) -> Iterator[None]:
    """Name file and line in the UserError for what is wrong there."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{source}, line {line}: {error}") from error


def read_cells(text: str, source: str) -> tuple[Cells, str]:
    """The rows of a table that are not empty, the header first, and what its cells are apart by."""
    told = _SEPARATOR.match(text)
    header = text.lstrip()[:10_000].split("\n", 1)[0]
    apart = told[1] if told else max(",;\t", key=header.count)
    lines = csv.reader(text.splitlines(), delimiter=apart, strict=True, skipinitialspace=True)
    cells: Cells = []
    try:
        for row in lines:
            if any(cell.strip() for cell in row) and not (told and lines.line_num == 1):
                cells.append((lines.line_num, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise UserError(f"{source}, line {max(lines.line_num, 1)}: {error}") from error
    return cells, apart


def read_records(text: str, source: str) -> Records:
    """The objects of a file that has a JSON object on each line."""
    records: Records = []
    for line, written in enumerate(text.split("\n"), 1):
        if written.strip():
            with naming_line(source, line):
                records.append((line, _record(written)))
    return records


def cells_of(records: Records, source: str) -> Cells:
    """Records that all have the same entries, as a table; lists are joined by '+'."""
    header = list(records[0][1])
    cells: Cells = [(records[0][0], header)]
    for line, record in records:
        with naming_line(source, line):
            if record.keys() != set(header):
                raise UserError("its entries are not those of the first line")
            cells.append((line, [_cell(record[name]) for name in header]))
    return cells


def _record(written: str) -> dict[str, Any]:
    try:
        record = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise UserError("it is not JSON") from error
    if not isinstance(record, dict):
        raise UserError("it is no JSON object")
    return record


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list):
        brackets_apart = sorted(value, key=lambda part: part != "]")  # "[+]" is the keypad's key
        return "+".join("plus" if part == "+" else _cell(part) for part in brackets_apart)
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise UserError("it holds a table within the table")


def decimal_commas(cells: Sequence[str], apart: str) -> bool:
    """Return True if numbers have decimal commas. Raises UserError where one can't tell."""
    if apart == "," or not any("," in cell for cell in cells):
        return False
    if any("." in cell for cell in cells):
        raise UserError("some numbers have decimal commas, and some have points")
    return True
