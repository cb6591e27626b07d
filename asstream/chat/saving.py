"""Files written into a folder under names that a model chose: never outside it, never over what is there.

Knows the file system. A name is hostile until `safe_name` has made one component of a path of it; a file is
always a new one, and no link is followed to make it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from asstream.errors import AsstreamError, ConfigError
from asstream.render.clean import clean_line

LONGEST = 200
"""Bytes of a name; file systems take 255."""
MOST_ALIKE = 10_000
"""Files of one name in a folder: `a.csv`, `a (2).csv`, …"""

_FORBIDDEN = re.compile(r'[<>:"|?*\\/]')
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\s*\.|\s*$)")


def safe_name(name: str, fallback: str = "file") -> str:
    """The last part of `name` as one component of a path, harmless on any system.

    No separators, no control characters, no leading dots (hidden, or the folder above) or dashes (an option
    of the next command), no names of Windows' devices, at most `LONGEST` bytes; `fallback` where nothing is
    left.
    """
    last = re.split(r"[\\/]", name.replace("\0", ""))[-1]
    kept = _FORBIDDEN.sub("_", "".join(char for char in clean_line(last) if char.isprintable()))
    kept = kept.lstrip(". ").rstrip(". ")
    if kept.startswith("-") or _DEVICE.match(kept):
        kept = "_" + kept
    kept = _shortened(kept)
    return kept or (safe_name(fallback) if fallback != "file" else fallback)


def _shortened(name: str) -> str:
    """A name cut to size, its suffix kept where it is one."""
    if len(name.encode()) <= LONGEST:
        return name
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a Path would read the name as more than a name
    if len(suffix.encode()) > 20:
        stem, suffix = name, ""
    return stem.encode()[: LONGEST - len(suffix.encode())].decode(errors="ignore").rstrip(". ") + suffix


def with_suffix(name: str, suffix: str) -> str:
    """A name with the suffix of what the file is, added unless it has it."""
    same = {".jpg": (".jpg", ".jpeg")}.get(suffix, (suffix,))
    return name if name.lower().endswith(same) else name + suffix


def prepare(folder: Path) -> Path:
    """Make the folder if it is not there. Raises ConfigError when files can't be made in it."""
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} can't be made: {error.strerror}", "name a folder that you may write to"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"the folder {folder} can't be written to", "name a folder that you may write to")
    return folder


def save(folder: Path, name: str, pieces: Iterable[bytes]) -> Path:
    """Write a new file in `folder` (which is there) and return its path.

    What is there under the name, be it a link or a device, stays as it is: the new file is then `NAME (2)`, …
    A file that can't be finished is removed. Raises AsstreamError.
    """
    try:
        descriptor, path = _make(folder, safe_name(name))
        with os.fdopen(descriptor, "wb") as file:
            try:
                for piece in pieces:
                    file.write(piece)
                file.flush()
            except BaseException:
                with contextlib.suppress(OSError):
                    path.unlink()
                raise
    except OSError as error:
        raise AsstreamError(
            f"{clean_line(name)} can't be saved in {folder}: {error.strerror or error}",
            "make room, or name another folder",
        ) from error
    return path


def _make(folder: Path, name: str) -> tuple[int, Path]:
    """A new file's descriptor and path. O_EXCL makes it follow no link and open nothing that is there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    for number in range(1, MOST_ALIKE):
        path = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
        try:
            return os.open(path, flags, 0o666), path
        except FileExistsError:
            continue
    raise FileExistsError(0, f"there are {MOST_ALIKE} files of that name")
