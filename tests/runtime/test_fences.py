"""Fenced Python in streamed text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.runtime.fences import Fences

REPLIES = [
    ("Just text.\n\nMore.", "Just text.\n\nMore.", None),
    ("Here:\n\n```python\nprint(1)\nx\n```\nIt is 1.", "Here:", "print(1)\nx"),
    ("```py\nprint(1)\n```", "", "print(1)"),
    ("``` Python title\nprint(1)\n\n\n```\n", "", "print(1)\n\n"),
    ("~~~python\nprint('```')\n~~~", "", "print('```')"),
    ("1. So:\n   ```python\n   if x:\n       y\n   ```", "1. So:", "if x:\n    y"),
    ("```python\nprint(1)", "", "print(1)"),
    ("```python\nprint(1)\n``", "", "print(1)"),
    ("```python\r\nx = 1\r\n```\r\n", "", "x = 1"),
    ("```bash\nls\n```\n```python\nx\n```", "```bash\nls\n```", "x"),
    ("````markdown\n```python\nx\n```\n````\nDone.", "````markdown\n```python\nx\n```\n````\nDone.", None),
    ("Use `x` and ```y``` here.", "Use `x` and ```y``` here.", None),
    ("```\nplain\n```", "```\nplain\n```", None),
    ("```pythonic\nx\n```", "```pythonic\nx\n```", None),
    ("A\n``", "A\n``", None),
    ("```python\n```", "", ""),
]


def read(pieces: list[str]) -> tuple[str, str | None, bool]:
    fences = Fences()
    found = [piece for each in pieces for piece in fences.feed(each)] + list(fences.end())
    text = "".join(piece.text for piece in found if piece.kind == "text")
    code = "".join(piece.text for piece in found if piece.kind == "code")
    return text, code if fences.in_code else None, fences.closed


@pytest.mark.parametrize(("reply", "text", "code"), REPLIES)
def test_the_first_block_of_python_is_found_wherever_the_reply_is_cut(
    reply: str, text: str, code: str | None
) -> None:
    for size in range(1, len(reply) + 1):
        pieces = [reply[at : at + size] for at in range(0, len(reply), size)]
        assert read(pieces)[:2] == (text, code), size


def test_a_closed_block_is_the_end_of_what_is_looked_at() -> None:
    assert read(["```python\nx\n```\n", "more ```python\ny\n```"]) == ("", "x", True)


def test_code_is_given_out_before_its_line_ends() -> None:
    fences = Fences()
    assert [
        [p.text for p in fences.feed(each)] for each in ("```python\npri", "nt(", "1)\n", "x", "\n``")
    ] == [
        ["pri"],
        ["nt("],
        ["1)"],
        ["\nx"],
        [],
    ]


@given(st.lists(st.text("`~pythony \nx") | st.sampled_from(["```python\n", "\n```\n", "```"])))
def test_cuts_change_nothing(pieces: list[str]) -> None:
    assert read(pieces) == read(["".join(pieces)])
