"""What is left of lines that were drawn again and again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.render.redraw import collapse, redrawn
from asstream.runtime.records import _last_drawn

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


@given(st.text(st.sampled_from("ab\r\n"), max_size=20))
def test_the_model_is_told_what_a_person_sees(text: str) -> None:
    # The runtime must not import what draws: the rule stands there a second time.
    assert _last_drawn(text) == collapse(text)
