"""A socket of a kernel, read from a side that sends what it likes, in pieces of any size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import zmq

from asstream.interpreter.channel import BrokenChannelError, Channel
from asstream.interpreter.wire import MESSAGE_BYTES, MOST_FRAMES

T = TypeVar("T")
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48)
READY = b"\x04\x06\x05READY"
WHOLE_SECONDS = 20.0


def long(flags: int, size: int) -> bytes:
    """The head of a long frame."""
    return bytes([flags | 2]) + size.to_bytes(8, "big")


def heard(path: Path, sent: bytes, then: Callable[[Channel], Awaitable[T]], step: int = 0) -> T:
    """What `then` makes of a channel whose other side sends bytes, `step` at a time, and ends."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(sent), step or len(sent)):
            writer.write(sent[at : at + (step or len(sent))])
            await asyncio.sleep(0)
        writer.close()

    async def main() -> T:
        async with await asyncio.start_unix_server(serve, path / "k"), asyncio.timeout(WHOLE_SECONDS):
            channel = await Channel.connect(path / "k", "SUB")
            try:
                return await then(channel)
            finally:
                channel.close()

    return asyncio.run(main())


async def both(channel: Channel) -> list[list[bytes] | None]:
    return [await channel.receive(), await channel.receive()]


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(
    ("sent", "frames"),
    [
        (b"\0\0", [b""]),
        (b"\0\1a", [b"a"]),
        (b"\1\1a\0\2bc", [b"a", b"bc"]),
        (long(0, 1) + b"a", [b"a"]),
        (b"\1\xff" + b"a" * 255 + long(0, 256) + b"b" * 256, [b"a" * 255, b"b" * 256]),
        (b"\1\0" * (MOST_FRAMES - 1) + b"\0\0", [b""] * MOST_FRAMES),
    ],
    ids=["empty", "short", "two frames", "long", "about 255", "as many frames as may be"],
)
def test_a_message_is_read_in_pieces_of_any_size(
    tmp_path: Path, sent: bytes, frames: list[bytes], step: int
) -> None:
    assert heard(tmp_path, GREETING + READY + sent, both, step) == [frames, None]


def test_a_message_of_the_largest_size_is_read(tmp_path: Path) -> None:
    half = MESSAGE_BYTES // 2
    sent = long(1, half) + bytes(half) + long(0, half) + bytes(half)
    first, second = heard(tmp_path, GREETING + READY + sent, both)
    assert first is not None and [len(frame) for frame in first] == [half, half] and second is None


@pytest.mark.parametrize(
    "sent",
    [
        long(0, MESSAGE_BYTES + 1),
        long(0, 2**64 - 1),
        long(1, MESSAGE_BYTES) + bytes(MESSAGE_BYTES) + b"\0\1",
        b"\1\0" * (MOST_FRAMES + 1),
        b"\4\5\4PING",
        b"\x08\0",
    ],
    ids=["too large", "a lie of a size", "too large together", "too many frames", "a command", "a flag"],
)
def test_what_is_no_message_breaks_the_channel_before_its_body_comes(tmp_path: Path, sent: bytes) -> None:
    with pytest.raises(BrokenChannelError):
        heard(tmp_path, GREETING + READY + sent, Channel.receive)


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\2a", long(0, 300)[:4], b"\1\1a"])
def test_a_message_cut_by_the_end_is_none(tmp_path: Path, sent: bytes) -> None:
    assert heard(tmp_path, GREETING + READY + sent, Channel.receive) is None


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n" + bytes(64), BrokenChannelError),
        (GREETING.replace(b"NULL", b"PLAI"), BrokenChannelError),
        (GREETING.replace(b"\x7f\x03", b"\x7f\x01"), BrokenChannelError),
        (GREETING + b"\0\6\5READY", BrokenChannelError),
        (GREETING + b"\4\6\5ERROR", BrokenChannelError),
        (GREETING + long(4, 2**40), BrokenChannelError),
        (GREETING[:20], EOFError),
    ],
)
def test_another_greeting_is_no_connection(tmp_path: Path, sent: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        heard(tmp_path, sent, Channel.receive)


@pytest.mark.parametrize("size", [0, 255, 256, 100_000])
def test_it_speaks_with_libzmq_in_both_directions(tmp_path: Path, size: int) -> None:
    context = zmq.Context()
    router, publisher = context.socket(zmq.ROUTER), context.socket(zmq.XPUB)
    router.bind(f"ipc://{tmp_path}/router")
    publisher.bind(f"ipc://{tmp_path}/publisher")
    message = [b"a", bytes(size), b""]

    async def main() -> None:
        dealer = await Channel.connect(tmp_path / "router", "DEALER")
        subscriber = await Channel.connect(tmp_path / "publisher", "SUB")
        dealer.send(message)
        peer, *came = await asyncio.to_thread(router.recv_multipart)
        assert came == message
        router.send_multipart([peer, *message])
        assert await dealer.receive() == message
        assert await asyncio.to_thread(publisher.recv) == b"\1"
        publisher.send_multipart(message)
        assert await subscriber.receive() == message
        dealer.close()
        subscriber.close()

    asyncio.run(asyncio.wait_for(main(), WHOLE_SECONDS))
    context.destroy(0)
