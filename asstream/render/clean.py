"""Text made harmless for a terminal, piece by piece as it streams.

Whatever a model, a tool, a file name or a server says may hold escape sequences: to move the cursor, set the
clipboard, hide a link's target, answer for the person. None of it reaches the terminal. Knows nothing of
the project.

What becomes of what:
- a whole escape sequence (CSI, OSC, DCS, APC, PM, SOS, two-character; with ESC or a C1 byte): nothing;
- one that is malformed, endless or too long: its ESC goes, its printable text stays;
- `\\r\\n` and a lone `\\r`: a new line (a lone one could write over what stands there); a lone one stays for
  whoever asks for it, and draws the line anew in a way of its own;
- other control characters, DEL, C1 and bidirectional overrides, embeddings and isolates: nothing;
- the halves of a surrogate pair: their character; a lone half: U+FFFD.
Newlines and tabs stay.
"""

from __future__ import annotations

import re

_MOST = 4096
"""Characters of a string sequence (OSC, DCS, …) that are held back for its end."""
_STRING = r"(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])"
_PAYLOAD = rf"[^\x00-\x1f\x7f-\x9f]{{0,{_MOST}}}"
_CSI = r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}"
_BIDI = "\u202a-\u202e\u2066-\u2069"

_UNSAFE = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}\ud800-\udfff]")
_TOKEN = re.compile(
    rf"(?P<sequence>{_CSI}[@-~]|{_STRING}{_PAYLOAD}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b(?:[ -/]{1,8}[0-~]|[0-OQ-WYZ`-~]))"
    rf"|(?P<open>(?:\x1b[ -/]{{0,8}}|{_CSI}|{_STRING}{_PAYLOAD}\x1b?|\r|[\ud800-\udbff])\Z)"
    r"|(?P<line>\r\n?)"
    r"|(?P<pair>[\ud800-\udbff][\udc00-\udfff])"
    r"|(?P<half>[\ud800-\udfff])"
    rf"|(?P<control>[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}])"
)
_BECOMES = {"line": "\n", "return": "\r", "half": "\ufffd"}
_JSON_UNSAFE = re.compile(rf"[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029{_BIDI}\ud800-\udfff]")


class Cleaner:
    """One stream of text: `feed` pieces in any cut, `flush` at its end; together as if cleaned at once.

    Args:
        returns: a lone `\\r` stays as it is.
    """

    def __init__(self, *, returns: bool = False) -> None:
        self._held = ""
        self._returns = returns

    def feed(self, text: str) -> str:
        """The harmless part of what has come; the beginning of a sequence waits for its rest."""
        if self._held:
            text, self._held = self._held + text, ""
        elif _UNSAFE.search(text) is None:
            return text
        return self._clean(text, last=False)

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        text, self._held = self._held, ""
        return self._clean(text, last=True)

    def _clean(self, text: str, *, last: bool) -> str:
        done: list[str] = []
        at = 0
        while match := _TOKEN.search(text, at):
            start = match.start()
            done.append(text[at:start])
            at = match.end()
            kind = match.lastgroup
            if kind == "open":
                if not last:
                    self._held = text[start:]
                    return "".join(done)
                # Nothing ends it: let go of its first character, look at the rest again.
                kind, at = self._let_go(text[start]), start + 1
            elif self._returns and match[0] == "\r":
                kind = "return"
            done.append(_replacement(kind, match[0]))
        done.append(text[at:])
        return "".join(done)

    def _let_go(self, first: str) -> str:
        """What the first character of a sequence without an end is by itself."""
        if first == "\r":
            return "control" if self._returns else "line"
        return "half" if first >= "\ud800" else "control"


def _replacement(kind: str | None, text: str) -> str:
    if kind == "pair":
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    return _BECOMES.get(kind or "", "")


def clean(text: str) -> str:
    """A whole text made harmless."""
    cleaner = Cleaner()
    return cleaner.feed(text) + cleaner.flush()


def clean_line(text: str, limit: int | None = None) -> str:
    """A text made harmless and put on one line, cut to `limit` characters: for names and messages."""
    line = " ".join(clean(text).split())
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


def escape_json(text: str) -> str:
    """JSON of the same value with what could harm a terminal (C1, bidi, lone halves) as `\\uXXXX`."""
    return _JSON_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
