"""The README's table of operations says what there is, and nothing more."""

from __future__ import annotations

import re
from pathlib import Path

import openai
import typer

from asstream.cli import serve
from asstream.server.app import ROUTES

README = Path(__file__).parents[2] / "README.md"

ROW = re.compile(r"^\| `(GET|POST|DELETE) (/\S*)` \| (.*?) \| (.+) \|$", re.MULTILINE)


def test_every_route_is_in_the_table_once_and_nothing_more() -> None:
    listed = [(method, path) for method, path, _, _ in ROW.findall(README.read_text(encoding="utf-8"))]
    assert sorted(listed) == sorted((method, path.replace(":path", "")) for method, path, _ in ROUTES)


def test_the_table_names_methods_that_the_client_has() -> None:
    with openai.OpenAI(api_key="none") as client:
        for _, _, calls, _ in ROW.findall(README.read_text(encoding="utf-8")):
            names = re.findall(r"`([^`]+)`", calls)
            parent, _, _ = names[0].rpartition(".") if names else ("", "", "")
            for name in names:
                found: object = client
                for part in (name if "." in name else f"{parent}.{name}").split("."):
                    found = getattr(found, part, None)
                assert callable(found), name


def test_the_flags_of_serve_are_those_that_it_has() -> None:
    text = README.read_text(encoding="utf-8").partition("The flags of `serve`: ")[2].partition("\n\n")[0]
    command = typer.main.get_command(serve.app)
    flags = {flag for each in command.params for flag in each.opts if flag.startswith("--")}
    assert set(re.findall(r"`(--[a-z-]+)", text)) == flags - {"--help"}
