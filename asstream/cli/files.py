"""`asstream files`: upload, list, show, download, delete."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, get_args

import typer

from asstream.chat import saving
from asstream.chat.find import find_file
from asstream.chat.uploads import Purpose, named, upload
from asstream.cli import options as o
from asstream.cli.output import details, emit, say, table, warn, when
from asstream.cli.target import noun, opened
from asstream.errors import AsstreamError, UsageError

app = noun("Upload, list, show, download, delete files.")

Named = Annotated[str, typer.Argument(metavar="ID|NAME", help="An id, a unique start of one, or a name.")]
Paths = Annotated[
    list[str], typer.Argument(metavar="PATH…", help="Files, folders (all that is in them), or patterns.")
]
PURPOSES = get_args(Purpose)


@app.command("upload")
def upload_(
    paths: Paths,
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="|".join(PURPOSES), help="What the files are for.")
    ] = "assistants",
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> int:
    """Upload files and print their ids; one that can't be sent does not keep back the others."""
    if purpose not in PURPOSES:
        raise UsageError(f"--purpose {purpose!r} is none", f"choose one of {', '.join(PURPOSES)}")
    found, failed = named(paths), 0
    with opened(profile, base_url, api_key) as target:
        for path in found:
            try:
                made = upload(target.client, path, purpose)  # type: ignore[arg-type] # one of PURPOSES
            except UsageError as error:
                failed += 1
                warn(f"asstream: {error.message}")
                continue
            emit(made) if as_json else say(made.id if len(found) == 1 else f"{made.id}  {path}")
    return 2 if failed else 0


@app.command("list")
def list_(
    purpose: Annotated[
        str | None, typer.Option("--purpose", help="Only files for this, such as assistants_output.")
    ] = None,
    limit: o.Limit = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """List the files, newest first."""
    with opened(profile, base_url, api_key) as target:
        pages = target.client.files.list(purpose=purpose) if purpose else target.client.files.list()
        found = list(islice(pages, limit))
    if as_json:
        for file in found:
            emit(file)
        return
    rows = [
        (file.id, file.filename, f"{file.bytes:,}", file.purpose, when(file.created_at)) for file in found
    ]
    table(
        ("ID", "NAME", "BYTES", "PURPOSE", "CREATED"),
        rows,
        none="no file yet: `asstream files upload PATH` sends one",
    )


@app.command()
def show(
    named: Named,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Show what is known of a file."""
    with opened(profile, base_url, api_key) as target:
        found = find_file(target.client, named)
    emit(found) if as_json else details(found)


@app.command()
def download(
    named: Named,
    to: Annotated[
        str, typer.Argument(metavar="DIR|FILE|-", help="Where to; what is there is never overwritten.")
    ] = ".",
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
) -> None:
    """Fetch a file's content: into a folder under its own name, as FILE, or to stdout."""
    if to == "-" and sys.stdout.isatty():
        raise UsageError("a file's bytes are not for a terminal", "name a file or a folder, or pipe it")
    with opened(profile, base_url, api_key) as target:
        found = find_file(target.client, named)
        with target.client.files.with_streaming_response.content(found.id) as response:
            pieces = response.iter_bytes(65536)
            if to == "-":
                _write_out(pieces)
                return
            path = _save(Path(to).expanduser(), found.filename or found.id, pieces)
    say(f"saved {path}")


@app.command()
def delete(
    named: Annotated[list[str], typer.Argument(metavar="ID|NAME…", help="Ids, unique starts, or names.")],
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Delete files; all must be there before any is deleted."""
    with opened(profile, base_url, api_key) as target:
        ids = list(dict.fromkeys(find_file(target.client, each).id for each in named))
        for id in ids:
            gone = target.client.files.delete(id)
            emit(gone) if as_json else say(f"deleted {id}")


def _save(to: Path, name: str, pieces: Iterator[bytes]) -> Path:
    """Save under a person's own name for it, or in a folder under the file's (made harmless)."""
    if to.is_dir():
        return saving.save(to, name, pieces)
    if to.exists() or to.is_symlink():
        raise UsageError(f"{to} is there already", "name another file, or a folder")
    try:
        with to.open("xb") as file:
            try:
                for piece in pieces:
                    file.write(piece)
            except BaseException:
                to.unlink()
                raise
    except OSError as error:
        raise AsstreamError(f"{to} can't be written: {error.strerror}", "name another file") from error
    return to


def _write_out(pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
