"""The programs of examples/, run as a reader would run them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.terminal import terminal
from tests.handlers.test_interpreter_shown import cell
from tests.handlers.test_interpreter_shown import reply as spoken
from tests.handlers.wire_events import BEGUN, DONE, ENDED, Event, encode, run_event
from tests.render.screens import Screen
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


def shown(kind: str, events: list[Event], tmp_path: Path, **variables: str) -> str:
    """What a handler of examples/ writes at a terminal for these events; the screen's raw text."""
    recorded = tmp_path / "run.sse"
    recorded.write_bytes(b"".join(encode(events)))
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    arguments = ["replay", str(recorded), "--speed", "0", "--handler", f"examples/{kind}"]
    with terminal(arguments, environ | variables) as page:
        assert page.wait_end() in (0, 1), page.text()
    return page.raw.decode()


def test_the_numbers_of_a_reply_are_coloured_and_those_of_code_are_not(tmp_path: Path) -> None:
    said = "It is 3.14 or **42** of 100."
    events = [*BEGUN, *cell("x = 7"), *spoken(*said), *ENDED]
    screen = Screen(100, 30)
    screen.write(shown("colour_numbers.py:ColourNumbers", events, tmp_path).replace("\r\n", "\n"))
    plain, coloured = ["default"], ["magenta"]
    colours = [*plain * 6, *coloured * 4, *plain * 4, *coloured * 2, *plain * 4, *coloured * 3, *plain]
    assert screen.colours("It is 3.14 or 42 of 100.") == colours
    assert "magenta" not in screen.colours("x = 7")


def test_the_handlers_show_the_reply_as_ever_in_a_pipe(tmp_path: Path) -> None:
    spec = write_script(tmp_path / "script.json", SCRIPT)
    for kind in ("colour_numbers.py:ColourNumbers", "notify.py:Notify", "transcript.py:Transcript"):
        ended = run(
            *("-m", "asstream", "ask", "--handler", f"examples/{kind}", "Hi"),
            text="",
            ASSTREAM_HOME=str(tmp_path / "home"),
            ASSTREAM_MODEL=spec,
            TRANSCRIPT_DIR=str(tmp_path),
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith("Hello there.\n")


EVIL = "-x $(touch owned) `id`; \x1b]52;c;aGk=\x07\x00\u202e\n--help"


def test_a_long_run_rings_and_starts_the_command_with_one_harmless_argument(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = tmp_path / "tell.py"
    script.write_text(f"import sys; open({str(told)!r}, 'w').write(repr(sys.argv[1:]))")
    variables = {"NOTIFY_COMMAND": shlex.join([sys.executable, str(script)])}
    long = [*BEGUN, *spoken(EVIL), run_event("completed", created_at=1, completed_at=14), DONE]
    raw = shown("notify.py:Notify", long, tmp_path, **variables)
    assert raw.count("\a") == 1
    words = "asstream: completed after 13 s: -x $(touch owned) `id`; --help"
    assert told.read_text() == repr([words])
    assert not (ROOT / "owned").exists()


def test_a_short_run_rings_nothing_and_a_command_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    short = [*BEGUN, *spoken("Hi"), run_event("completed", created_at=1, completed_at=3), DONE]
    variables = {"NOTIFY_COMMAND": "/nowhere/ring"}
    assert "\a" not in shown("notify.py:Notify", short, tmp_path, **variables)
    raw = shown("notify.py:Notify", short, tmp_path, NOTIFY_SECONDS="2", **variables)
    assert "NOTIFY_COMMAND does not work" in raw and "Traceback" not in raw


def test_a_transcript_has_what_both_said_of_each_turn(tmp_path: Path) -> None:
    spec = write_script(tmp_path / "script.json", [reply([{"text": "It is **2**."}], match="1"), *SCRIPT])
    kept = tmp_path / "kept"
    kept.mkdir()
    ended = run(
        *("-m", "asstream", "chat", "--handler", "examples/transcript.py:Transcript"),
        text="1 + 1?\nThanks\n",
        ASSTREAM_HOME=str(tmp_path / "home"),
        ASSTREAM_MODEL=spec,
        TRANSCRIPT_DIR=str(kept),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    (path,) = kept.iterdir()
    assert re.fullmatch(r"thread_\w+\.md", path.name)
    assert path.read_text() == (
        "\n## User\n\n1 + 1?\n\n## Assistant\n\nIt is **2**.\n"
        "\n## User\n\nThanks\n\n## Assistant\n\nHello there.\n"
    )


def test_a_transcript_holds_code_outputs_and_notes_and_stays_in_its_folder(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    marker = "【4:0†notes.txt】"
    note = {"index": 0, "type": "file_citation", "text": marker, "start_index": 0, "end_index": 1}
    code = "print('```')\x1b[2J"
    events = [
        *BEGUN,
        *cell(code, "```\n", images=["file-1"]),
        *spoken("So", marker, annotations=[note | {"file_citation": {"file_id": "file-n"}}]),
        run_event("failed", last_error={"code": "server_error", "message": "no"}),
        DONE,
    ]
    hostile = [(name, strayed(data)) for name, data in events]
    shown("transcript.py:Transcript", hostile, tmp_path, TRANSCRIPT_DIR=str(kept))
    (path,) = kept.iterdir()
    assert path.name == "____up_x.md"
    assert path.read_text() == (
        "\n## Code\n\n````python\nprint('```')\n````\n\n````text\n```\n````\n\n[image file-1]\n"
        f"\n## Assistant\n\nSo{marker}\n\n- {marker} notes.txt, passage 1\n\n*failed*\n"
    )


def strayed(data: Any) -> Any:
    """An object whose thread's id is a path out of the folder."""
    return data | {"thread_id": "/../up/x"} if isinstance(data, dict) and "thread_id" in data else data
