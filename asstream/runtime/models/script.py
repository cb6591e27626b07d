"""Reading the scripted model's script: a dict or JSON text in, a checked `Script` out. Pure; no files.

    {"replies": [{"match": "regex or null", "turns": [[step, …], …]}]}

Each step is an object with exactly one key of `_STEPS` below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asstream.errors import ConfigError

FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter")
ERROR_CODES = ("server_error", "rate_limit_exceeded", "invalid_prompt")
ERROR_KINDS = ("other", "context_length", "connection")
_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_REMEDY = "see the module asstream.runtime.models.scripted for the format"


@dataclass(frozen=True)
class Step:
    """One step of a turn: what kind it is, and its checked value."""

    kind: str
    value: Any


@dataclass(frozen=True)
class Reply:
    """What is said to messages that `match` finds something in (None: to every message)."""

    match: re.Pattern[str] | None
    turns: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True)
class Script:
    """A checked script."""

    replies: tuple[Reply, ...]


class _BadScriptError(ValueError):
    """What is wrong, and where."""


def parse(text: str, where: str) -> Script:
    """Read a script from JSON text; `where` names it in errors. Raises ConfigError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where} is no JSON: {error}", _REMEDY) from error
    return check(data, where)


def check(data: Any, where: str = "script") -> Script:
    """Check a script that is a dict. Raises ConfigError naming the place of the first thing that is wrong."""
    try:
        fields = _object(data, "the script", {"replies"})
        replies = _list(fields.get("replies"), "replies")
        return Script(tuple(_reply(reply, f"replies[{place}]") for place, reply in enumerate(replies)))
    except _BadScriptError as error:
        raise ConfigError(f"{where}: {error}", _REMEDY) from error


def _reply(data: Any, where: str) -> Reply:
    fields = _object(data, where, {"match", "turns"})
    match = fields.get("match")
    if match is not None and not isinstance(match, str):
        raise _BadScriptError(f"{where}.match must be a regular expression or null")
    try:
        pattern = None if match is None else re.compile(match)
    except re.error as error:
        raise _BadScriptError(f"{where}.match is no regular expression: {error}") from error
    turns = _list(fields.get("turns"), f"{where}.turns")
    return Reply(pattern, tuple(_turn(turn, f"{where}.turns[{place}]") for place, turn in enumerate(turns)))


def _turn(data: Any, where: str) -> tuple[Step, ...]:
    if not isinstance(data, list):
        raise _BadScriptError(f"{where} must be a list of steps")
    return tuple(_step(step, f"{where}[{place}]") for place, step in enumerate(data))


def _step(data: Any, where: str) -> Step:
    if not isinstance(data, Mapping) or len(data) != 1:
        raise _BadScriptError(f"{where} must be an object with one key, which is one of {', '.join(_STEPS)}")
    kind, value = next(iter(data.items()))
    if kind not in _STEPS:
        raise _BadScriptError(f"{where}: '{kind}' is no step; steps are {', '.join(_STEPS)}")
    return Step(kind, _STEPS[kind](value, f"{where}.{kind}"))


def _pieces(value: Any, where: str) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(piece, str) for piece in value):
        return tuple(value)
    raise _BadScriptError(f"{where} must be a string, or a list of strings for exact deltas")


def _tool_call(value: Any, where: str) -> dict[str, Any]:
    fields = _object(value, where, {"name", "arguments", "id"})
    if not isinstance(fields.get("name"), str) or not fields["name"]:
        raise _BadScriptError(f"{where}.name must be the function's name")
    if not isinstance(fields.get("id", ""), str):
        raise _BadScriptError(f"{where}.id must be a string")
    arguments = fields.get("arguments", {})
    if isinstance(arguments, Mapping):
        arguments = (json.dumps(arguments, ensure_ascii=False),)
    elif isinstance(arguments, str):
        arguments = (arguments,)
    else:
        arguments = _pieces(arguments, f"{where}.arguments")
    return {"name": fields["name"], "id": fields.get("id"), "arguments": arguments}


def _wait(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 3600:
        raise _BadScriptError(f"{where} must be a number of seconds from 0 to 3600")
    return float(value)


def _usage(value: Any, where: str) -> dict[str, int]:
    fields = _object(value, where, set(_USAGE))
    for name, count in fields.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise _BadScriptError(f"{where}.{name} must be a number of tokens")
    return dict(fields)


def _finish(value: Any, where: str) -> str:
    return _one_of(value, FINISH_REASONS, where)


def _error(value: Any, where: str) -> dict[str, str]:
    fields = _object(value, where, {"message", "code", "kind"})
    if not isinstance(fields.get("message"), str):
        raise _BadScriptError(f"{where}.message must be a string")
    return {
        "message": fields["message"],
        "code": _one_of(fields.get("code", "server_error"), ERROR_CODES, f"{where}.code"),
        "kind": _one_of(fields.get("kind", "other"), ERROR_KINDS, f"{where}.kind"),
    }


def _break(value: Any, where: str) -> bool:
    if value is not True:
        raise _BadScriptError(f"{where} must be true")
    return True


_STEPS: dict[str, Callable[[Any, str], Any]] = {
    "text": _pieces,
    "refusal": _pieces,
    "tool_call": _tool_call,
    "wait": _wait,
    "pace": _wait,
    "usage": _usage,
    "finish": _finish,
    "error": _error,
    "break": _break,
}


def _object(value: Any, where: str, keys: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _BadScriptError(f"{where} must be an object")
    if unknown := sorted(str(key) for key in value.keys() - keys):
        raise _BadScriptError(
            f"{where} has the unknown key '{unknown[0]}'; it may have {', '.join(sorted(keys))}"
        )
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise _BadScriptError(f"{where} must be a list that is not empty")
    return value


def _one_of(value: Any, allowed: tuple[str, ...], where: str) -> str:
    if value not in allowed:
        raise _BadScriptError(f"{where} must be one of {', '.join(allowed)}")
    return str(value)
