"""The program as people run it: a process with a home, a configuration and a scripted model of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import openai
import pytest

from asstream.runtime.models.sources import open_source
from asstream.server.embedded import EmbeddedServer
from tests.cli.forks import Forks

ROOT = Path(__file__).parents[2]
PATIENCE = 90

WEATHER = [
    [{"tool_call": {"name": "get_weather", "arguments": '{"city": "Rome"}'}}],
    [{"text": ["It will be ", "sunny."]}],
]
REPLIES: list[dict[str, Any]] = [
    {"match": "capital of France", "turns": [[{"text": ["The capital of France ", "is **Paris**."]}]]},
    {"match": "escape", "turns": [[{"text": ["\x1b]0;owned\x07red\x1b[31m text\x9b2J"]}]]},
    {"match": "weather", "turns": WEATHER},
    {"match": None, "turns": [[{"text": ["Understood."]}]]},
]


class Run(Protocol):
    """Runs `asstream ARGUMENTS` to its end."""

    def __call__(
        self, *arguments: str, stdin: str = "", code: int | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name is short: what names a file should fit into a line of the terminal."""
    return tmp_path_factory.mktemp("t")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A person's environment with nothing configured but a scripted model."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": REPLIES}))
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", "") + os.pathsep + str(ROOT),
        "HOME": str(tmp_path / "user"),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "ASSTREAM_HOME": str(tmp_path / "home"),
        "ASSTREAM_CONFIG": str(tmp_path / "config.toml"),
        "ASSTREAM_MODEL": f"scripted:{script}",
    }


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """A process that becomes the program, again and again."""
    started = Forks()
    yield started
    started.close()


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path, forks: Forks) -> Run:
    """Runs the program in a process; `code` is the exit code that is expected, variables are added."""

    def run_program(
        *arguments: str, stdin: str = "", code: int | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        done = forks.run(arguments, stdin=stdin, env={**environ, **variables}, cwd=tmp_path, seconds=PATIENCE)
        assert "Traceback" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return run_program


@pytest.fixture
def served(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that the program reaches as a remote one."""
    home = tmp_path / "served"
    home.mkdir()
    script = home / "script.json"
    script.write_text(json.dumps({"replies": REPLIES}))
    server = EmbeddedServer(home, lambda: open_source(home, None, f"scripted:{script}"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def client(served: EmbeddedServer) -> Iterator[openai.OpenAI]:
    """A client of that server."""
    with openai.OpenAI(
        base_url=served.base_url,
        api_key=served.api_key,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    ) as client:
        yield client


@pytest.fixture
def remote(served: EmbeddedServer) -> dict[str, str]:
    """The variables that point the program at that server."""
    return {"ASSTREAM_BASE_URL": served.base_url, "ASSTREAM_API_KEY": served.api_key}


@pytest.fixture
def write_config(environ: dict[str, str]) -> Callable[[str], Path]:
    """Writes the configuration file."""

    def write(text: str) -> Path:
        path = Path(environ["ASSTREAM_CONFIG"])
        path.write_text(text)
        return path

    return write
