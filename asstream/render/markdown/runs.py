"""Runs: pieces of text in one style; a row is a tuple of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from asstream.render.widths import most_cells


class Run(NamedTuple):
    """A piece of text (never empty in a row), its Rich style, and where it leads if it is a link."""

    text: str
    style: str = ""
    href: str = ""


Row = tuple[Run, ...]
"""What stands on one row of the screen."""


Highlight = Callable[[str], Iterable[tuple[int, int, str]]]
"""The text of a row → where styles of its own begin and end there, and which."""


def text_of(runs: Iterable[Run]) -> str:
    """The characters alone."""
    return "".join(run.text for run in runs)


def cells_of(runs: Iterable[Run]) -> int:
    """The most cells that a terminal gives to the runs."""
    return sum(most_cells(run.text) for run in runs)


def add(runs: list[Run], run: Run) -> None:
    """Put a run behind others; where it looks like the last, they become one."""
    if runs and runs[-1][1:] == run[1:]:
        runs[-1] = Run(runs[-1].text + run.text, run.style, run.href)
    elif run.text:
        runs.append(run)


def behind(runs: Iterable[Run], length: int) -> list[Run]:
    """The runs without their first `length` characters."""
    rest: list[Run] = []
    for run in runs:
        if length < len(run.text):
            rest.append(run._replace(text=run.text[length:]) if length else run)
            length = 0
        else:
            length -= len(run.text)
    return rest


def alike(one: Iterable[Run], other: Iterable[Run]) -> int:
    """How many characters from the beginning are the same and look the same."""
    same = 0
    for a, b in zip(one, other, strict=False):
        if a == b:
            same += len(a.text)
            continue
        if a[1:] == b[1:]:
            same += _common(a.text, b.text)
        break
    return same


def trimmed(runs: Iterable[Run]) -> Row:
    """A row without the blanks at its end."""
    kept = [run for run in runs if run.text]
    while kept:
        text = kept[-1].text.rstrip(" ")
        if text:
            kept[-1] = kept[-1]._replace(text=text)
            break
        kept.pop()
    return tuple(kept)


def _common(one: str, other: str) -> int:
    if other.startswith(one):
        return len(one)
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def highlighted(row: Row, highlight: Highlight) -> Row:
    """A row with styles put over those that it has."""
    for begin, end, style in highlight(text_of(row)):
        over: list[Run] = []
        at = 0
        for run in row:
            first, last = (min(max(place - at, 0), len(run.text)) for place in (begin, end))
            add(over, run._replace(text=run.text[:first]))
            add(over, Run(run.text[first:last], f"{run.style} {style}".strip(), run.href))
            add(over, run._replace(text=run.text[max(first, last) :]))
            at += len(run.text)
        row = tuple(over)
    return row
