"""Output inside the kernel's process: one stream of text under a cap, sent on within 20 ms.

A line that is whole, and what is flushed, is sent before the code goes on, as long as there are not too many:
code that then holds the interpreter's lock, or ends the process, would keep it back or take it along.

stdout, stderr, what child processes write to the descriptors 1 and 2, tracebacks and the text of results have
one order and one cap. Only figures are messages of their own. It runs in the process of the code: it is there
for honest code to be shown well; what dishonest code does to it is the host's to withstand.
"""

from __future__ import annotations

import array
import codecs
import fcntl
import os
import re
import select
import sys
import termios
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from ipykernel.iostream import OutStream
from jupyter_client.session import Session

from asstream.interpreter.last_words import Words
from asstream.interpreter.ledger import Ledger, cut_note

_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of characters: no message can hold one."""
FLUSH_SECONDS = 0.02
HURRIES = 50
"""How often text is sent at once, in a row and then each second; the rest waits for the 20 ms."""
_SEND_SECONDS = 0.1
PIECE = 64 * 1024
"""Characters of one message."""
IMAGE_TYPES = ("image/png", "image/jpeg")
SHOWN = ("execute_result", "display_data", "update_display_data")
NOT_SENT = ("execute_input", "clear_output", "comm_open", "comm_msg", "comm_close")


class Allowance:
    """How often something may be done: a number of times at once, and as often each second."""

    def __init__(self, times: int) -> None:
        self._most = times
        self._left = float(times)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Whether it may be done now; then that counts as done."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._most)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Output:
    """What the cell says, under its cap. `stream` is the one that is sent; every text ends there.

    Args:
        words: where it is as well, for the case that the process ends before it was sent.
    """

    def __init__(self, output_kb: int, image_bytes: int, words: Words) -> None:
        self.words = words
        self._output_kb = output_kb
        self._image_characters = image_bytes * 4 // 3 + 4
        self._ledger = Ledger(output_kb * 1024)
        self._lock = threading.RLock()
        self._at_line_start = True
        self._hurries = Allowance(HURRIES)
        self.stream: Stream | None = None
        self.capture: Capture | None = None

    def begin(self) -> None:
        """A cell begins."""
        with self._lock:
            self._ledger.reset()
            self._at_line_start = True
            self.words.begin()

    def write(self, text: str) -> None:
        """Take a piece of text of any origin."""
        if not text:
            return
        if not text.isascii():
            text = _HALVES.sub("\ufffd", text)
        with self._lock:
            self._at_line_start = text.endswith("\n")
            now = self._ledger.take(text)
            if now and self.stream is not None:
                self.stream.send_soon(now)

    def hurry(self) -> None:
        """Send what waits before the code goes on; where that came too often, it goes a little later."""
        if self.stream is not None and self.stream.waiting and self._hurries.take():
            self.stream.send_and_wait()

    def write_block(self, text: str) -> None:
        """Take text that has lines of its own."""
        with self._lock:
            self.write(("" if self._at_line_start else "\n") + text.rstrip("\n") + "\n")

    def end(self) -> None:
        """A cell ended: what child processes wrote is fetched, the tail follows."""
        if self.capture is not None:
            self.capture.drain()
        with self._lock:
            cut, tail = self._ledger.close()
            if self.stream is not None:
                if cut:
                    self.stream.send_soon(cut_note(cut, self._output_kb))
                if tail:
                    self.stream.send_soon(tail)

    def figure(self, content: dict[str, Any]) -> dict[str, Any] | None:
        """What of a shown object is a message: its image. Its text goes the way of all text."""
        data = content.get("data") or {}
        for kind in IMAGE_TYPES:
            image = data.get(kind)
            if isinstance(image, str):
                if len(image) > self._image_characters:
                    size = self._image_characters * 3 / 4 / 2**20
                    self.write_block(f"[an image is not shown: it is larger than {size:.0f} MiB]")
                    return None
                return {"data": {kind: image}, "metadata": {}, "transient": {}}
        if isinstance(text := data.get("text/plain"), str):
            self.write_block(text)
        return None


class Stream(OutStream):
    """sys.stdout and sys.stderr: both write to the one Output, the first of them is what is sent."""

    flush_interval = FLUSH_SECONDS
    output: Output

    def __init__(self, session: Session, pub_thread: Any, name: str, **_: Any) -> None:
        super().__init__(session, pub_thread, name, watchfd=False)
        self._taking = threading.RLock()
        self._sent = 0
        self.waiting = False
        self._descriptor = 1 if name == "stdout" else 2
        if self.output.stream is None:
            self.output.stream = self

    def fileno(self) -> int:
        """The real descriptor, for child processes; what they write to it is captured."""
        return self._descriptor

    def write(self, string: str) -> int:
        """Take a text; it is on its way within 20 ms."""
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if not self._is_master_process():
            # A fork has none of the threads that send: its text goes through the captured descriptor.
            os.write(self._descriptor, string.encode(errors="backslashreplace"))
        else:
            self.output.write(string)
            if string.endswith("\n"):
                self.output.hurry()
        return len(string)

    def flush(self) -> None:
        """Send what waits; 50,000 flushed prints are not 50,000 messages all the same."""
        if self._is_master_process():
            self.output.hurry()

    def send_soon(self, text: str) -> None:
        """Put a text that the cap let pass into the next message."""
        self.waiting = True
        if self._is_master_process():  # a fork would write into the same file
            self.output.words.say(text)
        super().write(text)

    def send_and_wait(self) -> None:
        """Send what waits, and return once the library that sends has it: it needs no lock of Python's."""
        self.send_now()
        if threading.current_thread() is not self.pub_thread.thread:
            sent = threading.Event()
            self.pub_thread.schedule(sent.set)
            sent.wait(_SEND_SECONDS)

    def send_now(self) -> None:
        """Give what waits to the sending thread, before whatever is given to it after this call.

        It is taken here: in the sending thread it would be taken later, with what was said after this call.
        """
        self.waiting = False
        with self._taking:
            for parent, text in self._flush_buffers():
                self._sent += len(text.encode(errors="replace"))
                content = {"name": self.name, "text": text, "end": self._sent}
                message = self.session.msg("stream", content, parent=parent)
                self.pub_thread.schedule(partial(self.session.send, self, message, ident=self.topic))

    def send_multipart(self, frames: Any, **options: Any) -> None:
        """Send a message at once, in the sending thread: given to it as others, it would come after them."""
        self.pub_thread._really_send(frames, **options)

    def _flush(self) -> None:
        self._flush_pending = False
        self.send_now()

    def _flush_buffers(self) -> Iterator[tuple[dict[str, Any], str]]:
        for parent, text in super()._flush_buffers():
            for start in range(0, len(text), PIECE):
                yield parent, text[start : start + PIECE]


