"""asstream: the OpenAI Assistants API again, at the terminal and on the wire.

The public names are imported when they are first asked for (PEP 562), so that `import asstream` costs next
to nothing.
"""

TYPE_CHECKING = (
    False  # type checkers know the name; importing typing for it would double the cost of a bare start
)
if TYPE_CHECKING:
    from asstream.endpoints import connect as connect
    from asstream.errors import AsstreamError as AsstreamError
    from asstream.errors import ConfigError as ConfigError
    from asstream.errors import NotFoundError as NotFoundError
    from asstream.errors import RunError as RunError
    from asstream.errors import UnreachableError as UnreachableError
    from asstream.errors import UsageError as UsageError
    from asstream.handlers import ConsoleHandler as ConsoleHandler
    from asstream.handlers import EventHandler as EventHandler
    from asstream.handlers import JsonLinesHandler as JsonLinesHandler
    from asstream.handlers import PlainHandler as PlainHandler

__version__ = "0.1.0"

_HOMES = {
    "AsstreamError": "asstream.errors",
    "ConfigError": "asstream.errors",
    "ConsoleHandler": "asstream.handlers",
    "EventHandler": "asstream.handlers",
    "JsonLinesHandler": "asstream.handlers",
    "PlainHandler": "asstream.handlers",
    "NotFoundError": "asstream.errors",
    "RunError": "asstream.errors",
    "UnreachableError": "asstream.errors",
    "UsageError": "asstream.errors",
    "connect": "asstream.endpoints",
}

__all__ = [
    "AsstreamError",
    "ConfigError",
    "ConsoleHandler",
    "EventHandler",
    "JsonLinesHandler",
    "NotFoundError",
    "PlainHandler",
    "RunError",
    "UnreachableError",
    "UsageError",
    "__version__",
    "connect",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
