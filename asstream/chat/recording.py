"""Recordings of runs: the wire's bytes as they came, the time between events, and showing them again.

The format is the SSE text itself, with comment lines `: +SECONDS` before events; a recording without them
(a fixture, a curl) plays at once. May know handlers and openai; knows no endpoint.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from asstream.chat.sse import DONE, parse_event
from asstream.errors import ConfigError, NotFoundError, UsageError

if TYPE_CHECKING:
    from openai import AssistantEventHandler, Stream
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import Run

_TIMING = re.compile(r":\s*\+(.*)")
STDIN = "-"
"""In place of a path: standard input."""
_LONGEST_PAUSE = 3600.0
_SETTLES = frozenset(
    f"thread.run.{state}"
    for state in ("requires_action", "completed", "incomplete", "failed", "cancelled", "expired")
)
_FIELDS = ("event", "data", "id", "retry")


class Recorder:
    """Writes events to a file that only its owner can read.

    A reply is worth more than its recording: when writing fails later on (a full disk), recording stops, and
    `close` raises ConfigError.

    Raises ConfigError: the file can't be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._failed: OSError | None = None
        self._last: float | None = None
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            if hasattr(os, "fchmod"):  # an existing file keeps its mode otherwise
                with contextlib.suppress(OSError):  # a device or a pipe has none
                    os.fchmod(descriptor, 0o600)
            self._file = os.fdopen(descriptor, "wb", buffering=0)
        except OSError as error:
            raise ConfigError(
                f"the recording {self.path} can't be written: {error.strerror or error}",
                "give --record a file in a folder that you can write to",
            ) from error

    def write(self, frame: bytes) -> None:
        """Add one whole event, with its blank line, as it came."""
        if self._failed is not None:
            return
        now = time.monotonic()
        pause = 0.0 if self._last is None else now - self._last
        self._last = now
        try:
            self._file.write(b": +%.3f\n%b" % (pause, frame))
        except OSError as error:
            self._failed = error

    def close(self) -> None:
        """Close the file. Raises ConfigError if something could not be written."""
        with contextlib.suppress(OSError):
            self._file.close()
        if self._failed is not None:
            raise ConfigError(
                f"the recording {self.path} is incomplete: {self._failed.strerror or self._failed}",
                "make room and record again",
            )

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Record(NamedTuple):
    """One event of a recording: seconds since the one before, its name, its data as text, its line."""

    delay: float
    event: str
    data: str
    line: int


def read(path: Path | str) -> Generator[Record]:
    """The events of a recording, in order.

    Tolerant of missing blank lines, other line ends and unknown comments.

    Raises NotFoundError: no such file. UsageError: it can't be read, or a line of it is broken (says which).
    """
    path = Path(path)
    delay, event, line = 0.0, "", 0
    data: list[str] = []
    for number, text in _lines(path):
        name, colon, value = text.partition(":")
        if text and not name:
            delay += _pause(path, number, text)
            continue
        if data and (not text or name == "event"):
            yield _record(path, Record(delay, event, "\n".join(data), line))
            delay, event, data = 0.0, "", []
        if not text:
            continue
        if not colon or name not in _FIELDS:
            raise _broken(path, number, f"is no line of an event stream: {text[:40]!r}")
        value = value.removeprefix(" ")
        if name == "event":
            event, line = value, number
        elif name == "data":
            if not event:
                raise _broken(path, number, "has data with no event's name before it")
            data.append(value)
    if data:
        yield _record(path, Record(delay, event, "\n".join(data), line))
    elif event:
        raise _broken(path, line, f"is where the recording is cut off: {event} has no data")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with nullcontext(sys.stdin) if str(path) == STDIN else path.open(encoding="utf-8-sig") as file:
            for number, text in enumerate(file, 1):
                yield from ((number, line) for line in _as_stream(text.rstrip("\n")))
    except FileNotFoundError as error:
        raise NotFoundError(
            f"there is no recording {path}", "`asstream chat --record FILE` makes one"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not a recording: it is not UTF-8 text", "give a file that --record wrote"
        ) from error
    except OSError as error:
        raise UsageError(
            f"the recording {path} can't be read: {error.strerror or error}",
            "give a file that --record wrote",
        ) from error


