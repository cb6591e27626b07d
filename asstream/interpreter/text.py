"""Text of a kernel made harmless, piece by piece: no escape sequences, no control characters.

New lines, tabs and single carriage returns stay: a progress bar draws its line anew with the latter.
The names of the data folder are put back to /mnt/data where the sandbox could not have it there.
"""

from __future__ import annotations

import re

_STRING = r"(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]{0,1024}"
_CSI = r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}"
_BIDI = "\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}\ud800-\udfff]")
_TOKEN = re.compile(
    rf"(?P<sequence>{_CSI}[@-~]|{_STRING}(?:\x07|\x1b\\|\x9c)|\x1b(?:[ -/]{{1,8}}[0-~]|[0-OQ-WYZ`-~]))"
    rf"|(?P<open>(?:\x1b[ -/]{{0,8}}|{_CSI}|{_STRING}\x1b?|\r+)\Z)"
    r"|(?P<line>\r+\n)"
    r"|(?P<return>\r+)"
    r"|(?P<half>[\ud800-\udfff])"
    rf"|(?P<control>[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}])"
)
_BECOMES = {"line": "\n", "return": "\r", "half": "\ufffd"}
DATA = "/mnt/data"


class Cleaner:
    """One text that comes in pieces.

    Args:
        data: what the code takes for /mnt/data; its occurrences are written as /mnt/data.
    """

    def __init__(self, data: str = DATA) -> None:
        self._held = ""
        self._names = Renamer(data, DATA)

    def feed(self, text: str) -> str:
        """The harmless part of what has come; what may be the beginning of something waits for its rest."""
        text, self._held = self._held + text, ""
        return self._names.feed(self._clean(text, last=False))

    def flush(self) -> str:
        """What was held back, now that nothing follows."""
        text, self._held = self._held, ""
        return self._names.feed(self._clean(text, last=True)) + self._names.flush()

    def _clean(self, text: str, *, last: bool) -> str:
        if _UNSAFE.search(text) is None:
            return text
        done: list[str] = []
        at = 0
        while match := _TOKEN.search(text, at):
            done.append(text[at : match.start()])
            at = match.end()
            kind = str(match.lastgroup)
            if kind == "open":
                if not last:
                    self._held = "\r" if match[0][0] == "\r" else match[0]
                    return "".join(done)
                # Nothing ends it: its first character goes, the rest is looked at again.
                at = match.start() + 1
            done.append(_BECOMES.get(kind, ""))
        done.append(text[at:])
        return "".join(done)


class Renamer:
    """Replaces one name by another in a text that comes in pieces."""

    def __init__(self, name: str, by: str) -> None:
        self._name, self._by = name, by
        self._held = ""

    def feed(self, text: str) -> str:
        """The text so far, without an end that may be the beginning of the name."""
        if self._name == self._by:
            return text
        text = (self._held + text).replace(self._name, self._by)
        longest = min(len(text), len(self._name) - 1)
        held = next((n for n in range(longest, 0, -1) if self._name.startswith(text[-n:])), 0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def flush(self) -> str:
        """The end that was held back."""
        text, self._held = self._held, ""
        return text


def code_for(code: str, data: str) -> str:
    """Code with /mnt/data written as where the data is in its sandbox."""
    return code if data == DATA else re.sub(r"/mnt/data(?![\w-])", lambda _: data, code)
