"""A real server in this process, with the scripted model behind it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai

from asstream.runtime import CodeOptions
from asstream.runtime.models.sources import open_source
from asstream.server.embedded import EmbeddedServer
from asstream.server.serving import MakeSource


def write_script(path: Path, replies: list[dict[str, Any]]) -> str:
    """Write a script of the scripted model; the spec that names it."""
    path.write_text(json.dumps({"replies": replies}), encoding="utf-8")
    return f"scripted:{path}"


def reply(*turns: list[dict[str, Any]], match: str | None = None) -> dict[str, Any]:
    """A reply of the script: one list of steps a turn."""
    return {"match": match, "turns": list(turns)}


@contextlib.contextmanager
def served(
    home: Path, replies: list[dict[str, Any]], code: CodeOptions | None = None
) -> Iterator[openai.OpenAI]:
    """A client of a server over `home` whose model says what is scripted."""
    home.mkdir(parents=True, exist_ok=True)
    spec = write_script(home / "script.json", replies)
    with served_with(home, lambda: open_source(home, None, spec), code) as client:
        yield client


@contextlib.contextmanager
def served_with(
    home: Path, make_source: MakeSource, code: CodeOptions | None = None
) -> Iterator[openai.OpenAI]:
    """A client of a server over `home` with any source of models."""
    server = EmbeddedServer(home, make_source, code)
    server.start()
    client = openai.OpenAI(
        base_url=server.base_url,
        api_key=server.api_key,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )
    try:
        yield client
    finally:
        client.close()
        server.close()
