"""Where the cursor can't be moved (a pipe, NO_COLOR, TERM=dumb) a reply's source is written, as it comes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.terminal import Terminal
from tests.render.markdown.multiplexer import PLAYER, ROOT
from tests.render.markdown.showing import CORPUS, reply

NAMES = [
    "06_quotes",
    "08_table_wide",
    "13_fences_languages",
    "19_cjk",
    "22_links",
    "29_emphasis",
    "36_code_verbatim",
]


def environ(**more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        **more,
    }


def command(name: str, between: float = 0) -> list[str]:
    return [sys.executable, str(PLAYER), str(CORPUS[name]), str(between)]


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_gets_the_source_byte_for_byte(name: str) -> None:
    done = subprocess.run(command(name), env=environ(), capture_output=True, check=True)
    assert done.stdout == CORPUS[name].read_bytes()


@pytest.mark.parametrize(
    "more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}], ids=str
)
@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_whose_cursor_stays_gets_the_source(name: str, more: dict[str, str]) -> None:
    terminal = Terminal(command(name), environ(**more))
    try:
        assert terminal.wait_end() == 0
    finally:
        terminal.close()
    assert b"\x1b" not in terminal.raw
    assert terminal.raw.decode().replace("\r\n", "\n") == reply(name)


def test_a_terminal_gets_it_rendered() -> None:
    terminal = Terminal(command("29_emphasis"), environ())
    try:
        assert terminal.wait_end() == 0
    finally:
        terminal.close()
    assert b"\x1b[1m" in terminal.raw
    assert b"**bold**" not in terminal.raw


@pytest.mark.parametrize("more", [{}, {"TERM": "dumb"}], ids=str)
def test_it_is_flushed_as_it_comes(more: dict[str, str]) -> None:
    program = subprocess.Popen(command("39_recipe", 0.05), env=environ(**more), stdout=subprocess.PIPE)
    assert program.stdout is not None
    pieces = []
    while piece := os.read(program.stdout.fileno(), 65536):
        pieces.append(piece)
    program.stdout.close()
    assert program.wait() == 0
    assert b"".join(pieces) == CORPUS["39_recipe"].read_bytes()
    assert len(pieces) > 20
