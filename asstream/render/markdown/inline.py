"""The text of one block: emphasis, code, links, line by line and word by word as it streams.

Knows markdown-it-py, which reads the pieces. The text is cut into pieces at blanks behind which nothing that
follows can change what came before: no emphasis, code or link is open. A piece that stays open for longer
than `LONGEST` characters is cut all the same, so that a lone asterisk does not hold up a reply. Where it is
cut depends on the text alone, not on how it came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from asstream.render.clean import clean
from asstream.render.markdown.flow import CLOSING, OPENING
from asstream.render.markdown.links import safe_href, target_shown
from asstream.render.markdown.runs import Run, add, behind, text_of
from asstream.render.marks import BEGINS, Marks
from asstream.render.widths import WIDE

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

LONGEST = 1000
"""Characters after which an open construct is what it looks like: text."""

_BELIEVED = 300
"""Characters for which what has begun is shown as if it went on."""

_READS = 8
"""How often an open piece is read at will; from then on only when it has grown by a quarter, so that marks
without an end cost no more than others."""

_MARKS = re.compile(r"[\\`*_~\[\]!<&]|\$\$|https?:")
"""What may be more than the characters that it is made of."""
_CUT = re.compile(rf"[ \t\n]+|(?![{OPENING}])[{WIDE}](?=[^{CLOSING}\u0300-\u036f\u3099\u309a])")
_TRAILING = re.compile(r"[\\`*_~\[!<&]+\Z|\]\([^()\s]*(?:[ \t]+[\"'(][^\"')\n]*)?\Z")
"""What is not shown before it is known what it begins."""
_OPEN_TARGET = re.compile(r"\]\([ \t]*[^()\s]*(?:[ \t]+(?:\"[^\"]*|'[^']*|\([^)]*)?)?\Z")
_URL = re.compile(r"https?://[^\s<>\"'`|\\]*[^\s<>\"'`|\\.,;:!?)\]}*_~]")
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)

_LIGHT = " \t\n\\`*_~[]!<&$"
_FORMULAS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_FORMULA_MARKS = ("\\(", "\\)", "\\[", "\\]")
"""In Markdown these are mere brackets; models mean formulas."""

STYLES = {
    "strong": "bold",
    "em": "italic",
    "s": "strike",
    "link": "underline",
    "code": "cyan",
}


class Inline:
    """One block's text: `feed` its pieces, `force` at its end.

    Args:
        style: the style of the text itself.
        longest: characters after which an open construct is text, if that is less than `LONGEST`.
        links: whether the terminal has links.
    """

    def __init__(self, style: str = "", longest: int = LONGEST, links: bool = True) -> None:
        self._links = links
        self._style = style
        self._longest = min(longest, LONGEST)
        self._open = ""
        """The piece that has begun."""
        self._seen = 0
        """Up to where its blanks were looked at."""
        self._news = True
        """Whether there is a mark in it behind the place up to which it was read."""
        self._reads = self._read = 0
        """How often it was read, and up to where."""
        self._passed = ""
        """What stands for good already of the open piece."""
        self._shown: tuple[str, list[Run], bool] = ("", [], False)
        """The open piece as it was shown last, its runs, and whether plain text goes on in the last."""
        self._looked = 0
        """How long it was when it was read in order to be shown."""

    @property
    def settled(self) -> bool:
        """Whether no piece is open."""
        return not self._open.strip()

    def feed(self, text: str) -> list[Run]:
        """The runs of what can't change any more."""
        self._open += text
        done: list[Run] = []
        while self._open:
            mark = _MARKS.search(self._open)
            if mark is None:
                cut = self._last_cut(len(self._open))
            elif self._seen <= mark.start():
                cut = self._last_cut(mark.start())
            else:
                cut = 0
            if cut:
                self._take(cut, done, plain=True)
                continue
            if mark is None and len(self._open) < 2 * self._longest:
                break
            if mark is None:
                self._take(2 * self._longest, done, plain=True)
                continue
            cut = self._cut_behind(mark.start())
            if not cut:
                break
            self._take(cut, done)
        return done

    def force(self) -> list[Run]:
        """The runs of the open piece, now that nothing follows it."""
        done: list[Run] = []
        if self._open:
            self._take(len(self._open), done)
        return done

    def pass_over(self) -> None:
        """What is open as it looks by now stands for good: only what is not shown of it is given out."""
        self._passed = text_of(self.open())

    def open(self) -> list[Run]:
        """The runs of the open piece as it looks by now: what has begun is shown as if it ended here."""
        text = self._open
        if _MARKS.search(text) is None:
            return [Run(text, self._style)] if text else []
        before, runs, goes_on = self._shown
        if goes_on and text.startswith(before) and _MARKS.search(text, max(len(before) - 6, 0)) is None:
            runs = [*runs[:-1], runs[-1]._replace(text=runs[-1].text + text[len(before) :])]
        elif runs and _BELIEVED < len(text) < self._looked * 5 // 4:
            add(runs := [*runs], Run(text[len(before) :], self._style))
        else:
            runs, self._looked = self._optimistic(text), len(text)
            goes_on = bool(runs) and not (runs[-1].href or _TRAILING.search(text) or text[-1].isspace())
        self._shown = (text, runs, goes_on)
        return runs

    # where pieces end

    def _last_cut(self, end: int) -> int:
        """The end of the last blanks before `end` behind which more text stands already."""
        last = 0
        for match in _CUT.finditer(self._open, 0, end):
            if match.end() < len(self._open) or _is_whole(match[0]):
                last = match.end()
        return min(last, end)

    def _cut_behind(self, first: int) -> int:
        """Where the piece that has a mark at `first` ends; 0 while it is not known."""
        for match in _CUT.finditer(self._open, max(self._seen, first)):
            end = match.end()
            if end == len(self._open) and not _is_whole(match[0]):
                break
            self._news = self._news or _MARKS.search(self._open, self._seen, end) is not None
            self._seen = end
            if end >= self._longest:
                return end
            if self._news and self._is_worth_reading(end):
                self._news = False
                if not is_open(self._open[:end].rstrip(" \t\n")):
                    return end
        return 2 * self._longest if len(self._open) > 2 * self._longest else 0

    def _is_worth_reading(self, end: int) -> bool:
        if self._reads >= _READS and end < self._read * 5 // 4:
            return False
        self._reads, self._read = self._reads + 1, end
        return True

    def _take(self, length: int, done: list[Run], *, plain: bool = False) -> None:
        piece, self._open = self._open[:length], self._open[length:]
        self._seen, self._news, self._reads, self._read = 0, True, 0, 0
        self._shown, self._looked = ("", [], False), 0
        runs = [Run(piece, self._style)] if plain else read(piece, self._style, self._links)
        if self._passed:
            runs, self._passed = _behind_shown(runs, self._passed)
        for run in runs:
            add(done, run)

    def _optimistic(self, text: str) -> list[Run]:
        shown = _TRAILING.sub(lambda m: "]" if m[0].startswith("](") else "", text)
        body = shown.rstrip(" \t\n")
        closers = _closers(body) if len(body) <= _BELIEVED else ""
        runs = read(body + closers, self._style, self._links)
        if blank := shown[len(body) :]:
            add(runs, Run(blank, runs[-1].style if runs else self._style))
        return runs


