"""Columns: aligned as a terminal shows them, harmless, cut only at a terminal."""

from __future__ import annotations

import sys

import pytest
from rich.cells import cell_len

from asstream.render.columns import columns

ROWS = [("ID", "TITLE", "BY"), ("1", "こんにちは", "a"), ("22", "hello", None)]


def test_wide_characters_count_as_a_terminal_shows_them() -> None:
    lines = columns(ROWS)
    assert lines == ["ID  TITLE       BY", "1   こんにちは  a", "22  hello"]
    assert cell_len(lines[0][: lines[0].index("BY")]) == cell_len(lines[1][: lines[1].index("a")])


def test_what_a_terminal_would_obey_and_line_ends_are_left_out() -> None:
    assert columns([("\x1b[31mred\x1b[0m", "one\ntwo")]) == ["red  one two"]


def test_a_line_is_cut_at_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "9")
    rows = [("1", "a long title"), ("2", "short")]
    assert columns(rows) == ["1  a long title", "2  short"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert columns(rows) == ["1  a lon…", "2  short"]


def test_the_widest_column_is_cut_and_not_what_stands_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    rows = [("thread_1234", "a title that goes on and on", "2026"), ("thread_5678", "short", "2027")]
    assert columns(rows) == ["thread_1234  a title th…  2026", "thread_5678  short        2027"]


def test_no_rows_are_no_lines() -> None:
    assert columns([]) == []
