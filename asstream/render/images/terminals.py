"""Which way a terminal takes pictures: from what the environment says of it, else by asking it.

The environment is given in; what is asked is bounded in time, and not asked while somebody types.
"""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Callable, Mapping
from typing import Literal

Way = Literal["kitty", "iterm2", "sixel", "blocks"]

PATIENCE = 0.5
"""Seconds that a terminal has to answer; all that are known answer at once, a slow line apart."""

_ASKED = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_ATTRIBUTES = "\x1b[c"
_ANSWERED = re.compile(rb"\x1b\[\?([\d;]*)c")
_KITTY_OK = re.compile(rb"\x1b_G[^\x1b]*;OK\x1b\\")
_SIXEL = b"4"
_MOST = 1024

_BY_PROGRAM: Mapping[str, Way] = {
    "iterm.app": "iterm2",
    "wezterm": "iterm2",
    "mintty": "iterm2",
    "ghostty": "kitty",
    "apple_terminal": "blocks",
}
"""`TERM_PROGRAM` → way."""
_BY_TERM: tuple[tuple[str, Way], ...] = (
    ("xterm-kitty", "kitty"),
    ("xterm-ghostty", "kitty"),
    ("foot", "sixel"),
    ("mlterm", "sixel"),
    ("yaft", "sixel"),
    ("linux", "blocks"),
)
"""The beginning of `TERM` → way."""


def from_environment(variables: Mapping[str, str]) -> Way | None:
    """The way that the environment tells of; None where the terminal has to be asked."""
    term = variables.get("TERM", "").lower()
    if "TMUX" in variables or "STY" in variables or term.startswith(("screen", "tmux")):
        return None  # what else is set tells of the terminal around it, which does not see what is written
    if "KITTY_WINDOW_ID" in variables:
        return "kitty"
    if variables.get("LC_TERMINAL", "").lower() == "iterm2":  # it comes through ssh
        return "iterm2"
    program = variables.get("TERM_PROGRAM", "").lower()
    return _BY_PROGRAM.get(program) or next((way for name, way in _BY_TERM if term.startswith(name)), None)


def from_answer(answer: bytes) -> Way:
    """The way that a terminal's answer to both questions tells of."""
    if _KITTY_OK.search(answer):
        return "kitty"
    attributes = _ANSWERED.search(answer)
    return "sixel" if attributes and _SIXEL in attributes[1].split(b";")[1:] else "blocks"


def find_way(variables: Mapping[str, str], ask: Callable[[str], bytes] | None = None) -> Way:
    """How pictures are drawn here.

    Args:
        variables: what the environment says of the terminal.
        ask: sends a question to the terminal, returns its answer.
    """
    way = from_environment(variables)
    if way is not None:
        return way
    inside = "TMUX" in variables or "STY" in variables  # they would show kitty's question as text
    return from_answer((ask or ask_terminal)(_ATTRIBUTES if inside else _ASKED + _ATTRIBUTES))


def ask_terminal(question: str) -> bytes:
    """A terminal's answer, up to its device attributes; empty where there is nobody to ask, or no answer."""
    try:
        import termios
    except ImportError:
        return b""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return b""
    keyboard = sys.stdin.fileno()
    if _readable(keyboard, 0):  # somebody types: what they typed is not ours to read
        return b""
    before = termios.tcgetattr(keyboard)
    quiet = termios.tcgetattr(keyboard)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0
    try:
        termios.tcsetattr(keyboard, termios.TCSANOW, quiet)
        os.write(sys.stdout.fileno(), question.encode("ascii"))
        return _read_answer(keyboard)
    except OSError:
        return b""
    finally:
        termios.tcsetattr(keyboard, termios.TCSANOW, before)


def _read_answer(keyboard: int) -> bytes:
    answer = b""
    deadline = time.monotonic() + PATIENCE
    while len(answer) < _MOST and not _ANSWERED.search(answer):
        if not _readable(keyboard, deadline - time.monotonic()):
            return b""
        answer += os.read(keyboard, 1)  # a byte at a time: what follows the answer is the next prompt's
    return answer


def _readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], max(seconds, 0))[0])