class OrderedSession(Session):
    """Messages in the order of their causes: text that waits goes out before anything else on IOPub."""

    output: Output

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As in the base class; text becomes part of the stream, what nobody reads is not sent."""
        whole = isinstance(msg_or_type, dict)
        kind = msg_or_type["header"]["msg_type"] if whole else msg_or_type
        body = msg_or_type["content"] if whole else content
        if kind in NOT_SENT:
            return None
        if kind == "error":
            self.output.write_block("\n".join(body.get("traceback") or [body.get("evalue", "")]))
            return None
        if kind in SHOWN:
            body = self.output.figure(body)
            if body is None:
                return None
        if kind == "execute_reply":
            # The traceback was shown; a message of an exception can be as long as memory.
            said = {key: str(value)[:1000] for key, value in body.items() if key in ("status", "ename")}
            body = {**said, "leaving": _leaving(body.get("payload"))}
        if whole:
            msg_or_type["content"] = body
        if kind != "stream" and self.output.stream is not None:
            self.output.stream.send_now()
        return super().send(stream, msg_or_type, None if whole else body, *args, **kwargs)


def _leaving(payload: Any) -> bool:
    """Whether a cell called `exit()` or `quit()`, but for `exit(keep_kernel=True)`."""
    return any(part.get("source") == "ask_exit" and not part.get("keepkernel") for part in payload or ())


class Capture:
    """The descriptors 1 and 2 as one pipe that is read here: the output of child processes and of C code."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._pipe, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor in (1, 2):
            os.dup2(writing, descriptor)
        os.close(writing)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._reading = threading.Lock()
        threading.Thread(target=self._read, name="capture", daemon=True).start()

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while True:
            poll.poll()
            with self._reading:
                if self._waiting():
                    self._output.write(self._decoder.decode(os.read(self._pipe, PIECE)))

    def _waiting(self) -> int:
        size = array.array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, size)
        return size[0]

    def drain(self, seconds: float = 0.5) -> None:
        """Wait until what was written has been read; a child that goes on writing is not waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self._reading:
                if not self._waiting():
                    return
            time.sleep(0.001)
