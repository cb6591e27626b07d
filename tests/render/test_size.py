"""The size of the screen is the terminal's own, or what the environment or the console says in its place."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator
from typing import IO

import pytest
from rich.console import Console

from asstream.render.size import size_of


@pytest.fixture
def ends() -> Iterator[tuple[int, IO[str]]]:
    """Both ends of a pseudo-terminal."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as file:
        yield ours, file
    os.close(ours)


def resize(end: int, columns: int, rows: int) -> None:
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def console(file: IO[str], **more: object) -> Console:
    return Console(file=file, force_terminal=True, legacy_windows=False, **more)  # type: ignore[arg-type]


def test_it_follows_the_terminal_that_is_written_to(ends: tuple[int, IO[str]]) -> None:
    ours, file = ends
    size = size_of(console(file, _environ={"TERM": "xterm"}))
    for columns, rows in ((97, 33), (40, 12)):
        resize(ours, columns, rows)
        assert size() == (columns, rows)


def test_the_environment_and_the_console_go_before_it(ends: tuple[int, IO[str]]) -> None:
    ours, file = ends
    resize(ours, 97, 33)
    assert size_of(console(file, _environ={"TERM": "xterm", "COLUMNS": "50"}))()[0] == 50
    assert size_of(console(file, _environ={"TERM": "xterm"}, width=60, height=20))() == (60, 20)
    assert size_of(console(file, _environ={"TERM": "dumb"}))() == (80, 25)


def test_a_terminal_that_is_gone_or_says_nothing_has_a_size_all_the_same(ends: tuple[int, IO[str]]) -> None:
    ours, file = ends
    size = size_of(console(file, _environ={"TERM": "xterm"}))
    resize(ours, 0, 0)
    assert min(size()) > 0
    with os.fdopen(os.dup(file.fileno()), "w") as gone:
        size = size_of(console(gone, _environ={"TERM": "xterm"}))
    assert min(size()) > 0
