"""The code in a call's arguments, as they stream in: an incremental reader of JSON. Pure.

Models mean `{"code": "…"}`. Also understood: another name for the key, a JSON string alone, and no JSON at
all but the bare code. A piece may end anywhere: inside an escape, between two surrogates, in a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

NAMES: Final = ("code", "input", "source", "script", "python", "python_code", "cmd", "command", "program")
"""Keys whose value is code; the first of them that comes is streamed. Other texts wait for the end."""

_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PLAIN: Final = re.compile(r'[^"\\]+')
_SPACE: Final = " \t\n\r"
_UNPAIRED: Final = "\ufffd"
"""What stands for half a surrogate pair: it is no character, and no code could be sent on with it."""


class CodeArguments:
    """Reads the code out of one call's arguments. `feed` and `end` give the code that is new."""

    def __init__(self) -> None:
        self._state: Callable[[str, int], int] = self._start
        self._raw: list[str] = []
        self._new: list[str] = []
        self._key: str | None = None
        self._source: str | None = None
        """The key whose value is the code; empty when all the arguments are."""
        self._others: list[str] = []
        self._depth = 0
        self._quoted = False
        self._text = _Text()

    def feed(self, piece: str) -> str:
        """The code in a further piece of the arguments."""
        self._raw.append(piece)
        at = 0
        while at < len(piece):
            at = self._state(piece, at)
        return self._take()

    def end(self) -> str:
        """What is left once all arguments came."""
        if self._state == self._string:
            self._finish_string()
        if self._source is None:
            self._new.append(self._unstreamed())
        return self._take()

    def _take(self) -> str:
        new, self._new = "".join(self._new), []
        return new

    def _unstreamed(self) -> str:
        """The code of arguments that none was streamed of."""
        raw = "".join(self._raw)
        if self._state != self._whole:
            return _lines(raw) or max(self._others, key=len, default="")
        try:
            text = json.loads(raw)
        except ValueError:
            return raw
        return _Text.whole(text) if isinstance(text, str) else raw

    def _start(self, piece: str, at: int) -> int:
        if piece[at] in _SPACE:
            return at + 1
        if piece[at] == "{":
            self._state = self._before_key
            return at + 1
        if piece[at] == '"':
            # A JSON string, or Python that begins with a string: the end tells.
            self._state = self._whole
            return len(piece)
        return self._go_bare(piece, at)

    def _whole(self, piece: str, at: int) -> int:
        return len(piece)

    def _go_bare(self, piece: str, at: int) -> int:
        """It is no JSON: all that came is code, unless some was given out already."""
        self._state = self._passed
        if self._source is None:
            self._source, self._state = "", self._bare
            self._new.append("".join(self._raw))
        return len(piece)

    def _bare(self, piece: str, at: int) -> int:
        self._new.append(piece[at:])
        return len(piece)

    def _passed(self, piece: str, at: int) -> int:
        return len(piece)

    def _before_key(self, piece: str, at: int) -> int:
        if piece[at] in _SPACE or piece[at] == ",":
            return at + 1
        if piece[at] == '"':
            self._state, self._key = self._string, None
            return at + 1
        if piece[at] == "}":
            self._state = self._passed
            return at + 1
        return self._go_bare(piece, at)

    def _after_key(self, piece: str, at: int) -> int:
        if piece[at] in _SPACE:
            return at + 1
        if piece[at] != ":":
            return self._go_bare(piece, at)
        self._state = self._before_value
        return at + 1

    def _before_value(self, piece: str, at: int) -> int:
        if piece[at] in _SPACE:
            return at + 1
        if piece[at] == '"':
            self._state = self._string
            return at + 1
        self._state, self._depth, self._quoted = self._other_value, 0, False
        return at

    def _other_value(self, piece: str, at: int) -> int:
        """A value that is no string: passed over."""
        ch = piece[at]
        if self._quoted:
            if ch == "\\":
                self._state = self._other_escape
            self._quoted = ch != '"'
        elif ch == '"':
            self._quoted = True
        elif ch in "[{":
            self._depth += 1
        elif ch in "]}" and self._depth:
            self._depth -= 1
        elif ch in ",}" and not self._depth:
            self._state = self._before_key
            return at
        return at + 1

    def _other_escape(self, piece: str, at: int) -> int:
        self._state = self._other_value
        return at + 1

    def _after_value(self, piece: str, at: int) -> int:
        if piece[at] in _SPACE:
            return at + 1
        if piece[at] in ",}":
            self._state = self._before_key
            return at
        return self._go_bare(piece, at)

    def _string(self, piece: str, at: int) -> int:
        at, closed = self._text.read(piece, at)
        if self._is_code:
            self._give(self._text.take())
        if closed:
            self._finish_string()
        return at

    def _finish_string(self) -> None:
        rest = self._text.finish()
        if self._key is None:
            self._key, self._state = rest.strip().lower(), self._after_key
            return
        self._state = self._after_value
        if self._is_code:
            self._give(rest)
        else:
            self._others.append(rest)

    @property
    def _is_code(self) -> bool:
        return self._key in NAMES and self._source in (None, self._key)

    def _give(self, code: str) -> None:
        if code:
            self._source = self._key
            self._new.append(code)


