"""Where no person reads: the reply's text alone, as it comes; and terminals that want no sequences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.terminal import terminal
from tests.support.served import reply, write_script

SOURCE = (
    "# A *title*\n\nSee【4:0†notes.txt】 and [it](sandbox:/mnt/data/a.csv).\n\n"
    "| a | b |\n|---|---|\n| 1 | é漢😀 |"
)
EVIL = "\x1b]0;owned\x07Ev\x1b[31mil\x9b2J\u202e"


def model(tmp_path: Path, *steps: dict[str, object]) -> str:
    return write_script(tmp_path / "piped.json", [reply(list(steps))])


def started(environ: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "asstream", *arguments],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_stdout_is_the_source_of_the_reply_byte_for_byte(environ: dict[str, str], tmp_path: Path) -> None:
    process = started(environ, "ask", "--model", model(tmp_path, {"text": list(SOURCE)}), "hi")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, f"{SOURCE}\n".encode(), b"")


def test_each_piece_is_there_when_it_comes(environ: dict[str, str], tmp_path: Path) -> None:
    spec = model(tmp_path, {"text": "one"}, {"wait": 20}, {"text": " two"})
    process = started(environ, "ask", "--model", spec, "hi")
    assert process.stdout is not None and process.stderr is not None
    try:
        assert process.stdout.read(3) == b"one"
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("how", [["--plain"], ["--json"], ["--handler", "console"]])
def test_a_reader_that_takes_one_line_ends_it_quietly(
    environ: dict[str, str], tmp_path: Path, how: list[str]
) -> None:
    spec = model(
        tmp_path, *[{"text": f"line {n}\n"} for n in range(50)], {"wait": 0.5}, {"text": "more\n" * 50}
    )
    process = started(environ, "ask", *how, "--model", spec, "hi")
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 1


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_none_gets_no_sequence(
    environ: dict[str, str], tmp_path: Path, variables: dict[str, str]
) -> None:
    with terminal(["ask", "--model", model(tmp_path, {"text": SOURCE}), "hi"], environ | variables) as page:
        assert page.wait_end() == 0
    assert b"\x1b" not in page.raw
    shown = page.raw.decode().replace("\r\n", "\n")
    assert shown.startswith(SOURCE.replace("【4:0†notes.txt】", "¹").replace("sandbox:/mnt/data/", ""))
    assert "\n¹  notes.txt\n" in shown


def test_names_and_titles_are_harmless(environ: dict[str, str], run: Run) -> None:
    made = run("assistants", "create", "--name", EVIL, "--model", "m", code=0).stdout.strip()
    run("ask", "--assistant", made, EVIL, code=0)
    with terminal(["chat", "--assistant", made], environ) as chat:
        assert "Evil" in chat.wait_for("/help helps")
        chat.type("\x04")
        chat.wait_end()
    raw = chat.raw
    for command in (["threads", "list"], ["assistants", "list"], ["assistants", "show", made]):
        with terminal(command, environ) as page:
            assert page.wait_end() == 0
        assert "Evil" in page.text()
        raw += page.raw
    for bad in (b"\x1b]", b"\x1b[31m", b"\x07", "\x9b".encode(), "\u202e".encode()):
        assert bad not in raw, bad
