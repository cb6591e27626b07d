"""`asstream assistants`: create, update, list, show, delete, export, import."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated, Any

import typer

from asstream.chat import uploads
from asstream.chat.find import DEFAULT_MODEL, find_assistant
from asstream.cli import options as o
from asstream.cli.importing import PORTABLE, create_under, entries_of, make
from asstream.cli.output import as_json, details, emit, save, say, table, warn, when
from asstream.cli.resources import resources
from asstream.cli.target import noun, opened
from asstream.errors import UsageError

app = noun("Create, change, list, show, delete, export, import assistants.")

Named = Annotated[str, typer.Argument(metavar="ID|NAME", help="An id, a unique start of one, or a name.")]
Name = Annotated[str | None, typer.Option("--name", help="Its name.")]
Description = Annotated[str | None, typer.Option("--description", help="What it is for.")]
OwnInstructions = Annotated[
    str | None, typer.Option("--instructions", metavar="TEXT|@FILE", help="What it is told to do.")
]
OwnModel = Annotated[
    str | None, typer.Option("--model", metavar="M", help="Its model (default: resolved at each run).")
]
Tool = Annotated[
    list[str] | None,
    typer.Option(
        "--tool", metavar="code_interpreter|file_search|FILE.json", help="A tool; repeat it for more."
    ),
]
File = Annotated[
    list[str] | None,
    typer.Option(
        "--file", metavar="PATH", help="A file, folder or pattern for its tools; repeat it for more."
    ),
]
Store = Annotated[
    list[str] | None, typer.Option("--store", metavar="ID|NAME", help="The vector store it searches.")
]
Temperature = Annotated[float | None, typer.Option("--temperature", min=0, max=2)]
TopP = Annotated[float | None, typer.Option("--top-p", min=0, max=1)]
Metadata = Annotated[list[str] | None, typer.Option("--metadata", metavar="K=V", help="Repeat it for more.")]

NONE = "no assistant yet: `asstream assistants create` makes one"


@app.command()
def create(
    name: Name = None,
    description: Description = None,
    instructions: OwnInstructions = None,
    model: OwnModel = None,
    tool: Tool = None,
    file: File = None,
    store: Store = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    metadata: Metadata = None,
    id: Annotated[
        str | None, typer.Option("--id", metavar="asst_…", help="Its id (asstream's own servers honour it).")
    ] = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> int:
    """Create an assistant and print its id."""
    fields = _fields(name, description, instructions, model, tool, temperature, top_p, metadata)
    paths, tools = uploads.named(file or []), _types(fields.get("tools") or [])
    with (
        opened(profile, base_url, api_key) as target,
        resources(target.client, name or "files", tools, paths, store or [], {}) as given,
    ):
        made = create_under(target, {"model": DEFAULT_MODEL, **fields, **given.fields}, id)
    emit(made) if as_json else say(made.id)
    return given.code


@app.command()
def update(
    named: Named,
    name: Name = None,
    description: Description = None,
    instructions: OwnInstructions = None,
    model: OwnModel = None,
    tool: Tool = None,
    file: File = None,
    store: Store = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    metadata: Metadata = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> int:
    """Change what is given, leave the rest; tools and metadata are replaced, files are added."""
    fields = _fields(name, description, instructions, model, tool, temperature, top_p, metadata)
    paths = uploads.named(file or [])
    if not fields and not paths and not store:
        raise UsageError(
            "nothing to change was given", "`asstream assistants update --help` shows what can be"
        )
    with opened(profile, base_url, api_key) as target:
        found = find_assistant(target.client, named)
        had = _data(found).get("tool_resources") or {}
        tools = _types(fields["tools"]) if "tools" in fields else [each.type for each in found.tools]
        files = found.name or "files"
        with resources(target.client, files, tools, paths, store or [], had) as given:
            changed = target.client.beta.assistants.update(found.id, **{**fields, **given.fields})
    emit(changed) if as_json else say(changed.id)
    return given.code


@app.command("list")
def list_(
    limit: o.Limit = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """List the assistants, newest first."""
    with opened(profile, base_url, api_key) as target:
        found = list(islice(target.client.beta.assistants.list(limit=100), limit))
    if as_json:
        for assistant in found:
            emit(assistant)
        return
    rows = [
        (a.id, a.name, a.model, ", ".join(tool.type for tool in a.tools), when(a.created_at)) for a in found
    ]
    table(
        ("ID", "NAME", "MODEL", "TOOLS", "CREATED"),
        rows,
        none=NONE,
    )


@app.command()
def show(
    named: Named,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Show an assistant."""
    with opened(profile, base_url, api_key) as target:
        found = find_assistant(target.client, named)
    emit(found) if as_json else details(found)


@app.command()
def delete(
    named: Named,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Delete an assistant; its threads stay."""
    with opened(profile, base_url, api_key) as target:
        gone = target.client.beta.assistants.delete(find_assistant(target.client, named).id)
    emit(gone) if as_json else say(f"deleted {gone.id}")


@app.command()
def export(
    named: Named,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Where to; - is stdout.")] = "-",
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
) -> None:
    """Write an assistant as JSON that `import` takes, here or elsewhere."""
    with opened(profile, base_url, api_key) as target:
        found = find_assistant(target.client, named)
    data = _data(found)
    text = (
        json.dumps({"id": found.id, **{key: data[key] for key in PORTABLE if key in data}}, indent=2) + "\n"
    )
    save(file, text)


@app.command("import")
def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-", help="An assistant, a list of them, or a list's page, as JSON; - is stdin."
        ),
    ],
    keep_id: Annotated[
        bool, typer.Option("--keep-id/--new-id", help="Whether each has the id that it had.")
    ] = True,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Create assistants from what `export` or the old service wrote, all or none, and print their ids."""
    entries = entries_of(file)
    with opened(profile, base_url, api_key) as target:
        made = make(target, file, entries, keep_id=keep_id)
    for each in made:
        emit(each) if as_json else say(each.id)
    changed = sum(
        entry.id is not None and entry.id != each.id for entry, each in zip(entries, made, strict=True)
    )
    told = f", {changed} of them under a new id" if changed else ""
    warn(f"imported {len(made)} {'assistant' if len(made) == 1 else 'assistants'}{told}")


def _fields(
    name: str | None,
    description: str | None,
    instructions: str | None,
    model: str | None,
    tool: list[str] | None,
    temperature: float | None,
    top_p: float | None,
    metadata: list[str] | None,
) -> dict[str, Any]:
    fields = {
        "name": name,
        "description": description,
        "instructions": o.text_or_file(instructions) if instructions is not None else None,
        "model": model,
        "tools": o.tools(tool) if tool else None,
        "temperature": temperature,
        "top_p": top_p,
        "metadata": o.metadata(metadata) if metadata else None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _types(tools: list[dict[str, Any]]) -> list[str]:
    return [str(tool.get("type")) for tool in tools]


def _data(assistant: Any) -> dict[str, Any]:
    data = as_json(assistant)
    assert isinstance(data, dict)
    return data
