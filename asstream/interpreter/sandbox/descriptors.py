"""Content handed to a process by descriptor: it is in no file, and on no command line."""

from __future__ import annotations

import contextlib
import os


class Descriptors:
    """Descriptors of one launch, to be inherited by it and then let go of."""

    def __init__(self) -> None:
        self._open: list[int] = []

    def add(self, content: bytes) -> int:
        """A descriptor to read `content` from, once."""
        descriptor = os.memfd_create("sandbox", os.MFD_CLOEXEC)
        self._open.append(descriptor)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(self._open)

    def close(self) -> None:
        """Close them; a second time does nothing."""
        while self._open:
            with contextlib.suppress(OSError):
                os.close(self._open.pop())
