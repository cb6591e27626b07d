"""How many cells text takes: at most, in any terminal. Knows rich's tables of widths.

Terminals disagree about emoji that are joined, coloured or made of flags. Lines are broken where the widest
of them would run out of room, so that no terminal breaks one where we did not.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import get_character_cell_size

_SELECTOR = "\ufe0f"
"""Makes the character before it an emoji, which takes two cells where a terminal knows that."""

_SURE = re.compile(
    r"[ -~\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u2070-\u209c"
    r"\u2500-\u25fc\u3001-\u3029\u3041-\u3096\u30a1-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]*\Z"
)

WIDE = (
    r"\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f"
    r"\uff01-\uff60\U00020000-\U0003fffd"
)
"""The inside of a character class: scripts that are written without blanks, two cells each."""


def most_cells(text: str) -> int:
    """The most cells that a terminal gives to a text without tabs or control characters."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def sure(text: str) -> bool:
    """Whether all terminals agree about the cells of a text."""
    return text.isascii() or _SURE.match(text) is not None


@lru_cache(maxsize=4096)
def _cells(char: str) -> int:
    if char == _SELECTOR:
        return 1
    if "\U0001f1e6" <= char <= "\U0001f1ff":  # half a flag
        return 2
    return max(get_character_cell_size(char, "9.0.0"), get_character_cell_size(char, "latest"))
