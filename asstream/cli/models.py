"""`asstream models`: list, pull, use, show.

Models of this machine are files under the home folder; `list` also asks the endpoint which it has.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from asstream.cli import options as o
from asstream.cli.output import emit, say, table, warn
from asstream.cli.target import noun, opened
from asstream.config import EMBEDDED, Settings, ensure_home, is_spec, load

app = noun("List, pull, choose models of this machine.")

Named = Annotated[str, typer.Argument(metavar="NAME", help="A model's name, or a unique start of one.")]


@app.command("list")
def list_(
    profile: o.Profile = None, base_url: o.BaseUrl = None, api_key: o.ApiKey = None, as_json: o.Json = False
) -> None:
    """List the models of this machine, and those that the endpoint behind the runtime offers."""
    from asstream.runtime.models import catalog

    settings = load({"profile": profile, "base_url": base_url, "api_key": api_key})
    files = {entry.name: entry for entry in catalog.installed(settings.home)}
    rows = [
        {"name": entry.name, "where": "this machine", "size": entry.size, "in_use": entry.in_use}
        for entry in files.values()
    ]
    if settings.kind != EMBEDDED or not _only_files(settings):
        with opened(profile, base_url, api_key) as target:
            # Asked first: what is wrong with the endpoint is told there, not as an answer of the runtime.
            described = target.endpoint.describe_model()
            listed = [model.id for model in target.client.with_options(max_retries=0).models.list()]
        where = settings.base_url or settings.model.base_url or "found on this machine"
        if not listed:
            warn(f"{where} lists no models")
        answers = described.get("model")
        if described.get("kind") != "local":
            rows = [{**row, "in_use": False} for row in rows]
        rows += [
            {"name": name, "where": where, "size": None, "in_use": name == answers}
            for name in listed
            if name not in files
        ]
    _print(rows, as_json)


@app.command()
def pull(
    spec: Annotated[
        str, typer.Argument(metavar="default|hf:OWNER/REPO/FILE.gguf|URL|PATH", help="What to fetch.")
    ] = "default",
    as_json: o.Json = False,
) -> None:
    """Fetch a model for this machine; without a name, the small default one (93 MB)."""
    from asstream.cli.first_model import pull as fetch

    entry = fetch(ensure_home(load({"base_url": EMBEDDED})), spec)
    emit(_as_json(asdict(entry))) if as_json else say(
        f"{entry.name}: {entry.size / 1e6:.0f} MB, {'in use' if entry.in_use else 'not in use'}"
    )


@app.command()
def use(named: Named, as_json: o.Json = False) -> None:
    """Let a model of this machine answer from now on."""
    from asstream.runtime.models import catalog

    entry = catalog.use(load({"base_url": EMBEDDED}).home, named)
    emit(_as_json(asdict(entry))) if as_json else say(f"{entry.name} answers from now on")


@app.command()
def show(
    named: Annotated[str | None, typer.Argument(metavar="NAME", help="Default: the one in use.")] = None,
    as_json: o.Json = False,
) -> None:
    """Show what is known of a model of this machine."""
    from asstream.runtime.models import catalog

    known = catalog.show(load({"base_url": EMBEDDED}).home, named)
    if as_json:
        emit(_as_json(known))
        return
    for key, value in known.items():
        if value not in (None, ""):
            say(f"{key}: {value}")


def _only_files(settings: Settings) -> bool:
    """Whether nothing but files of this machine can answer: there is nobody else to ask for a list."""
    from asstream.endpoints import model_endpoint
    from asstream.runtime.models.sources import LOOPBACK, probe

    return model_endpoint(settings) is None and not is_spec(settings.model.model) and not probe(LOOPBACK)


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        for row in rows:
            emit(row)
        return
    if not rows:
        warn("no model yet: `asstream models pull` fetches a small one")
        return
    table(
        ("NAME", "WHERE", "SIZE", "IN USE"),
        [
            (row["name"], row["where"], f"{row['size'] / 1e6:.0f} MB" if row["size"] else "", _mark(row))
            for row in rows
        ],
    )


def _mark(row: dict[str, Any]) -> str:
    return "*" if row["in_use"] else ""


def _as_json(known: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in known.items()}
