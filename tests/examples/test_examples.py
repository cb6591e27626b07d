"""The programs of examples/, run as a reader would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import server_process
from tests.support.served import reply, write_script

ROOT = Path(__file__).parents[2]
SCRIPT = [reply([{"text": "Hello there."}])]


def run(*arguments: str, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, over pipes, with no configuration but these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**kept, **variables},
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_console_program_talks_to_a_server(tmp_path: Path) -> None:
    with server_process(tmp_path, write_script(tmp_path / "script.json", SCRIPT)) as (_, client):
        ended = run(
            "examples/console_streaming.py",
            text="Hi\nexit\n",
            OPENAI_BASE_URL=str(client.base_url),
            OPENAI_API_KEY="none",
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "You > Assistant > Hello there.\nYou > "


def test_the_handler_shouts(tmp_path: Path) -> None:
    spec = write_script(tmp_path / "script.json", SCRIPT)
    ended = run(
        "-m",
        "asstream",
        "ask",
        "--handler",
        "examples/shout.py:Shout",
        "Hi",
        text="",
        ASSTREAM_HOME=str(tmp_path / "home"),
        ASSTREAM_MODEL=spec,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "HELLO THERE.\n"
