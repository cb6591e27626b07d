"""Tracebacks stand out of what code printed, in Python's shape and in IPython's."""

from __future__ import annotations

from asstream.render.logs import LogStyler

PYTHON = """before
Traceback (most recent call last):
  File "<stdin>", line 1, in <module>
    1 / 0
    ~~^~~
ZeroDivisionError: division by zero
after: all well"""
IPYTHON = """before
---------------------------------------------------------------------------
ZeroDivisionError                         Traceback (most recent call last)
Cell In[1], line 2
      1 x = 1
----> 2 x / 0

ZeroDivisionError: division by zero
after"""


def styles(text: str) -> list[str]:
    """The style in which each line begins."""
    styler = LogStyler()
    return [styler.line(line)[0][1] for line in text.split("\n")]


def test_pythons_own() -> None:
    assert styles(PYTHON) == ["", "red", "dim", "dim", "bold", "bold red", ""]


def test_ipythons() -> None:
    assert styles(IPYTHON) == ["", "red", "red", "dim", "dim", "bold", "dim", "bold red", ""]


def test_no_character_is_lost() -> None:
    styler = LogStyler()
    assert "\n".join("".join(t for t, _ in styler.line(line)) for line in IPYTHON.split("\n")) == IPYTHON
