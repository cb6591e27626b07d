"""Replies in tmux, written by a program of their own: what pyte and our own terminal may be wrong about."""

from __future__ import annotations

import random
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.render.markdown.multiplexer import played
from tests.render.markdown.replies import MARK, Author
from tests.render.markdown.showing import CORPUS
from tests.render.markdown.test_resize import squeezed

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
NAMES = [
    "06_quotes",
    "08_table_wide",
    "10_table_long",
    "13_fences_languages",
    "19_cjk",
    "29_emphasis",
    "33_mixed_explanation",
    "36_code_verbatim",
]
JOINED = (
    "Family: 👨‍👩‍👧‍👦 flag 🏳️‍🌈 skin 👍🏽 sign ⚠️ keycap 1️⃣ done.\n\n"
    "| a 👩‍💻 | b |\n|---|---|\n| ❤️ x | y |\n| 🇫🇷 | 👨‍👩‍👧 |\n\nEnd 👩‍🚀 of it.\n"
)
"""Emoji whose cells terminals disagree about."""


@pytest.mark.parametrize("name", NAMES)
def test_piece_by_piece_as_in_one_piece(name: str) -> None:
    columns, rows = [(80, 24), (200, 50)][NAMES.index(name) % 2]
    with played(CORPUS[name], 0, columns, rows, 100_000) as whole:
        whole.wait()
        wanted = whole.lines()
    with played(CORPUS[name], 0.003, columns, rows) as tmux:
        tmux.wait()
        assert tmux.lines() == wanted


def plain(line: str) -> str:
    """A line without its emoji: which of them tmux joins depends on how they come, whoever writes them."""
    return " ".join(re.sub(r"[^ -~│─┼]", "", line).split())


def test_emoji_that_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "reply.md"
    path.write_text(JOINED * 8, encoding="utf-8")
    with played(path, 0, 40, 20, 100_000) as whole:
        whole.wait()
        wanted = whole.lines()
    with played(path, 0.002, 40, 20, 1) as tmux:
        tmux.wait()
        assert list(map(plain, tmux.lines())) == list(map(plain, wanted))
    assert sum(line.count("done.") for line in wanted) == sum(line.count("of it.") for line in wanted) == 8


@pytest.mark.parametrize("kind", ["mixed", "code", "table", "para"])
def test_resized_three_times_in_mid_stream(kind: str, tmp_path: Path) -> None:
    chance = random.Random(kind)
    text = Author(5).reply(kind, 4000)
    path = tmp_path / "reply.md"
    path.write_text(text, encoding="utf-8")
    with played(path, 0.002, 80, 24) as tmux:
        for columns, rows in [(200, 50), (61, 30), (100, 26)]:
            before = len(tmux.lines())
            while not tmux.has_ended and len(tmux.lines()) < before + chance.randint(3, 12):
                time.sleep(0.01)
            assert not tmux.has_ended, "the reply is too short for three resizes"
            tmux.resize(columns, rows)
        tmux.wait()
        found = MARK.findall(squeezed(tmux.lines()))
    assert found == MARK.findall(text)
