"""Which way a terminal takes pictures: told by the environment, or asked."""

from __future__ import annotations

import os
import pty
import sys
import threading

import pytest

from asstream.render.images import terminals
from asstream.render.images.terminals import Way, find_way, from_answer

KITTY_OK = b"\x1b_Gi=31;OK\x1b\\"


def nobody(question: str) -> bytes:
    raise AssertionError("it was asked")


@pytest.mark.parametrize(
    ("variables", "way"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, "iterm2"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "foot-extra"}, "sixel"),
        ({"TERM": "mlterm"}, "sixel"),
        ({"TERM": "linux"}, "blocks"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "blocks"),
    ],
)
def test_the_environment_tells(variables: dict[str, str], way: Way) -> None:
    assert find_way(variables, nobody) == way


@pytest.mark.parametrize(
    ("answer", "way"),
    [
        (b"", "blocks"),
        (b"\x1b[?62;22c", "blocks"),
        (b"\x1b[?62;4;22c", "sixel"),
        (b"\x1b[?4c", "blocks"),
        (KITTY_OK + b"\x1b[?62c", "kitty"),
        (KITTY_OK + b"\x1b[?62;4c", "kitty"),
        (b"\x1b_Gi=31;ENOTSUP\x1b\\\x1b[?64;4c", "sixel"),
        (b"4;4;4c", "blocks"),
    ],
)
def test_an_answer_tells(answer: bytes, way: Way) -> None:
    assert from_answer(answer) == way


@pytest.mark.parametrize("variables", [{"TMUX": "x"}, {"STY": "x"}, {"TERM": "screen-256color"}])
def test_a_multiplexer_hides_the_terminal_around_it(variables: dict[str, str]) -> None:
    around = {"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1", "TERM_PROGRAM": "WezTerm"} | variables
    asked: list[str] = []

    def ask(question: str) -> bytes:
        asked.append(question)
        return b"\x1b[?1;2;4c"

    assert find_way(around, ask) == "sixel"
    assert "TMUX" not in variables or asked == ["\x1b[c"]


class _Terminal:
    """A pseudo-terminal as this process's; what is written to it is answered once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
        self.ours, theirs = pty.openpty()
        self.input = open(theirs)  # noqa: SIM115
        output = open(os.dup(theirs), "w")  # noqa: SIM115
        monkeypatch.setattr(sys, "stdin", self.input)
        monkeypatch.setattr(sys, "stdout", output)
        self.question = b""
        self._answer = answer
        self._output = output
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while not self.question.endswith(b"\x1b[c"):
                self.question += os.read(self.ours, 1)
            os.write(self.ours, self._answer)
        except OSError:
            return

    def close(self) -> None:
        self.input.close()
        self._output.close()
        self._thread.join()
        os.close(self.ours)


def test_a_terminal_is_asked_and_what_follows_its_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal(monkeypatch, KITTY_OK + b"\x1b[?62;4chello\n")
    assert find_way({"TERM": "xterm"}) == "kitty"
    left = terminal.input.readline()
    terminal.close()
    assert terminal.question.startswith(b"\x1b_G")
    assert left == "hello\n"


def test_a_terminal_that_does_not_answer_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminals, "PATIENCE", 0.01)
    terminal = _Terminal(monkeypatch, b"")
    assert find_way({"TERM": "xterm"}) == "blocks"
    terminal.close()


def test_what_somebody_types_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal(monkeypatch, KITTY_OK + b"\x1b[?62;4c")
    os.write(terminal.ours, b"typed\n")
    assert find_way({"TERM": "xterm"}) == "blocks"
    assert terminal.input.readline() == "typed\n"
    os.write(terminal.input.fileno(), b"\x1b[c")  # let the other end go
    terminal.close()


def test_where_there_is_no_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert find_way({"TERM": "xterm"}) == "blocks"