def _behind_shown(runs: list[Run], shown: str) -> tuple[list[Run], str]:
    """What runs have behind a text, and what of that text is longer; marks and blanks do not count."""
    text = text_of(runs)
    at = place = 0
    while at < len(text) and place < len(shown):
        if text[at] == shown[place]:
            at += 1
            place += 1
        elif shown[place] in _LIGHT:
            place += 1
        elif text[at] in _LIGHT:
            at += 1
        else:
            return behind(runs, at), ""
    return behind(runs, at), shown[place:]


def _is_whole(cut: str) -> bool:
    """Whether no more blanks may follow those at the end of what has come."""
    return not cut.isspace() or cut.endswith("\n")


def read(text: str, style: str = "", links: bool = True) -> list[Run]:
    """The runs of a whole piece of text; line breaks are in them as newlines."""
    body = text.rstrip(" \t\n")
    runs: list[Run] = []
    if body:
        for run in _runs(_tokens(body)[0], style, links):
            add(runs, run)
    if blank := text[len(body) :]:
        if "\n" in blank:
            blank = "\n" * blank.count("\n")
            if body.endswith("\\") and runs and runs[-1].text.endswith("\\"):  # a hard line break
                runs[-1] = runs[-1]._replace(text=runs[-1].text[:-1])
        add(runs, Run(blank, style))
    return [run for run in runs if run.text]


def is_open(text: str) -> bool:
    """Whether what follows may change how the text is read."""
    tokens, unmatched = _tokens(text)
    if unmatched:
        return True
    literal = "".join(token.content if token.type == "text" else "\0" for token in tokens)
    if any(token.markup in _FORMULAS for token in tokens) or literal.count("$$") % 2:
        return True
    return "`" in literal or _depth(literal) > 0 or _OPEN_TARGET.search(literal) is not None


