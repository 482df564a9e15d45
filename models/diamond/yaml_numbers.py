"""Numbers out of somebody else's YAML, and nothing but numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from base.errors import UserError
from base.files import read_bytes

LARGEST_BYTES = 1 << 16
DEEPEST = 20

Value = None | bool | int | float | list["Value"] | dict[str, "Value"]

_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)")


class _Text:
    """Placeholder for what is no number: dropped with its key, or with the list that it is in."""


_TEXT = _Text()


def read_numbers(path: Path) -> dict[str, Value]:
    """The numbers, booleans and nulls of a YAML file, nested as they are there.

    Everything that is text is left out: `_target_` and other names of code, references (`${...}`),
    and lists with text among them. Nothing is ever built from a name. Unlike in YAML 1.1, 1e-4 is
    a number, and 010, 1:30, yes and .inf are text.
    Raises UserError, naming the file, for one that is larger than 64 KiB, deeper than 20 levels,
    or no mapping, and for tags, aliases and keys that are given twice.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UserError(f"{path} is too large to be a configuration")
        text = read_bytes(path, LARGEST_BYTES).decode()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text") from error
    try:
        return _document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise UserError(f"{path} is not YAML{line}") from error
    except ValueError as error:
        raise UserError(f"{path} is no plain configuration: {error}") from error


def _document(events: Iterator[yaml.Event]) -> dict[str, Value]:
    """The one mapping of a stream of YAML events. ValueError for anything else."""
    for event in events:
        if not isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            break
    value = _value(event, events, 0)
    if not isinstance(value, dict):
        raise ValueError("it is no mapping")
    ends = (yaml.DocumentEndEvent, yaml.StreamEndEvent)
    if not all(isinstance(event, ends) for event in events):
        raise ValueError("it is more than one document")
    return value


def _value(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Value | _Text:
    if depth > DEEPEST:
        raise ValueError(f"it is more than {DEEPEST} levels deep")
    if getattr(event, "tag", None) is not None:
        raise ValueError("it has a tag")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event.value) if event.style is None else _TEXT
    if isinstance(event, yaml.SequenceStartEvent):
        return _list(events, depth)
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, depth)
    raise ValueError("it has an alias" if isinstance(event, yaml.AliasEvent) else "it is empty")


def _list(events: Iterator[yaml.Event], depth: int) -> Value | _Text:
    items: list[Value] = []
    whole = True
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        item = _value(event, events, depth + 1)
        if isinstance(item, _Text):
            whole = False
        else:
            items.append(item)
    return items if whole else _TEXT


def _mapping(events: Iterator[yaml.Event], depth: int) -> dict[str, Value]:
    seen: set[str] = set()
    values: dict[str, Value] = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        if not isinstance(key, yaml.ScalarEvent):
            raise ValueError("it has a key that is not text")
        value = _value(next(events), events, depth + 1)
        if key.value in seen:
            raise ValueError(f"it has '{key.value[:40]}' twice")
        seen.add(key.value)
        if not isinstance(value, _Text):
            values[key.value] = value
    return values


def _scalar(text: str) -> Value | _Text:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return _TEXT
