"""AssistantEventHandler classes: the base that mends the SDK's reducer, the built-in ones, finding others.

Lazy (PEP 562): the SDK takes half a second to import, and listing handlers needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asstream.handlers.base import EventHandler
    from asstream.handlers.console import ConsoleHandler
    from asstream.handlers.jsonl import JsonLinesHandler
    from asstream.handlers.plain import PlainHandler

__all__ = ["ConsoleHandler", "EventHandler", "JsonLinesHandler", "PlainHandler"]

_HOME = {
    "ConsoleHandler": "console",
    "EventHandler": "base",
    "JsonLinesHandler": "jsonl",
    "PlainHandler": "plain",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