def _as_stream(line: str) -> Iterable[str]:
    """A line of `--json`, one event as an object, as the lines of an event stream; others as they are."""
    if not line.startswith('{"event"'):
        return (line,)
    try:
        value = json.loads(line)
    except ValueError:
        return (line,)
    data = value.get("data")
    return (f"event: {value['event']}", f"data: {data if isinstance(data, str) else json.dumps(data)}", "")


def _pause(path: Path, number: int, text: str) -> float:
    timing = _TIMING.fullmatch(text)
    if timing is None:
        return 0.0
    try:
        seconds = float(timing[1])
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise _broken(path, number, f"has a time that is none: {timing[1][:40]!r}")
    return min(seconds, _LONGEST_PAUSE)


def _record(path: Path, record: Record) -> Record:
    if not record.data.startswith(DONE):
        try:
            value = json.loads(record.data)
        except ValueError as error:
            raise _broken(
                path, record.line, f"begins {record.event}, whose data is not JSON: {error}"
            ) from error
        if not isinstance(value, dict):
            raise _broken(path, record.line, f"begins {record.event}, whose data is not a JSON object")
    return record


def _broken(path: Path, number: int, what: str) -> UsageError:
    return UsageError(f"{path}, line {number}: {what}", "record it again, or mend that line")


class RecordedStream:
    """One stream of a recording, read by a handler as a live one is.

    Args:
        records: the recording; the stream takes from it up to its last event.
        speed: 1 is the recorded pace, 2 twice as fast, 0 at once.
    """

    response = None

    def __init__(self, path: Path, records: Iterator[Record], speed: float) -> None:
        self.wire: tuple[str, str] | None = None
        self._path = path
        self._records = records
        self._speed = speed
        self._closed = False
        self._iterator = self._events()

    def __iter__(self) -> Iterator[AssistantStreamEvent]:
        return self._iterator

    def __next__(self) -> AssistantStreamEvent:
        return next(self._iterator)

    def close(self) -> None:
        """End the iteration."""
        self._closed = True

    def _events(self) -> Iterator[AssistantStreamEvent]:
        settled, last = False, None
        for record in self._records:
            if self._closed:
                return
            if self._speed and record.delay:
                time.sleep(record.delay / self._speed)
            if record.data.startswith(DONE):
                break
            last = record
            event = parse_event(record.event, record.data)
            if event is not None:
                self.wire = (record.event, record.data)
                settled = record.event in _SETTLES
                yield event
                if settled:
                    return
                self._raise_error(event)
        if not settled:
            where = f"after line {last.line} ({last.event})" if last else "before any event"
            raise UsageError(
                f"{self._path} ends {where}, before the run does",
                "the recording is cut off: record it again",
            )

    def _raise_error(self, event: AssistantStreamEvent) -> None:
        from asstream.handlers.faults import error_event

        if event.event == "error":
            raise error_event(event, self)


def replay(
    path: Path | str, make_handler: Callable[[], AssistantEventHandler], speed: float = 1.0
) -> Run | None:
    """Show a recording again: each of its streams to a fresh handler, as live.

    Args:
        make_handler: a handler class, or anything that makes one.
        speed: 1 is the recorded pace, 2 twice as fast, 0 at once.

    Returns the last run, None where the handler knows of none. Raises UsageError for a recording that is
    broken or cut off, after what it holds was shown; openai.APIError for a recorded error.
    """
    from openai.lib.streaming import AssistantStreamManager

    if not 0 <= speed < float("inf"):
        raise UsageError(f"the speed {speed} can't be used", "give 1 for the recorded pace, 0 for at once")
    path = Path(path)
    with contextlib.closing(read(path)) as events:
        records = _Ahead(events)
        while True:
            stream = cast("Stream[AssistantStreamEvent]", RecordedStream(path, records, speed))
            manager = AssistantStreamManager(partial(_same, stream), event_handler=make_handler())
            with manager as handler:
                handler.until_done()
            if not records.more():
                return handler.current_run


def _same(stream: Stream[AssistantStreamEvent]) -> Stream[AssistantStreamEvent]:
    return stream


class _Ahead(Iterator[Record]):
    """Records with a look ahead, past the `done` that stands between streams and says nothing."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._next: list[Record] = []

    def more(self) -> bool:
        while True:
            if not self._next:
                record = next(self._records, None)
                if record is None:
                    return False
                self._next.append(record)
            if not self._next[0].data.startswith(DONE):
                return True
            self._next.clear()

    def __next__(self) -> Record:
        return self._next.pop() if self._next else next(self._records)
