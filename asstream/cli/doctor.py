"""`asstream doctor`: what is configured, reachable, installed; how to mend what is not."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from asstream import __version__
from asstream.cli import options as o
from asstream.cli.exits import explain
from asstream.cli.first_model import check_file
from asstream.cli.notices import show_notices
from asstream.cli.output import emit, say
from asstream.cli.target import noun
from asstream.config import EMBEDDED, Settings, ensure_home, load
from asstream.errors import ConfigError

if TYPE_CHECKING:
    from asstream.endpoints import Endpoint

app = noun("What is configured, reachable, installed; how to mend what is not.")

SPACE = 500_000_000
"""Bytes that a home should have left: a model and some files."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        state: `ok`, `note` (works, but could be better) or `bad`.
        remedy: how to mend it; empty where nothing is to be mended.
        code: the exit code that it means; 0 unless bad.
    """

    name: str
    state: str
    found: str
    remedy: str = ""
    code: int = 0


@app.command()
def command(
    profile: o.Profile = None, base_url: o.BaseUrl = None, api_key: o.ApiKey = None, as_json: o.Json = False
) -> int:
    """Look at everything; exits with 0 when all is well, else with 3 (configuration) or 4 (not reachable)."""
    show_notices()
    worst = 0
    for check in _checks({"profile": profile, "base_url": base_url, "api_key": api_key}):
        worst = max(worst, check.code)
        if as_json:
            emit(asdict(check))
        else:
            say(f"{check.state:<4}  {check.name}: {check.found}")
            if check.remedy:
                say(f"      {check.remedy}")
    return worst


def _checks(flags: dict[str, str | None]) -> Iterator[Check]:
    yield _program()
    settings, check = _configuration(flags)
    yield check
    if settings is None:
        return
    home = _guarded("home", lambda: _home(settings))
    yield home
    if not home.code:
        yield from _endpoint(settings)
    if settings.kind == EMBEDDED:
        yield _local_engine()
        yield from _interpreter(settings)
        yield _file_search(settings)
    yield _guarded("handlers", lambda: _handlers(settings))


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except Exception as error:
        return _bad(name, error)


def _bad(name: str, error: Exception) -> Check:
    code, lines = explain(error)
    found, *remedy = lines or [type(error).__name__]
    return Check(name, "bad", found.removeprefix("asstream: "), " ".join(remedy), code or 1)


def _program() -> Check:
    system = f"{platform.system()} {platform.machine()}"
    return Check("asstream", "ok", f"{__version__}, Python {platform.python_version()}, {system}")


def _configuration(flags: dict[str, str | None]) -> tuple[Settings | None, Check]:
    try:
        settings = load(flags)
    except Exception as error:
        return None, _bad("configuration", error)
    there = "" if settings.config_path.is_file() else " (not there: nothing has to be)"
    profile = f", profile {settings.profile}" if settings.profile else ""
    return settings, Check("configuration", "ok", f"{settings.config_path}{there}{profile}")


def _home(settings: Settings) -> Check:
    home = ensure_home(settings)
    free = shutil.disk_usage(home).free
    found = f"{home}, {free / 1e9:.1f} GB free"
    if free < SPACE:
        return Check("home", "note", found, "make room, or set ASSTREAM_HOME to a folder with more")
    return Check("home", "ok", found)


def _endpoint(settings: Settings) -> Iterator[Check]:
    """The endpoint answers a question; the embedded one also says which model answers."""
    from asstream.endpoints import open_endpoint

    try:
        with open_endpoint(settings) as endpoint:
            assistants = endpoint.client.with_options(max_retries=0).beta.assistants.list(limit=1)
            several = "has assistants" if assistants.data else "has no assistant yet"
            yield Check("endpoint", "ok", f"{endpoint.label}, {several} (from: {settings.origin})")
            if endpoint.kind == EMBEDDED:
                yield _guarded("model", lambda: _model(endpoint, settings.home))
    except Exception as error:
        yield _bad("endpoint", error)


def _model(endpoint: Endpoint, home: Path) -> Check:
    """Which model answers a run, as its endpoint says; a file of this machine is looked at as a whole."""
    described = endpoint.describe_model()
    check_file(home, described, whole=True)
    model, flaw, remedy = (described.get(key, "") for key in ("model", "flaw", "remedy"))
    if not model:
        raise ConfigError(flaw or "there is no model to answer", remedy)
    found = f"{model} at {described.get('endpoint', '?')}"
    if flaw:
        return Check("model", "note", f"{found}; whether it answers is not known: {flaw}", remedy)
    return Check("model", "ok", found)


def _local_engine() -> Check:
    """What the model of this machine needs: only worth a word where nothing else answers."""
    if importlib.util.find_spec("xllamacpp") is None:
        return Check(
            "engine of this machine", "note", "not installed", "pip install 'asstream[local]' installs it"
        )
    return Check("engine of this machine", "ok", "xllamacpp")


def _interpreter(settings: Settings) -> Iterator[Check]:
    """Whether code can be run, and what holds it: each sandbox that this system could have, tried."""
    from asstream.interpreter import installed

    if missing := installed.absent():
        yield Check("code interpreter", "note", installed.not_installed(missing), installed.REMEDY)
        return
    lacking = installed.absent(installed.PACKAGES)
    without = f", without {' and '.join(lacking)}" if lacking else ""
    yield Check("code interpreter", "ok", f"ipykernel {version('ipykernel')}{without}")
    if settings.sandbox == "none":
        yield Check(
            "sandbox",
            "note",
            "none: code that the model writes may do whatever you may",
            'sandbox = "auto" holds it',
        )
    yield from _sandboxes(settings)


def _file_search(settings: Settings) -> Check:
    """Whether files can be searched, by more than their words, and all kinds be read."""
    from asstream.runtime.models import static_embedding
    from asstream.runtime.models.embedding_source import absent

    if missing := absent():
        remedy = "pip install 'asstream[search]' installs it"
        return Check("file search", "note", f"by words alone ({' and '.join(missing)} missing)", remedy)
    there = "" if static_embedding.is_there(settings.home) else " (19 MB, fetched with the first file)"
    return Check("file search", "ok", f"the endpoint's embeddings, else WordLlama on this machine{there}")


def _sandboxes(settings: Settings) -> Iterator[Check]:
    from asstream.interpreter.sandbox import look

    findings = look()
    held = any(finding.sandbox is not None for finding in findings)
    unheld = settings.sandbox == "none"
    if not findings:
        yield Check("sandbox", "note", f"none is known for {platform.system()}", "on Windows, use WSL2")
    elif not held and not unheld:
        yield Check("sandbox", "note", "none works here: no code is run", "")
    used = unheld
    for finding in findings:
        name = f"sandbox {finding.mechanism}"
        if finding.sandbox is None:
            # Where another one holds, this one's remedy is no more than a hint.
            yield Check(name, "note", finding.reason, "" if held and used else finding.remedy)
            continue
        note = f" ({finding.sandbox.note})" if finding.sandbox.note else ""
        yield Check(name, "ok", f"{'works' if used else 'works, is used'}{note}")
        used = True


def _handlers(settings: Settings) -> Check:
    """The names there are; raises where the configured one can't be loaded."""
    from asstream.handlers.find import available
    from asstream.handlers.find import load as load_handler

    if settings.handler is not None:
        load_handler(settings.handler)
    return Check("handlers", "ok", ", ".join(name for name, _ in available()))
