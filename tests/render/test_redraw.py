"""What is left of lines that were drawn again and again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.render.redraw import collapse, redrawn

CASES = {
    "10%\r20%\r100%": "100%",
    "\r 10%\r 20%\nend": " 20%\nend",
    "bar\r   \rdone": "done",
    "longer\rshort": "short",
    "last\r": "last",
    "\r": "",
    "a\nb": "a\nb",
}


@pytest.mark.parametrize("text", CASES)
def test_the_last_drawing_stays(text: str) -> None:
    assert collapse(text) == CASES[text]


@given(st.text(st.sampled_from("ab\r"), max_size=20), st.integers(0, 20))
def test_the_cut_makes_no_difference(text: str, cut: int) -> None:
    line, returned = redrawn("", False, text[:cut])
    assert redrawn(line, returned, text[cut:]) == redrawn("", False, text)
