"""The keys that `asstream serve` asks for: from its command line, a file, or the environment."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from asstream.config import SERVER_KEYS_VARIABLE
from asstream.errors import ConfigError

_MOST_BYTES = 1 << 20
_READABLE = "a key is printable ASCII without blanks: a client has to send it in a header"


@dataclass(frozen=True)
class Key:
    """A key, and what a shell makes of it when the export that the server prints is pasted.

    A key that stood in no command line does not go into the output either, which services keep as a log.
    """

    value: str
    in_shell: str


def serving_keys(given: Sequence[str], variable: str | None) -> list[Key]:
    """The keys of `--api-key KEY` and `--api-key @FILE`; without any, those of the environment's variable.

    Raises ConfigError for an empty or unreadable key, and for a file that others may read.
    """
    if not given:
        return _of_variable(variable) if variable is not None else []
    keys: list[Key] = []
    for option in given:
        if option.startswith("@"):
            keys += _of_file(Path(option[1:]).expanduser())
        else:
            keys.append(Key(_checked(option, "--api-key"), option))
    return keys


def _of_variable(text: str) -> list[Key]:
    keys = [_checked(part, f"a key of {SERVER_KEYS_VARIABLE}") for part in text.split(",")]
    return [Key(key, f'"${{{SERVER_KEYS_VARIABLE}%%,*}}"') for key in keys]


def _of_file(path: Path) -> list[Key]:
    """The keys of a file, one a line; empty lines and those that begin with # are none."""
    remedy = "write one key a line into it, then: chmod 600 " + quote(str(path))
    try:
        # Not to wait for the writer of a pipe; what is looked at is what is read.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{path} is no file", remedy)
            if mode & 0o077:
                raise ConfigError(
                    f"{path} holds keys, and others may use it (mode {mode & 0o777:04o})", remedy
                )
            text = file.read(_MOST_BYTES).decode()
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text", remedy) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    keys = [
        Key(_checked(line, f"line {number} of {path}"), _line_in_shell(number, path))
        for number, line in lines
        if line and not line.startswith("#")
    ]
    if not keys:
        raise ConfigError(f"{path} holds no key", remedy)
    return keys


def _line_in_shell(number: int, path: Path) -> str:
    return f'"$(sed -n {number}p {quote(str(path.absolute()))} | tr -d "[:space:]")"'


def _checked(key: str, where: str) -> str:
    key = key.strip()
    if not key:
        raise ConfigError(f"{where} is empty", "give it a value, or leave it away")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"{where} can't be used as a key", _READABLE)
    return key
