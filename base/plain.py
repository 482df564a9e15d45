"""Plain JSON data into frozen dataclasses, by their type hints alone and with no conversions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from base.errors import UserError

T = TypeVar("T")
LONGEST_NAME = 200


def read(kind: type[T], data: Any, name: str = "") -> T:
    """Read an instance of the dataclass `kind` from what `dataclasses.asdict` made of one.

    name: of the data, for messages. Knows int, float, bool, str, Literal, tuple[X, ...], mappings
    of strings, None, dataclasses of these, and unions of dataclasses and None, where the fields
    tell which is meant. Raises UserError for a field that is missing,
    unknown or of another type, for numbers that are not finite, and for values that the
    dataclass itself refuses. A field that already is the object it should be stays as it is.
    """
    value: T = _value(kind, data, name or kind.__name__)
    return value


def is_name(value: Any) -> bool:
    """Return True for text that can be shown in a line: not empty, and not without end."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def _value(kind: Any, data: Any, name: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        kind = next((one for one in arguments if _may_be(one, data)), arguments[0])
    if is_dataclass(kind) and isinstance(data, dict):
        return _instance(kind, data, name)
    if origin is tuple and isinstance(data, list):
        return tuple(_value(arguments[0], item, f"{name}[{i}]") for i, item in enumerate(data))
    if origin is Mapping and isinstance(data, dict):
        return {str(k): _value(arguments[1], v, f"{name}.{k}") for k, v in data.items()}
    if origin is Literal and isinstance(data, str) and data in arguments:
        return data
    if kind is Any or (kind in (int, str, bool, NoneType) and type(data) is kind):
        return data
    if kind is float and type(data) in (int, float) and abs(data) < 1e300 and math.isfinite(data):
        return float(data)
    if isinstance(kind, type) and kind not in (int, float) and isinstance(data, kind):
        return data
    raise UserError(f"'{name}' has a value that it cannot have: {short(data)}")


def _may_be(kind: Any, data: Any) -> bool:
    """Return True if data could be of a member of a union: None, or a dataclass with its fields."""
    if not is_dataclass(kind):
        return kind is NoneType and data is None
    return isinstance(data, dict) and {field.name for field in fields(kind)} >= set(data)


def _instance(kind: Any, data: dict[str, Any], name: str) -> Any:
    known = {field.name: field for field in fields(kind)}
    if extra := sorted(set(data) - set(known)):
        raise UserError(f"'{name}' has a field that is not known here: {short(extra[0])}")
    required = {n for n, f in known.items() if f.default is f.default_factory is MISSING}
    if absent := sorted(required - set(data)):
        raise UserError(f"'{name}' lacks '{absent[0]}'")
    hints = get_type_hints(kind)
    values = {n: _value(hints[n], value, f"{name}.{n}") for n, value in data.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise UserError(f"'{name}' cannot be: {error}") from error


def short(data: Any) -> str:
    """Show a value of any kind in a few words of a message."""
    text = repr(data) if not isinstance(data, (dict, list)) else type(data).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
