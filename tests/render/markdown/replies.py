"""Replies of any length, of one kind of block or mixed, with a mark such as `m00042z` every few words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from itertools import count

KINDS = ("mixed", "code", "list", "table", "para")
MARK = re.compile(r"m\d{5}z")
_WORDS = [
    *(
        "the",
        "of",
        "model",
        "stream",
        "answer",
        "thread",
        "delta",
        "token",
        "assistant",
        "render",
        "terminal",
    ),
    *(
        "cursor",
        "buffer",
        "window",
        "scroll",
        "value",
        "latency",
        "frame",
        "parser",
        "list",
        "table",
        "column",
    ),
    *("border", "highlight", "prompt", "history", "input", "output", "error", "retry", "session"),
]


class Author:
    """Writes replies; the same for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._count = count(1)

    def reply(self, kind: str, length: int) -> str:
        """A reply of at least so many characters: blocks of all kinds, or one block without an end."""
        before, blocks, behind = {
            "mixed": (f"# Answer {self.mark()}\n\n", self._mixed(), ""),
            "code": ("```python\n", self._endless(self._code_line), "```\n"),
            "list": ("", self._endless(lambda: f"- {self.words(9)} {self.mark()}\n"), ""),
            "table": ("| Name | Value | Note |\n|:--|--:|:-:|\n", self._endless(self._row), ""),
            "para": ("", self._endless(lambda: f"{self.words(20)} {self.mark()}\n"), "\n"),
        }[kind]
        text = before
        while len(text) < length:
            text += next(blocks)
        return text + behind

    def mark(self) -> str:
        return f"m{next(self._count):05}z"

    def words(self, number: int) -> str:
        """So many words, some of them in a style, every seventh a mark."""
        return " ".join(self._styled(n) for n in range(number))

    def _styled(self, place: int) -> str:
        if place % 7 == 6:
            return self.mark()
        word = self._random.choice(_WORDS)
        styles = (f"**{word}**", f"*{word}*", f"`{word}`", f"[{word}](https://example.com/{word})")
        return self._random.choice(styles) if self._random.random() < 0.12 else word

    def _endless(self, line: Callable[[], str]) -> Iterator[str]:
        while True:
            yield line()

    def _mixed(self) -> Iterator[str]:
        blocks = (
            self._paragraph,
            self._paragraph,
            self._items,
            self._numbers,
            self._table,
            self._code,
            self._quote,
        )
        while True:
            yield f"## {self.words(3)} {self.mark()}\n\n"
            for block in self._random.sample(blocks, 4):
                yield block() + "\n"

    def _paragraph(self) -> str:
        return f"{self.words(self._random.randint(30, 90))} {self.mark()}.\n"

    def _items(self) -> str:
        return "".join(
            f"{'  ' * (n % 3 == 2)}- {self.words(self._random.randint(4, 14))}\n" for n in range(6)
        )

    def _numbers(self) -> str:
        return "".join(f"{n}. {self.words(9)} {self.mark()}\n" for n in range(1, 5))

    def _row(self) -> str:
        return f"| {self.mark()} | {self._random.randint(1, 9999)} | {self._random.choice(_WORDS)} |\n"

    def _table(self) -> str:
        return "| Name | Value | Note |\n|:-----|------:|:----:|\n" + "".join(self._row() for _ in range(6))

    def _code_line(self) -> str:
        word = self._random.choice(_WORDS)
        return f"def {self.mark()}(x, y={self._random.randint(1, 99)}): return x + y  # {word}\n"

    def _code(self) -> str:
        return (
            "```python\n" + "".join(self._code_line() for _ in range(self._random.randint(8, 20))) + "```\n"
        )

    def _quote(self) -> str:
        return "".join(f"> {self.words(8)} {self.mark()}\n" for _ in range(3))


def deltas(text: str, seed: int = 11) -> list[str]:
    """A text in pieces of about four characters, as models' tokens are."""
    sizes = random.Random(seed)
    pieces, at = [], 0
    while at < len(text):
        size = sizes.choice((2, 3, 4, 4, 4, 5, 6))
        pieces.append(text[at : at + size])
        at += size
    return pieces
