"""The configuration file: read, checked key by key, with the line of what is wrong. Knows errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from asstream.errors import ConfigError

TOP_KEYS = ("default_profile", "profiles", "interpreter", "search")
SANDBOXES = ("auto", "none")
PROFILE_KEYS = (
    "base_url",
    "api_key",
    "api_version",
    "assistant",
    "handler",
    "instructions",
    "model",
    "model_base_url",
    "model_api_key",
    "sandbox",
)


class Range(NamedTuple):
    """What a number may be."""

    least: int
    most: int
    whole: bool = True


LIMITS = {
    "seconds": Range(1, 86_400, whole=False),
    "memory_mb": Range(64, 1_048_576),
    "processes": Range(16, 65_536),
    "disk_mb": Range(1, 1_048_576),
    "files": Range(10, 10_000_000),
    "output_kb": Range(1, 65_536),
    "idle_seconds": Range(1, 604_800, whole=False),
    "sessions": Range(1, 1024),
}
"""The keys of `[interpreter]`: the names of the interpreter's limits, with the values that make sense."""

READING = {
    "megabytes": Range(1, 1_048_576),
    "tokens": Range(1000, 1_000_000_000),
    "seconds": Range(1, 86_400, whole=False),
    "memory_mb": Range(256, 1_048_576),
}
"""The keys of `[search]`: the names of the limits of reading one file, with the values that make sense."""


class ConfigFile:
    """The file at `path`, which need not exist. Raises ConfigError for the first thing that is wrong.

    Attributes:
        limits: the table `[interpreter]`.
        reading: the table `[search]`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document = _read(path)
        _check_document(path, self._document)
        self.limits: dict[str, int | float] = self._document.get("interpreter", {})
        self.reading: dict[str, int | float] = self._document.get("search", {})

    def profile(self, named: str | None) -> tuple[str | None, dict[str, str]]:
        """The name and the table of the profile in use; (None, {}) when there is none."""
        path, document = self._path, self._document
        profiles: dict[str, dict[str, str]] = document.get("profiles", {})
        default: str | None = document.get("default_profile")
        name = named or default
        if name is None:
            return None, {}
        if name not in profiles:
            known = ", ".join(sorted(profiles)) or "none"
            source = "--profile" if named else f"default_profile in {path}"
            raise ConfigError(
                f"{source} names the profile {name!r}, which {path} does not have (it has: {known})",
                f"add a table [profiles.{name}] to {path}, or name another",
            )
        return name, profiles[name]


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the configuration file {path} can't be read: {error}",
            "mend or remove it, or set ASSTREAM_CONFIG",
        ) from error
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"the configuration file {path} is not TOML: {error}", "mend that line, or set ASSTREAM_CONFIG"
        ) from error


def _check_document(path: Path, document: Mapping[str, object]) -> None:
    """Raise ConfigError for a key that is unknown or a value of the wrong type."""
    for key in document:
        if key not in TOP_KEYS:
            raise _bad_key(path, None, key, TOP_KEYS)
    default = document.get("default_profile")
    if default is not None and not isinstance(default, str):
        raise _bad_type(path, None, "default_profile", default, "a string")
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict):
        raise _bad_type(path, None, "profiles", profiles, "tables, [profiles.NAME]")
    for name, table in profiles.items():
        if not isinstance(table, dict):
            raise _bad_type(path, "profiles", name, table, f"a table, [profiles.{name}]")
        for key, value in table.items():
            if key not in PROFILE_KEYS:
                raise _bad_key(path, f"profiles.{name}", key, PROFILE_KEYS)
            if not isinstance(value, str):
                raise _bad_type(path, f"profiles.{name}", key, value, "a string")
            if key == "sandbox" and value not in SANDBOXES:
                place = _place(path, f"profiles.{name}", key)
                raise ConfigError(f"{place}: {key!r} is {value!r}", f"it has to be {' or '.join(SANDBOXES)}")
    _check_limits(path, "interpreter", document.get("interpreter", {}), LIMITS)
    _check_limits(path, "search", document.get("search", {}), READING)


def _check_limits(path: Path, name: str, table: object, known: Mapping[str, Range]) -> None:
    if not isinstance(table, dict):
        raise _bad_type(path, None, name, table, f"a table, [{name}]")
    for key, value in table.items():
        if key not in known:
            raise _bad_key(path, name, key, tuple(known))
        least, most, whole = known[key]
        number = "a whole number" if whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise _bad_type(path, name, key, value, number)
        if not least <= value <= most:
            place = _place(path, name, key)
            raise ConfigError(f"{place}: {key!r} is {value}", f"it has to be {number} from {least} to {most}")


def _bad_key(path: Path, table: str | None, key: str, known: tuple[str, ...]) -> ConfigError:
    where = f"[{table}]" if table else "the top of the file"
    return ConfigError(
        f"{_place(path, table, key)}: unknown key {key!r} in {where}", f"known keys: {', '.join(known)}"
    )


def _bad_type(path: Path, table: str | None, key: str, value: object, wanted: str) -> ConfigError:
    # The value itself is not shown: it may be a key.
    return ConfigError(
        f"{_place(path, table, key)}: {key!r} is of type {type(value).__name__}", f"it has to be {wanted}"
    )


def _place(path: Path, table: str | None, key: str) -> str:
    """`FILE, line N` of a key in a table; the file alone where the line can't be told."""
    current: str | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if text.startswith("["):
            current = text.strip("[] ").replace('"', "").replace("'", "")
            if f"{table}.{key}" == current or (table is None and current.split(".")[0] == key):
                return f"{path}, line {number}"
        elif current == table and text.split("=")[0].strip().strip("\"'") == key:
            return f"{path}, line {number}"
    return str(path)
