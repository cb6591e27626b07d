"""A text stream: written at once, whatever its encoding, quiet once its reader is gone. Knows files alone."""

from __future__ import annotations

import sys
from typing import IO


class Output:
    """Writes to a stream and flushes each piece.

    Characters that the stream's encoding lacks are written as escapes. When the reader has gone,
    BrokenPipeError is raised once, to end the reading; later writes do nothing.

    Args:
        stream: where to; standard output as it is at each write when left out.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self.broken = False

    @property
    def stream(self) -> IO[str]:
        return self._stream if self._stream is not None else sys.stdout

    def write(self, text: str) -> None:
        """Write and flush. Raises BrokenPipeError the first time that nobody reads."""
        if self.broken or not text:
            return
        stream = self.stream
        try:
            try:
                stream.write(text)
            except UnicodeEncodeError:
                encoding = getattr(stream, "encoding", None) or "ascii"
                stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except BrokenPipeError:
            self.broken = True
            raise