def _lines(raw: str) -> str:
    """The code of arguments that give it as a list of lines."""
    try:
        given = json.loads(raw)
    except ValueError:
        return ""
    named = given if isinstance(given, dict) else {}
    for lines in (named.get(name) for name in NAMES):
        if lines and isinstance(lines, list) and all(isinstance(line, str) for line in lines):
            return _Text.whole("\n".join(line.removesuffix("\n") for line in lines))
    return ""


class _Text:
    """The characters of one JSON string after another."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._escape = ""
        self._high = ""

    @classmethod
    def whole(cls, text: str) -> str:
        """A text that was read already, with halves of pairs put together or replaced as here."""
        one = cls()
        one._say(text)
        return one.finish()

    def read(self, piece: str, at: int) -> tuple[int, bool]:
        """Read on from `at`; where reading stopped, and whether the string was closed there."""
        while at < len(piece):
            if self._escape:
                at = self._read_escape(piece, at)
            elif piece[at] == '"':
                return at + 1, True
            elif piece[at] == "\\":
                self._escape, at = "\\", at + 1
            else:
                found = _PLAIN.match(piece, at)
                assert found is not None
                self._say(found[0])
                at = found.end()
        return at, False

    def _read_escape(self, piece: str, at: int) -> int:
        self._escape += piece[at]
        if self._escape[1] != "u":
            # `\\d` is no escape of JSON, but models write it: it means itself.
            self._say(_ESCAPES.get(self._escape[1], self._escape))
            self._escape = ""
        elif len(self._escape) > 2 and piece[at] not in "0123456789abcdefABCDEF":
            self._say(self._escape[:-1])
            self._escape = ""
            return at
        elif len(self._escape) == 6:
            self._say(chr(int(self._escape[2:], 16)))
            self._escape = ""
        return at + 1

    def _say(self, text: str) -> None:
        for ch in text:
            if self._high:
                high, self._high = self._high, ""
                if "\udc00" <= ch <= "\udfff":
                    self._said.append(chr((ord(high) - 0xD800 << 10) + ord(ch) - 0xDC00 + 0x10000))
                    continue
                self._said.append(_UNPAIRED)
            if "\ud800" <= ch <= "\udbff":
                self._high = ch
            else:
                self._said.append(_UNPAIRED if "\udc00" <= ch <= "\udfff" else ch)

    def take(self) -> str:
        """What was read since the last time, but for half a pair."""
        said, self._said = "".join(self._said), []
        return said

    def finish(self) -> str:
        """All that is left of the string, which ends here."""
        self._say(self._escape)
        self._escape = ""
        if self._high:
            self._said.append(_UNPAIRED)
            self._high = ""
        return self.take()
