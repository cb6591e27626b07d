"""A socket of a kernel from the host's side, which takes no more of it into memory than it asked for.

It speaks ZMTP 3.0 (rfc.zeromq.org/spec/23), as much as a DEALER or SUB needs that connects once. libzmq would
keep a message of frames without end until its last, which never comes, and throw away what a kernel sent just
before it died. Here a message has a size, and the connection is read to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from asstream.interpreter.wire import MESSAGE_BYTES, MOST_FRAMES

_GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
"""Signature, version, mechanism, whether it is a server's (which NULL does not ask), filler."""
_MORE, _LONG, _COMMAND = 1, 2, 4
"""Flags of a frame; there are no others."""
_READY = b"\x05READY"
_SUBSCRIBE_ALL = b"\x01"
"""What a subscriber sends: this, and the beginning of what it wants."""


class BrokenChannelError(Exception):
    """The other side sent what is no message of ours, or a larger one than is taken."""


class Channel:
    """A connection that is made once: a socket that took the place of the first must not lead elsewhere."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, path: Path, kind: str) -> Channel:
        """Connect to a socket of the kernel's, and wait for its greeting.

        Args:
            kind: ours: SUB, which subscribes to everything, or DEALER.

        Raises OSError, EOFError, BrokenChannelError.
        """
        channel = cls(*await asyncio.open_unix_connection(path))
        try:
            channel._writer.write(_GREETING + _ready(kind.encode()))
            greeting = await channel._reader.readexactly(len(_GREETING))
            if greeting[0] != 0xFF or greeting[9] != 0x7F or greeting[10] < 3 or greeting[12:16] != b"NULL":
                raise BrokenChannelError
            flags, body = await channel._frame(MESSAGE_BYTES)
            if not flags & _COMMAND or not body.startswith(_READY):
                raise BrokenChannelError
            if kind == "SUB":  # libzmq ends a connection on which this comes with the greeting
                channel.send([_SUBSCRIBE_ALL])
        except BaseException:
            channel.close()
            raise
        return channel

    def send(self, frames: Sequence[bytes]) -> None:
        """Send a message, later where the other side does not read; nothing where it ended."""
        parts = [*(_framed(frame, _MORE) for frame in frames[:-1]), _framed(frames[-1])]
        self._writer.write(b"".join(parts))

    async def receive(self) -> list[bytes] | None:
        """The frames of the next message, or None where the other side ended. Raises BrokenChannelError."""
        frames: list[bytes] = []
        left = MESSAGE_BYTES
        try:
            while True:
                flags, body = await self._frame(left)
                left -= len(body)
                frames.append(body)
                if flags & _COMMAND or len(frames) > MOST_FRAMES:
                    raise BrokenChannelError
                if not flags & _MORE:
                    return frames
        except (OSError, EOFError):
            return None

    async def _frame(self, most: int) -> tuple[int, bytes]:
        """Flags and body; the size is looked at before any of the body is waited for."""
        [flags] = await self._reader.readexactly(1)
        size = int.from_bytes(await self._reader.readexactly(8 if flags & _LONG else 1), "big")
        if size > most or flags > (_MORE | _LONG | _COMMAND):
            raise BrokenChannelError
        return flags, await self._reader.readexactly(size)

    def close(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()


def _framed(body: bytes, flags: int = 0) -> bytes:
    if len(body) > 255:
        return bytes([flags | _LONG]) + len(body).to_bytes(8, "big") + body
    return bytes([flags, len(body)]) + body


def _ready(kind: bytes) -> bytes:
    """The command after the greeting."""
    return _framed(_READY + b"\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind, _COMMAND)
