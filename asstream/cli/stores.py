"""`asstream stores`: list, show, create, add, search, delete."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asstream.chat.find import find_store
from asstream.chat.uploads import named
from asstream.cli import options as o
from asstream.cli.filling import fill_store
from asstream.cli.output import details, emit, say, table, warn, when
from asstream.cli.target import noun, opened
from asstream.errors import UsageError

if TYPE_CHECKING:
    from openai.types import VectorStoreSearchResponse

app = noun("List, show, create, fill, search, delete vector stores.")

Named = Annotated[str, typer.Argument(metavar="ID|NAME", help="An id, a unique start of one, or a name.")]
Attribute = Annotated[
    list[str] | None,
    typer.Option("--attribute", metavar="K=V", help="Of each file, for filters; repeat it for more."),
]
ChunkTokens = Annotated[
    int | None, typer.Option("--chunk-tokens", min=100, max=4096, help="Tokens of a chunk (default: 800).")
]
OverlapTokens = Annotated[
    int | None,
    typer.Option("--overlap-tokens", min=0, max=2048, help="Tokens that neighbours share (default: half)."),
]


@app.command("list")
def list_(
    limit: o.Limit = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """List the vector stores, newest first."""
    with opened(profile, base_url, api_key) as target:
        found = list(islice(target.client.vector_stores.list(limit=100), limit))
    if as_json:
        for store in found:
            emit(store)
        return
    rows = [
        (s.id, s.name, s.status, s.file_counts.total, f"{s.usage_bytes:,}", when(s.created_at)) for s in found
    ]
    table(
        ("ID", "NAME", "STATUS", "FILES", "BYTES", "CREATED"),
        rows,
        none="no vector store yet: `asstream stores create --name NAME PATH…` makes one",
    )


@app.command()
def show(
    named: Named,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Show a vector store and its files, with the reason where one could not be read."""
    from asstream.chat.stores import reason

    with opened(profile, base_url, api_key) as target:
        store = find_store(target.client, named)
        files = list(target.client.vector_stores.files.list(store.id, limit=100))
        names = {file.id: file.filename for file in target.client.files.list()} if files else {}
    if as_json:
        emit(store)
        for file in files:
            emit(file)
        return
    details(store)
    if files:
        say("")
        table(
            ("FILE", "NAME", "STATUS", "BYTES", "REASON"),
            [
                (
                    f.id,
                    names.get(f.id, ""),
                    f.status,
                    f"{f.usage_bytes:,}",
                    reason(f) if f.last_error else "",
                )
                for f in files
            ],
        )


@app.command()
def create(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH]…", help="Files, folders or patterns to begin with.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Its name.")] = None,
    days: Annotated[
        int | None,
        typer.Option("--expires-days", min=1, max=365, help="It expires so many days after its last use."),
    ] = None,
    metadata: Annotated[list[str] | None, typer.Option("--metadata", metavar="K=V")] = None,
    attribute: Attribute = None,
    chunk_tokens: ChunkTokens = None,
    overlap_tokens: OverlapTokens = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> int:
    """Create a vector store, fill it with the files that are named, and print its id."""
    found = named(paths or [])
    attributes, chunking = _attributes(attribute or []), _chunking(chunk_tokens, overlap_tokens)
    fields: dict[str, Any] = {
        "name": name,
        "metadata": o.metadata(metadata) if metadata else None,
        "expires_after": {"anchor": "last_active_at", "days": days} if days else None,
    }
    with opened(profile, base_url, api_key) as target:
        made = target.once.vector_stores.create(
            **{key: value for key, value in fields.items() if value is not None}
        )
        code = fill_store(target.client, made.id, found, attributes, chunking) if found else 0
        made = target.client.vector_stores.retrieve(made.id)
    emit(made) if as_json else say(made.id)
    return code


@app.command()
def add(
    store: Named,
    paths: Annotated[list[str], typer.Argument(metavar="PATH…", help="Files, folders or patterns.")],
    attribute: Attribute = None,
    chunk_tokens: ChunkTokens = None,
    overlap_tokens: OverlapTokens = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> int:
    """Upload files into a vector store; says what could not be read, and why."""
    found = named(paths)
    attributes, chunking = _attributes(attribute or []), _chunking(chunk_tokens, overlap_tokens)
    with opened(profile, base_url, api_key) as target:
        filling = find_store(target.client, store)
        code = fill_store(target.client, filling.id, found, attributes, chunking)
        if as_json:
            emit(target.client.vector_stores.retrieve(filling.id))
    return code


@app.command()
def search(
    store: Named,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What is looked for.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="Print at most so many.")] = 5,
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="K=V", help="Only in files with it; repeat it for more."),
    ] = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Print the passages of a vector store that answer a query best, each with its score (0 to 1)."""
    equals = [
        {"type": "eq", "key": key, "value": value} for key, value in _attributes(attribute or []).items()
    ]
    with opened(profile, base_url, api_key) as target:
        given: dict[str, Any] = {"filters": {"type": "and", "filters": equals}} if equals else {}
        found = list(
            target.client.vector_stores.search(
                find_store(target.client, store).id, query=query, max_num_results=limit, **given
            )
        )
    if not as_json and not found:
        warn("nothing was found")
    for number, hit in enumerate(found):
        emit(hit) if as_json else say(*([""] if number else []), *_lines(hit))


@app.command()
def delete(
    store: Named,
    with_files: Annotated[
        bool, typer.Option("--with-files", help="Delete its files as well, which other stores may hold.")
    ] = False,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Delete a vector store; its files stay."""
    with opened(profile, base_url, api_key) as target:
        found = find_store(target.client, store)
        files = list(target.client.vector_stores.files.list(found.id, limit=100)) if with_files else []
        gone = target.client.vector_stores.delete(found.id)
        for file in files:
            target.client.files.delete(file.id)
    emit(gone) if as_json else say(f"deleted {gone.id}")
    if files and not as_json:
        say(f"deleted {len(files)} {'file' if len(files) == 1 else 'files'}")


def _lines(hit: VectorStoreSearchResponse) -> list[str]:
    text = "\n".join(part.text for part in hit.content).strip()
    return [f"{hit.score:.2f}  {hit.filename} ({hit.file_id})", *(f"  {line}" for line in text.splitlines())]


def _attributes(pairs: list[str]) -> dict[str, str | float | bool]:
    """`K=V` pairs; `true`, `false` and numbers are what they look like, as filters compare them."""
    return {key: _value(text) for key, text in o.metadata(pairs, "--attribute").items()}


def _value(text: str) -> str | float | bool:
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number - number == 0 else text  # neither infinite nor NaN, which JSON has no way to say


def _chunking(tokens: int | None, overlap: int | None) -> dict[str, Any] | None:
    """The wire's chunking strategy, or None for the endpoint's own. Raises UsageError."""
    if tokens is None and overlap is None:
        return None
    most = tokens or 800
    shared = most // 2 if overlap is None else overlap
    if shared > most // 2:
        raise UsageError(
            f"--overlap-tokens {shared} is more than half of a chunk of {most} tokens",
            f"give {most // 2} at most, or larger chunks (--chunk-tokens)",
        )
    return {
        "type": "static",
        "static": {"max_chunk_size_tokens": most, "chunk_overlap_tokens": shared},
    }