def _depth(literal: str) -> int:
    """How many square brackets are open at the end of a text."""
    depth = 0
    for char in literal:
        if char == "[":
            depth += 1
        elif char == "]" and depth:
            depth -= 1
    return depth


def _closers(text: str) -> str:
    """What ends all that has begun in a text, so far as that can be told."""
    tokens, unmatched = _tokens(text)
    code = re.search(r"`+", "".join(token.content for token in tokens if token.type == "text"))
    closers = code[0] if code else ""
    if code:
        _, unmatched = _tokens(text + closers)
    closers += "".join(reversed(unmatched))
    return closers if closers and not _tokens(text + closers)[1] else ""


def _tokens(text: str) -> tuple[Sequence[Token], list[str]]:
    """The tokens of a text, and the marks of emphasis that nothing closes."""
    from markdown_it.rules_inline import StateInline

    parser = _parser()
    tokens: list[Token] = []
    state = StateInline(text, parser, {}, tokens)
    parser.inline.tokenize(state)
    for rule in parser.inline.ruler2.getRules(""):
        rule(state)
    unmatched = [
        chr(mark.marker) * (2 if mark.marker == 0x7E else 1)
        for mark in state.delimiters
        if mark.open and mark.end < 0
    ]
    return state.tokens, unmatched


def _runs(tokens: Sequence[Token], style: str, links: bool) -> list[Run]:
    runs: list[Run] = []
    styles = [style] if style else []
    href = target = label = ""
    for token in tokens:
        kind, _, part = token.type.rpartition("_")
        if part == "open":
            styles.append(STYLES.get(kind, ""))
            if kind == "link":
                target = str(token.attrs.get("href", ""))
                href, label = safe_href(target), ""
        elif part == "close":
            if kind == "link":
                if shown := target_shown(target, label, links):
                    runs.append(Run(shown, "dim", href))
                href = ""
            styles.pop()
        else:
            for text, own in _leaf(token):
                label += text
                joined = " ".join(filter(None, [*styles, own]))
                runs += _linked(text, joined, href) if token.type == "text" else [Run(text, joined, href)]
            if token.type == "image" and not href:
                runs[-1:] = _picture(runs[-1], str(token.attrs.get("src", "")), links)
    return runs


def _leaf(token: Token) -> list[tuple[str, str]]:
    if token.type in ("softbreak", "hardbreak"):
        return [("\n", "")]
    text = token.markup if token.markup in _FORMULA_MARKS else token.content
    if not (text.isascii() and text.isprintable()):
        text = clean(text)
    if BEGINS in text:  # what looks like a link and is none
        text = Marks().all(text)
    if token.type == "code_inline":
        return [(text, STYLES["code"])]
    if token.type == "image":
        return [(text or "image", "italic")]
    return [(text, "")]


def _picture(run: Run, source: str, links: bool) -> list[Run]:
    """A picture leads to where it is; its run has what is said in its place."""
    led = run._replace(href=safe_href(source))
    shown = target_shown(source, run.text, links)
    return [led, Run(shown, "dim", led.href)] if shown else [led]


def _linked(text: str, style: str, href: str) -> list[Run]:
    """A text in which addresses are links, and `<br>` is a new line."""
    if "<" in text:
        text = _BREAK.sub("\n", text)
    if href or "://" not in text:
        return [Run(text, style, href)]
    runs: list[Run] = []
    at = 0
    for match in _URL.finditer(text):
        url = match[0] + _brackets_behind(match[0], text[match.end() :])
        runs.append(Run(text[at : match.start()], style))
        runs.append(Run(url, f"{style} {STYLES['link']}".strip(), safe_href(url)))
        at = match.start() + len(url)
    return [*runs, Run(text[at:], style)]


def _brackets_behind(url: str, rest: str) -> str:
    """The brackets behind an address that close some in it."""
    opened = url.count("(") - url.count(")")
    closing = len(rest) - len(rest.lstrip(")"))
    return ")" * max(min(opened, closing), 0)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Tags stay what they are: text. Entities are read; what they stand for is cleaned again.
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").disable(["html_inline"])
    parser.inline.ruler.before("escape", "formula", _formula)
    return parser


def _formula(state: StateInline, silent: bool) -> bool:
    """A formula is shown as it is written: what is in it means nothing else."""
    begin = state.src[state.pos : state.pos + 2]
    end = state.src.find(_FORMULAS[begin], state.pos + 2) if begin in _FORMULAS else -1
    if end < 0:
        return False
    if not silent:
        state.push("formula", "", 0).content = state.src[state.pos : end + 2]
    state.pos = end + 2
    return True
