"""Checks the body of a request, and says of a wrong one what the service said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from asstream.errors import WireError
from asstream.server.bodies import Body

B = TypeVar("B", bound=Body)

_JSON_TYPES: Final = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}

_WANTED: Final = {
    "string_type": "a string",
    "bool_type": "a boolean",
    "bool_parsing": "a boolean",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a decimal",
    "float_parsing": "a decimal",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}

_BRANCHES: Final = frozenset({"str", "ResponseFormat", "ToolChoice", "[key]"})
"""What pydantic calls some branches of a union, and a dictionary's key; others have a prefix."""

_WEAK: Final = frozenset({*_WANTED, "literal_error"})
"""Faults that only say that a branch of a union was not meant."""

_SHOWN: Final = 120
"""The most characters of a client's text that a message repeats."""

Fault = dict[str, Any]

_TEXTS: Final[dict[str, tuple[str, Callable[[str, Fault], str]]]] = {
    "missing": ("missing_required_parameter", lambda p, e: f"Missing required parameter: '{p}'."),
    "extra_forbidden": ("unknown_parameter", lambda p, e: f"Unknown parameter: '{p}'."),
    "string_too_long": (
        "string_above_max_length",
        lambda p, e: (
            f"Invalid '{p}': string too long. Expected a string with maximum length "
            f"{e['ctx']['max_length']}, but got a string with length {len(e['input'])} instead."
        ),
    ),
    "too_long": (
        "array_above_max_length",
        lambda p, e: (
            f"Invalid '{p}': too many entries. Expected at most {e['ctx']['max_length']}, "
            f"but got {len(e['input'])} instead."
        ),
    ),
    "too_short": (
        "empty_array",
        lambda p, e: f"Invalid '{p}': empty array. Expected at least {e['ctx']['min_length']} entry.",
    ),
    "less_than_equal": (
        "above_max_value",
        lambda p, e: (
            f"Invalid '{p}': above the maximum value. Expected a value <= {e['ctx']['le']}, "
            f"but got {e['input']} instead."
        ),
    ),
    "greater_than_equal": (
        "below_min_value",
        lambda p, e: (
            f"Invalid '{p}': below the minimum value. Expected a value >= {e['ctx']['ge']}, "
            f"but got {e['input']} instead."
        ),
    ),
    "literal_error": (
        "invalid_value",
        lambda p, e: (
            f"Invalid value: {_shown(e['input'])}. Supported values for '{p}' are: {e['ctx']['expected']}."
        ),
    ),
    "union_tag_invalid": (
        "invalid_value",
        lambda p, e: (
            f"Invalid value: {_shown(e['ctx']['tag'])}. Supported values for '{p}.type' are: "
            f"{e['ctx']['expected_tags']}."
        ),
    ),
    "union_tag_not_found": (
        "missing_required_parameter",
        lambda p, e: f"Missing required parameter: '{p}.type'.",
    ),
    "string_pattern_mismatch": (
        "invalid_value",
        lambda p, e: f"Invalid '{p}': {_shown(e['input'])} does not match the pattern {e['ctx']['pattern']}.",
    ),
}


def parse(model: type[B], data: Any) -> B:
    """A body, checked. Raises WireError 400 for its first fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> WireError:
    faults: list[Any] = error.errors(include_url=False)
    # Of a union's branches the one that got furthest is what the client meant.
    fault: Fault = max(faults, key=lambda each: (len(each["loc"]), each["type"] not in _WEAK))
    # What is wrong with an object as a whole may be said of one of its keys.
    path = _path(fault["loc"]) or str((fault.get("ctx") or {}).get("param", ""))
    kind = fault["type"]
    if kind in _WANTED:
        got = _JSON_TYPES.get(type(fault["input"]), "something else")
        message = f"Invalid type for '{path}': expected {_WANTED[kind]}, but got {got} instead."
        return WireError(400, message, param=path, code="invalid_type")
    code, text = _TEXTS.get(kind, ("invalid_value", lambda p, e: f"Invalid '{p}': {e['msg']}."))
    return WireError(400, text(path, fault), param=path or None, code=code)


def _path(location: tuple[str | int, ...]) -> str:
    """`('tools', 0, 'function', 'function', 'name')` as `tools[0].function.name`."""
    path, tags = "", {"function", "code_interpreter", "file_search", "retrieval", "text"}
    previous: str | int | None = None
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif isinstance(previous, int) and part in {*tags, "image_url", "image_file"}:
            pass  # a union's tag: it stands nowhere in the request
        elif part in _BRANCHES or part.startswith(("literal[", "list[", "constrained-", "function-")):
            pass  # a union's branch
        else:
            path += f".{part}" if path else part
        previous = part
    return _clipped(path)


def _shown(value: Any) -> str:
    return _clipped(repr(value))


def _clipped(text: str) -> str:
    """A text of the client's, at a length that fits into a message."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
