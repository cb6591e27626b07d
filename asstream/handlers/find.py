"""Handlers by name: built in, installed (entry points), in a file, in a module.

A spec is NAME, FILE.py:CLASS or pkg.mod:CLASS. May know openai; imports it only to load.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from asstream.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from openai import AssistantEventHandler

GROUP = "asstream.handlers"
BUILT_IN: Mapping[str, str] = {
    "console": "asstream.handlers.console:ConsoleHandler",
    "plain": "asstream.handlers.plain:PlainHandler",
    "jsonl": "asstream.handlers.jsonl:JsonLinesHandler",
}
_REMEDY = "give NAME, FILE.py:CLASS or package.module:CLASS; `asstream handlers list` shows the names"


def available() -> list[tuple[str, str]]:
    """The names that can be given, each with `module:Class`, built-in ones first. Nothing is imported."""
    installed = {point.name: point.value for point in entry_points(group=GROUP) if point.name not in BUILT_IN}
    return [*BUILT_IN.items(), *sorted(installed.items())]


def load(spec: str) -> type[AssistantEventHandler]:
    """The handler class that a spec names.

    Raises NotFoundError: no such name, file, module or class. UsageError: it can't be imported, or is no
    subclass of `openai.AssistantEventHandler`.
    """
    spec = spec.strip()
    place, colon, name = spec.rpartition(":")
    if spec.endswith(".py") and not Path(spec).name.startswith(":"):
        return _only_class(_load_file(Path(spec)), spec)
    if not colon:
        return _load_named(spec)
    if not place:
        raise NotFoundError(f"the handler {spec!r} names no file and no module", _REMEDY)
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    return _class_of(module, name, place)


def make(spec: str) -> AssistantEventHandler:
    """A fresh instance of the handler that a spec names. Raises as `load` and `instantiate`."""
    return instantiate(load(spec), spec)


def instantiate(cls: type[AssistantEventHandler], spec: str) -> AssistantEventHandler:
    """A fresh instance. Raises UsageError when the class can't be made without arguments."""
    try:
        return cls()
    except Exception as error:
        raise UsageError(
            f"the handler {spec} can't be made: {_in_a_line(error)}",
            "a handler class is made with no arguments: give its parameters defaults",
        ) from error


def _load_named(name: str) -> type[AssistantEventHandler]:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return _class_of(importlib.import_module(module), attribute, module)
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        names = ", ".join(known for known, _ in available())
        raise NotFoundError(f"there is no handler named {name!r}; there are: {names}", _REMEDY)
    return _load_point(points[0])


def _load_point(point: EntryPoint) -> type[AssistantEventHandler]:
    package = f" of {point.dist.name}" if point.dist else ""
    try:
        found = point.load()
    except Exception as error:
        raise UsageError(
            f"the handler {point.name!r}{package} ({point.value}) does not load: {_in_a_line(error)}",
            "update or remove that package",
        ) from error
    return _checked(found, f"{point.name!r}{package} ({point.value})", "")


def _load_file(path: Path) -> ModuleType:
    path = path.expanduser()
    if not path.is_file():
        raise NotFoundError(
            f"there is no handler file {path}", "give the path of a Python file: FILE.py:CLASS"
        )
    path = path.resolve()
    name = f"asstream_handler_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # it is a file that ends with .py
    module = importlib.util.module_from_spec(spec)
    _search_also(path.parent)
    sys.modules[name] = module  # before it runs: dataclasses and pickles look it up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UsageError(
            f"the handler file {path} does not load: {_in_a_line(error)}{_where(error, path)}",
            f"run it by itself to see more: python {path}",
        ) from error
    return module


def _load_module(name: str) -> ModuleType:
    _search_also(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise NotFoundError(f"there is no module {name!r}", _REMEDY) from error
        raise _does_not_load(name, error) from error
    except (Exception, SystemExit) as error:
        raise _does_not_load(name, error) from error


def _does_not_load(module: str, error: BaseException) -> UsageError:
    return UsageError(
        f"the module {module} does not load: {_in_a_line(error)}{_where(error)}",
        f"run it by itself to see more: python -m {module}",
    )


def _search_also(folder: Path) -> None:
    """Let a handler import what lies beside it, after everything that is installed."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _only_class(module: ModuleType, place: str) -> type[AssistantEventHandler]:
    names = _handlers_in(module)
    if len(names) == 1:
        return _class_of(module, names[0], place)
    raise UsageError(f"{place} needs the name of a class ({_listing(names)})", f"give {place}:CLASS")


def _class_of(module: ModuleType, name: str, place: str) -> type[AssistantEventHandler]:
    names = _handlers_in(module)
    if not name or not hasattr(module, name):
        raise NotFoundError(f"there is no class {name!r} in {place} ({_listing(names)})", _REMEDY)
    return _checked(getattr(module, name), f"{place}:{name}", _listing(names))


def _checked(found: object, what: str, listing: str) -> type[AssistantEventHandler]:
    from openai import AssistantEventHandler, AsyncAssistantEventHandler

    if isinstance(found, type) and issubclass(found, AssistantEventHandler):
        return found
    hint = f" ({listing})" if listing else ""
    if isinstance(found, type) and issubclass(found, AsyncAssistantEventHandler):
        raise UsageError(
            f"{what} is an AsyncAssistantEventHandler{hint}",
            "derive it from openai.AssistantEventHandler and drop `async` and `await`",
        )
    raise UsageError(
        f"{what} is no subclass of openai.AssistantEventHandler{hint}",
        "derive it from openai.AssistantEventHandler or asstream.EventHandler",
    )


def _handlers_in(module: ModuleType) -> list[str]:
    """Names of the handler classes that a module itself defines."""
    from openai import AssistantEventHandler

    return [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, AssistantEventHandler)
        and value.__module__ == module.__name__
    ]


def _listing(names: list[str]) -> str:
    return f"handlers there: {', '.join(names)}" if names else "no handler class there"


def _in_a_line(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it exits ({error.code})"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _where(error: BaseException, path: Path | None = None) -> str:
    """The place in the handler's own file, or the innermost one, as ` (FILE:LINE)`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if path is not None and frame.filename == str(path)]
    last = (own or [frame for frame in frames if "importlib" not in frame.filename])[-1:]
    return f" ({last[0].filename}:{last[0].lineno})" if last else ""
