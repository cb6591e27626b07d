"""Attribute filters, in the wire's own JSON: checked once, then held against each file's attributes. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from asstream.search.protocol import Attributes, Filter

Value = str | float | bool

_DEEPEST: Final = 8
_MOST: Final = 100

_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_COMPOUND: Final = {"and": all, "or": any}
_TYPES: Final = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or")


def check_filter(wanted: object, _depth: int = 0) -> None:
    """Raise ValueError, with words for the wire, where `wanted` is no filter."""
    if not isinstance(wanted, Mapping):
        raise ValueError(f"A filter must be an object, not {type(wanted).__name__}.")
    kind = wanted.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"Invalid filter type {kind!r}. It must be one of: {', '.join(_TYPES)}.")
    if kind in _COMPOUND:
        _check_compound(wanted, kind, _depth)
    else:
        _check_comparison(wanted, kind)


def _check_compound(wanted: Filter, kind: str, depth: int) -> None:
    parts = wanted.get("filters")
    if not isinstance(parts, list) or not parts:
        raise ValueError(f"A filter of type '{kind}' needs 'filters', a list with at least one filter.")
    if depth >= _DEEPEST or len(parts) > _MOST:
        raise ValueError(f"A filter may be {_DEEPEST} levels deep and have {_MOST} filters in a list.")
    for part in parts:
        check_filter(part, depth + 1)


def _check_comparison(wanted: Filter, kind: str) -> None:
    key, value = wanted.get("key"), wanted.get("value")
    if not isinstance(key, str):
        raise ValueError(f"A filter of type '{kind}' needs 'key', the name of an attribute.")
    if kind in ("in", "nin"):
        if not isinstance(value, list) or not all(isinstance(each, str | int | float) for each in value):
            raise ValueError(f"A filter of type '{kind}' needs 'value', a list of strings or numbers.")
    elif kind in _ORDER and (isinstance(value, bool) or not isinstance(value, str | int | float)):
        raise ValueError(f"A filter of type '{kind}' needs 'value', a number or a string.")
    elif not isinstance(value, str | int | float):
        raise ValueError(f"A filter of type '{kind}' needs 'value', a string, a number or a boolean.")


def matches(wanted: Filter, attributes: Attributes) -> bool:
    """Whether a file with these attributes passes a filter that was checked.

    What a file does not have is unequal to everything, and neither above nor below anything.
    """
    kind = wanted["type"]
    if kind in _COMPOUND:
        return bool(_COMPOUND[kind](matches(part, attributes) for part in wanted["filters"]))
    has, value = attributes.get(wanted["key"]), wanted["value"]
    if kind in ("eq", "ne"):
        return _equal(has, value) is (kind == "eq")
    if kind in ("in", "nin"):
        return any(_equal(has, each) for each in value) is (kind == "in")
    return _comparable(has, value) and _ORDER[str(kind)](has, value)


def _equal(has: object, value: object) -> bool:
    return _comparable(has, value) and has == value


def _comparable(has: object, value: object) -> bool:
    """Whether two values are of one kind: a boolean is no number here, though it is one to Python."""
    if isinstance(has, bool) or isinstance(value, bool):
        return isinstance(has, bool) and isinstance(value, bool)
    if isinstance(has, int | float):
        return isinstance(value, int | float)
    return isinstance(has, str) and isinstance(value, str)
