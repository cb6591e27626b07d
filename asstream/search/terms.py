"""The words of a text as they are indexed and searched for. Pure.

SQLite's tokenizer takes runs of letters as words. It is helped in two cases: names of programs are also
indexed by their parts (`parseHTTPRequest`, `max_tokens`), and scripts that put no space between words
(Chinese, Japanese, Thai, …) by pairs of neighbouring characters.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Final

_SPACELESS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_RUN: Final = re.compile(f"[{_SPACELESS}]+")
_NAME: Final = re.compile(r"[A-Za-z]+[a-z][A-Z][A-Za-z]*|[A-Z]+[A-Z][a-z][A-Za-z]*")
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def indexable(text: str) -> str:
    """What is indexed of a text."""
    if not text.isascii():
        text = _RUN.sub(lambda run: f" {' '.join(_pairs(run.group()))} ", text)
    parts = [part for name in set(_NAME.findall(text)) for part in _PART.findall(name)]
    return f"{text} {' '.join(parts)}" if parts else text


def _pairs(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
    for first, second in itertools.pairwise(run):
        yield first + second
