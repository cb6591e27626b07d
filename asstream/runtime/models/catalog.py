"""The models on this machine: the GGUF files under HOME/models, and which is in use. Knows no network.

HOME/models/NAME.gguf is a model, NAME.json beside it says where it came from, and `current` names the one in
use.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asstream.errors import ConfigError, NotFoundError, UsageError
from asstream.runtime.models.gguf import MAGIC, NotGgufError, read_head

DEFAULT_NAME = "SmolLM2-135M-Instruct"
DEFAULT_SIZE = 98_362_432
DEFAULT_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_SUFFIX = ".gguf"
_CURRENT = "current"


@dataclass(frozen=True)
class Installed:
    """A model file of this machine.

    Attributes:
        size: bytes of the file.
        source: what was pulled (`default`, `hf:…`, a path or URL); empty where nobody noted it.
        sha256: the file's hash when it was pulled, in hex; empty where nobody noted it.
        in_use: whether it is the one that runs are answered by.
    """

    name: str
    path: Path
    size: int
    source: str
    sha256: str
    in_use: bool


def folder(home: Path) -> Path:
    """Where the models are."""
    return home / "models"


def installed(home: Path) -> list[Installed]:
    """The models of this machine, by name. Half-pulled ones are not among them."""
    paths = {path.stem: path for path in _model_files(home)}
    chosen = _current_name(home, paths)
    return [_entry(paths[name], in_use=name == chosen) for name in sorted(paths, key=str.lower)]


def current(home: Path) -> Installed | None:
    """The model in use: the one chosen, else the default, else the first; None where there is none at all."""
    return next((entry for entry in installed(home) if entry.in_use), None)


def find(home: Path, name: str) -> Installed:
    """An installed model by its name (any case) or an unambiguous beginning of it. Raises NotFoundError."""
    entries = installed(home)
    wanted = name.removesuffix(_SUFFIX).lower()
    exact = [entry for entry in entries if entry.name.lower() == wanted]
    matches = exact or [entry for entry in entries if wanted and entry.name.lower().startswith(wanted)]
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(entry.name for entry in matches or entries)
    if matches:
        raise NotFoundError(f"'{name}' may be any of {names}", "give more of the name")
    remedy = f"installed: {names}" if names else "asstream models pull gets the default model"
    raise NotFoundError(f"no model '{name}' is installed", remedy)


def use(home: Path, name: str) -> Installed:
    """Choose the model that runs are answered by. Raises NotFoundError, ConfigError."""
    entry = find(home, name)
    with writing(home):
        write_private(folder(home) / _CURRENT, f"{entry.name}\n")
    return find(home, entry.name)


def show(home: Path, name: str | None = None) -> dict[str, Any]:
    """What is known of a model (None: of the one in use). Raises NotFoundError, ConfigError."""
    entry = find(home, name) if name is not None else current(home)
    if entry is None:
        raise NotFoundError("no model is installed", "asstream models pull gets the default model")
    known: dict[str, Any] = {**asdict(entry), "path": str(entry.path)}
    try:
        head = read_head(entry.path)
    except (NotGgufError, OSError) as error:
        raise broken(entry, str(error)) from error
    return {**known, **asdict(head), "title": head.name, "name": entry.name}


def check(entry: Installed) -> None:
    """See that a model file can be loaded, as far as its head and size tell. Raises ConfigError.

    One that was written to after it was pulled is looked at as a whole.
    """
    try:
        size = entry.path.stat().st_size
        with entry.path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise broken(entry, error.strerror or str(error)) from error
    if magic != MAGIC:
        raise broken(entry, "it does not begin like a GGUF file")
    if _is_default(entry) and size != DEFAULT_SIZE:
        raise broken(entry, f"it has {size:,} bytes instead of {DEFAULT_SIZE:,}")
    if _written_since(entry):
        check_whole(entry)


def check_whole(entry: Installed) -> None:
    """See that a model file holds what was pulled, to the last byte (0.1 s for 98 MB). Raises ConfigError."""
    wanted = DEFAULT_SHA256 if _is_default(entry) else entry.sha256
    try:
        found = sha256_of(entry.path)
    except OSError as error:
        raise broken(entry, error.strerror or str(error)) from error
    if wanted and found != wanted:
        raise broken(entry, "its content is not what was pulled")


def sha256_of(path: Path) -> str:
    """A file's hash, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _written_since(entry: Installed) -> bool:
    """Whether a file was written to after it was noted where it came from: a pull notes that last."""
    with suppress(OSError):
        return entry.path.stat().st_mtime_ns > _note_path(entry.path).stat().st_mtime_ns
    return False


