"""What stands in paragraphs is what markdown-it-py makes of the whole paragraph, text and styles.

Left out are what the modules say is different: formulas (in Markdown, mere brackets), `<br>`, bare addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from asstream.render.clean import clean
from asstream.render.markdown import inline as reader
from asstream.render.markdown.inline import STYLES, Inline
from asstream.render.markdown.links import target_shown
from asstream.render.markdown.runs import Run
from tests.render.markdown.replies import deltas
from tests.render.markdown.showing import CORPUS, reply

PARSER = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").disable("reference")


def paragraphs(name: str) -> Iterator[str]:
    """The texts of the paragraphs, headings and items of a reply."""
    for token in PARSER.parse(clean(reply(name))):
        if token.type == "inline" and not any(mark in token.content for mark in ("\\(", "\\[", "$$", "<br")):
            yield token.content


def theirs(text: str) -> list[tuple[str, str]]:
    """Each character and its styles, as markdown-it-py reads the text; blanks have none."""
    found: list[tuple[str, str]] = []
    open_styles: list[str] = []
    target, label = "", ""
    for token in PARSER.parseInline(text)[0].children or []:
        kind, _, part = token.type.rpartition("_")
        if part == "open":
            open_styles.append(STYLES[kind])
            if kind == "link":
                target, label = str(token.attrs["href"]), ""
        elif part == "close":
            open_styles.pop()
            if kind == "link":
                found += [(char, "dim") for char in target_shown(target, label)]
        else:
            content = {"softbreak": "\n", "hardbreak": "\n"}.get(token.type, token.content)
            own = {"code_inline": [STYLES["code"]], "image": ["italic"]}.get(token.type, [])
            label += content
            if token.type == "image":
                content = content or "image"
            found += [(char, " ".join(sorted([*open_styles, *own]))) for char in clean(content)]
            if token.type == "image" and "link" not in kind and STYLES["link"] not in open_styles:
                found += [(char, "dim") for char in target_shown(str(token.attrs["src"]), content)]
    return [pair for pair in found if not pair[0].isspace()]


def ours(pieces: list[str]) -> list[tuple[str, str]]:
    inline = Inline()
    runs: list[Run] = []
    for piece in pieces:
        runs += inline.feed(piece)
    runs += inline.force()
    pairs = [(char, " ".join(sorted(run.style.split()))) for run in runs for char in run.text]
    return [pair for pair in pairs if not pair[0].isspace()]


def without_bare_addresses(pairs: list[tuple[str, str]], text: str) -> list[tuple[str, str]]:
    """Bare addresses are links with us: where a text has some, underlines do not count."""
    if "://" not in text:
        return pairs
    return [(char, " ".join(part for part in style.split() if part != "underline")) for char, style in pairs]


@pytest.mark.parametrize("name", CORPUS)
def test_as_markdown_it_reads_the_whole(name: str) -> None:
    for text in paragraphs(name):
        for pieces in ([text], list(text), [text[:7], text[7:]]):
            got, wanted = (
                without_bare_addresses(ours(pieces), text),
                without_bare_addresses(theirs(text), text),
            )
            assert got == wanted, text


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        (
            "see https://example.com/a_(b), or (https://example.com/c).",
            ["https://example.com/a_(b)", "https://example.com/c"],
        ),
        ("https://example.com/*x* and `https://example.com`", ["https://example.com/"]),
        ("http://a.b/c?d=e&f=g#h!", ["http://a.b/c?d=e&f=g#h"]),
        ("**https://a.b**", ["https://a.b"]),
    ],
)
def test_bare_addresses_are_links(text: str, addresses: list[str]) -> None:
    inline = Inline()
    assert [run.href for run in [*inline.feed(text), *inline.force()] if run.href] == addresses


@pytest.mark.parametrize("text", ["\\( a*b*c \\)", "\\[ x_1 + y_1 \\]", "$$ a_b_c `d` $$"])
def test_formulas_stay_as_they_are_written(text: str) -> None:
    assert "".join(char for char, _ in ours([text])) == text.replace(" ", "")
    assert {style for _, style in ours(list(text))} == {""}


def test_what_has_begun_is_shown_as_if_it_went_on() -> None:
    inline = Inline()
    inline.feed("a ")
    for piece, shown in [
        ("**", []),
        ("bo", [("bo", "bold")]),
        ("ld *a", [("bold ", "bold"), ("a", "bold italic")]),
    ]:
        done = inline.feed(piece)
        assert [(run.text, run.style) for run in inline.open() if run.text.strip()] == shown
        assert not done or done == [Run("a ")]


@pytest.mark.parametrize(
    "mark", ["\\[ x ", "\\( x ", "[x ", "![x ", "**x ", "*x", "_x ", "~~x ", "`x", "](x "]
)
def test_marks_that_nothing_closes_are_not_read_again_and_again(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    tokens = reader._tokens

    def counted(text: str) -> tuple[Sequence[Token], list[str]]:
        read.append(len(text))
        return tokens(text)

    monkeypatch.setattr(reader, "_tokens", counted)
    text = mark * (5000 // len(mark))
    inline = Inline()
    for piece in deltas(text):
        inline.feed(piece)
        inline.open()
    assert sum(read) < 60 * len(text)
