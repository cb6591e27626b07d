"""Code coloured line by line is coloured as the whole would be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexers.python import PythonLexer
from pygments.token import String

from asstream.render.code import LONGEST, CodeStyler, style_of, styler_of

PROGRAM = '''import math as m
@decorator
def f(a, *, b=0x1F) -> str:
    """Doc
    over lines, 'with' "quotes"
    """
    x = f"""{a!r} and {
        b + 1
    } text"""
    try:
        return x if a is None else f'{b:>{a}}'  # comment
    except (ValueError, OSError) as error:
        raise RuntimeError("it\\n") from error
class C(Base):
    y = "unfinished
    z = 1j + 0b11 + 1_000.5e3
    print(self.y, end='')
s = \'\'\'one
two\'\'\' + r"raw\\d"
%matplotlib inline
!ls -l
'''


def styled(lines: list[str]) -> list[tuple[str, str]]:
    """Each character that is seen, with its style."""
    styler = CodeStyler()
    spans = [span for line in lines for span in styler.line(line)]
    return [(char, style) for text, style in spans for char in text if not char.isspace()]


def test_line_by_line_is_as_the_whole_at_once() -> None:
    whole = PythonLexer().get_tokens_unprocessed(PROGRAM)
    seen = [
        (char, style_of(String if token in String.Doc else token))
        for _, token, text in whole
        for char in text
        if not char.isspace()
    ]
    assert styled(PROGRAM.split("\n")) == seen


def test_a_string_over_lines_keeps_its_colour_and_gives_it_back() -> None:
    styler = CodeStyler()
    assert styler.line('x = """one')[-1] == ('"""one', "green")
    assert {style for _, style in styler.line("import two")} == {"green"}
    assert styler.line('"""; import three') == [
        ('"""', "green"),
        ("; ", ""),
        ("import ", "magenta"),
        ("three", ""),
    ]


@given(st.lists(st.text(st.characters(exclude_characters="\n")), max_size=8))
def test_no_character_is_lost_or_made(lines: list[str]) -> None:
    styler = CodeStyler()
    for line in lines:
        assert "".join(text for text, _ in styler.line(line)) == line


def test_a_line_beyond_measure_stays_plain() -> None:
    assert CodeStyler().line("import " * LONGEST) == [("import " * LONGEST, "")]


@pytest.mark.parametrize(
    "language",
    ["markdown", "html", "php", "vue", "rst", "kotlin", "sml", "csound", "rebol", "mime", "c++", "\n"],
)
def test_no_language_is_a_reason_to_fail(language: str) -> None:
    styler = styler_of(language)
    for line in ("```python", "x = '''", "<a href='x'>**b** `c` [d](e)</a>", "", "\t{{ f }} # é", "```"):
        assert "".join(text for text, _ in styler.line(line)) == line


def test_a_language_that_reads_parts_of_a_line_with_itself_has_colours() -> None:
    assert ("d", "blue") in styler_of("markdown").line("* item **b** [d](e)")
