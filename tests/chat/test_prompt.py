"""The prompt in a real terminal, by itself."""

from __future__ import annotations

import os
import sys

import pytest

from tests.cli.terminal import ROOT, Terminal

PROGRAM = """
import time

from asstream.chat.opening import Opening
from asstream.chat.prompt import Prompt

def announce():
    print("announcing", flush=True)
    time.sleep(0.3)
    print("announced", flush=True)

try:
    print("line", Prompt(None).ask("", Opening(lambda: None), announce))
except EOFError:
    print("left")
"""


@pytest.mark.parametrize(("typed", "seen"), [("\x04", "left"), ("hello\r", "line hello")])
def test_keys_struck_while_the_header_is_printed_wait_for_the_prompt(typed: str, seen: str) -> None:
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    chat = Terminal([sys.executable, "-c", PROGRAM], environ)
    try:
        chat.wait_for("announcing")
        chat.type(typed)
        screen = chat.wait_for(seen, seconds=10)
        assert "announced" in screen
    finally:
        chat.close()