def _is_default(entry: Installed) -> bool:
    return entry.name == DEFAULT_NAME and entry.source in ("", "default")


def broken(entry: Installed, reason: str) -> ConfigError:
    """The error for a model file that can't be used."""
    again = entry.source if entry.source not in ("", "default") else ""
    if not again and entry.name != DEFAULT_NAME:
        remedy = "put a whole file there, or delete it"
    else:
        remedy = f"pull it again: asstream models pull {again}".rstrip()
    return ConfigError(f"the model file {entry.path} is damaged: {reason}", remedy)


def note(home: Path, name: str, source: str, sha256: str, size: int) -> None:
    """Write down where a model came from, beside it."""
    about = {"source": source, "sha256": sha256, "size": size}
    write_private(_note_path(folder(home) / f"{name}{_SUFFIX}"), json.dumps(about))


def safe_name(file_name: str) -> str:
    """A model's name from a file name: it can't leave the folder or hide a file. Raises UsageError."""
    stem = re.split(r"[/\\]", file_name)[-1]
    stem = stem[: -len(_SUFFIX)] if stem.lower().endswith(_SUFFIX) else stem
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", stem).strip(".-")[:120]
    if not name:
        raise UsageError(f"no model can be named after {file_name!r}", "name a .gguf file")
    return name


def make_folder(home: Path) -> Path:
    """The folder of the models, made if need be, for its owner alone. Raises ConfigError."""
    with writing(home):
        folder(home).mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder(home)


def write_private(path: Path, text: str) -> None:
    """Replace a small file at once, readable by its owner alone."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Around what writes under HOME/models: the system's refusals become a ConfigError."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder(home), error) from error


def cannot_write(place: Path, error: OSError) -> ConfigError:
    """The error for a folder that can't be written to."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ConfigError(
            f"the disk under {place} is full", "make room, or set ASSTREAM_HOME to a folder that has some"
        )
    reason = error.strerror or str(error)
    return ConfigError(f"{place} can't be written to: {reason}", "set ASSTREAM_HOME to a folder of yours")


def _model_files(home: Path) -> list[Path]:
    try:
        return [
            path
            for path in folder(home).iterdir()
            if path.suffix.lower() == _SUFFIX and not path.name.startswith(".") and path.is_file()
        ]
    except OSError:
        return []


def _note_path(path: Path) -> Path:
    """Where it is written down where a model file came from."""
    return path.with_suffix(".json")


def _entry(path: Path, *, in_use: bool) -> Installed:
    about: Any = None
    with suppress(OSError, ValueError):
        about = json.loads(_note_path(path).read_text(encoding="utf-8"))
    about = about if isinstance(about, dict) else {}
    size = path.stat().st_size if path.exists() else 0
    return Installed(
        path.stem, path, size, str(about.get("source", "")), str(about.get("sha256", "")), in_use
    )


def _current_name(home: Path, paths: dict[str, Path]) -> str | None:
    chosen = ""
    with suppress(OSError, UnicodeDecodeError):
        chosen = (folder(home) / _CURRENT).read_text(encoding="utf-8").strip()
    if chosen in paths:
        return chosen
    return DEFAULT_NAME if DEFAULT_NAME in paths else min(paths, key=str.lower, default=None)
