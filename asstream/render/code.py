"""Code coloured line by line as it is written. Knows Pygments; each finished line is read once.

Pygments' lexers read whole texts; what lets one go on at the next line is the stack of its states, which
`ExtendedRegexLexer` keeps where it can be taken out and put back: so a string over many lines keeps its
colour, and a line costs the same after a thousand others as after none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from pygments.lexer import ExtendedRegexLexer, LexerContext, RegexLexer
from pygments.lexers.python import PythonLexer
from pygments.token import (
    Comment,
    Generic,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    String,
    Token,
    _TokenType,
)

from asstream.render.lines import Plain, Styler
from asstream.render.pen import Span

LONGEST = 4000
"""Characters of a line beyond which it stays plain: no person wrote it, and reading it takes long."""

STYLES: Mapping[_TokenType, str] = {
    Token: "",
    Comment: "dim",
    Generic.Deleted: "red",
    Generic.Heading: "bold",
    Generic.Inserted: "green",
    Generic.Subheading: "bold",
    Keyword: "magenta",
    Keyword.Constant: "cyan",
    Operator.Word: "magenta",
    Name.Attribute: "cyan",
    Name.Builtin: "cyan",
    Name.Builtin.Pseudo: "cyan",
    Name.Class: "blue",
    Name.Decorator: "yellow",
    Name.Exception: "red",
    Name.Function: "blue",
    Name.Tag: "blue",
    Number: "yellow",
    Literal.Date: "green",
    String: "green",
    String.Affix: "green",
    String.Escape: "yellow",
    String.Interpol: "yellow",
}
"""Token → style, out of the sixteen colours that a person has chosen for dark or light themselves."""


class _Lexer(Protocol):
    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]: ...


class _Stops(ExtendedRegexLexer):  # type: ignore[misc]
    """A lexer that can be stopped at a line's end, and read parts of a line with itself."""

    def get_tokens_unprocessed(
        self,
        text: str | None = None,
        context: LexerContext | None = None,
        stack: tuple[str, ...] | None = None,
    ) -> Iterator[tuple[int, _TokenType, str]]:
        if stack is not None:  # of a part: what `using(this, state=…)` asks for
            yield from RegexLexer.get_tokens_unprocessed(self, text, stack)
        else:
            yield from super().get_tokens_unprocessed(text, context)


class _ByLines:
    """A lexer of lines whose states are kept from line to line."""

    def __init__(self, lexer: type[RegexLexer]) -> None:
        self._lexer = type(f"Lines{lexer.__name__}", (_Stops, lexer), {})()
        self._states = ["root"]

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        context = LexerContext(text, 0, self._states)
        yield from self._lexer.get_tokens_unprocessed(context=context)
        self._states = context.stack


class CodeStyler:
    """Colours the lines of one piece of code, given in order and each once.

    Args:
        lexer: reads them; Python's when left out.
    """

    def __init__(self, lexer: _Lexer | None = None) -> None:
        self._lexer = lexer or _ByLines(PythonLexer)

    def line(self, text: str) -> list[Span]:
        """The spans of a line (without its newline); together they are the line."""
        if len(text) > LONGEST:
            return [(text, "")]
        try:
            tokens = [*self._lexer.get_tokens_unprocessed(text + "\n")]
        except Exception:  # one of Pygments' six hundred has a fault; that is no reason to lose the reply
            return [(text, "")]
        spans = [(value, style_of(token)) for _, token, value in tokens]
        if "".join(value for value, _ in spans) != text + "\n":  # a lexer that lost a character loses its say
            return [(text, "")]
        last, style = spans.pop()
        return _joined([*spans, (last[:-1], style)])


def styler_of(language: str) -> Styler:
    """What colours the lines of a language, by a name that people give it; plain where none is known."""
    if not language:
        return Plain()
    if language.lower() in ("python", "py", "python3"):
        return CodeStyler()
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return Plain()
    # One that reads in a way of its own can't be stopped at a line's end: each line is read for itself.
    if type(lexer).get_tokens_unprocessed is RegexLexer.get_tokens_unprocessed:
        return CodeStyler(_ByLines(type(lexer)))
    return CodeStyler(lexer)


def _joined(spans: list[Span]) -> list[Span]:
    """Spans of one style that follow each other as one; blanks take any style. None is empty."""
    joined: list[Span] = []
    for text, style in spans:
        if joined and (style == joined[-1][1] or text.isspace()):
            joined[-1] = (joined[-1][0] + text, joined[-1][1])
        elif text:
            joined.append((text, style))
    return joined


def style_of(token: _TokenType) -> str:
    """The style of a token, or of the nearest kind above it that has one."""
    while token not in STYLES and token.parent is not None:
        token = token.parent
    return STYLES.get(token, "")
