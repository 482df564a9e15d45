"""Notes of what is done: a file of JSON objects, one a line, that is only ever added to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_notes(path: Path) -> list[dict[str, Any]]:
    """Return the notes in order; none if there is no such file. Raises OSError.

    Lines that hold no JSON object, such as one that a crash tore, are passed over.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    notes = []
    for line in lines:
        try:
            note = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(note, dict):
            notes.append(note)
    return notes


def add_note(path: Path, note: Mapping[str, Any]) -> None:
    """Add a note to a file; it is on disk when this returns. Raises OSError."""
    with open(path, "a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        torn = file.read() not in (b"", b"\n")
        file.write(b"\n" * torn + json.dumps(note).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
