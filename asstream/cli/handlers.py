"""`asstream handlers`: list."""

from __future__ import annotations

from asstream.cli import options as o
from asstream.cli.output import emit, table
from asstream.cli.target import noun

app = noun("List the handlers that can show a reply.")


@app.callback()
def group() -> None:
    """Handlers are classes that show a reply: `asstream chat --handler NAME|FILE.py:CLASS|pkg.mod:CLASS`."""


@app.command("list")
def list_(as_json: o.Json = False) -> None:
    """List the handlers that have a name: built in, and of installed packages."""
    from asstream.handlers.find import available

    found = available()
    if as_json:
        for name, place in found:
            emit({"name": name, "class": place})
        return
    table(("NAME", "CLASS"), found)
