"""Server-sent events as Chat Completions endpoints really send them: bytes in, `(event, data)` out.

Tolerated, since endpoints do it: comments and pings, a missing blank line at the end or between events,
`data:` with no space, CRLF. Bounded: one line may have `MAX_LINE` bytes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

MAX_LINE = 16 * 1024 * 1024


class LineTooLongError(ValueError):
    """The peer sends a line without end."""


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, str]]:
    """Decode a body. The event name is empty where none was given. Raises LineTooLongError."""
    decoder = _Decoder()
    async for chunk in chunks:
        for event in decoder.feed(chunk):
            yield event
    for event in decoder.feed(b"\n\n"):
        yield event


class _Decoder:
    def __init__(self) -> None:
        self._open_line = bytearray()
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, str]]:
        first, *rest = chunk.split(b"\n")
        self._open_line += first
        if len(self._open_line) > MAX_LINE:
            raise LineTooLongError(f"a line of more than {MAX_LINE} bytes")
        for piece in rest:
            line = self._open_line.rstrip(b"\r").decode("utf-8", "replace")
            self._open_line = bytearray(piece)
            if line:
                self._field(line)
            else:
                yield from self._flush()

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value

    def _flush(self) -> Iterator[tuple[str, str]]:
        event, data = self._event, self._data
        self._event, self._data = "", []
        if not data:
            return
        joined = "\n".join(data)
        if len(data) > 1 and not _is_json(joined):
            # Not one document over several lines, as the standard has it: several events with no blank line
            # between.
            for line in data:
                yield event, line
            return
        yield event, joined


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
