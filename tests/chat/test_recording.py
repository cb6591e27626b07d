"""Recordings: what is written, what is read back, how they are shown again, and what broken ones say."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AssistantEventHandler

from asstream.chat.recording import Record, Recorder, read, replay
from asstream.errors import ConfigError, NotFoundError, UsageError
from tests.handlers.wire_events import (
    BEGUN,
    DONE,
    FIXTURES,
    TEXT,
    TWO_TOOL_STEPS,
    Event,
    Ours,
    Stock,
    args,
    encode,
    fixture,
    names,
)


def written(path: Path, events: list[Event]) -> Path:
    path.write_bytes(b"".join(encode(events)))
    return path


def kept(handler: type[Any]) -> tuple[type[Any], list[Any]]:
    """A handler class and the list of its instances."""
    made: list[Any] = []

    class Kept(handler):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    return Kept, made


def test_a_recording_is_the_wires_bytes_with_times_between(tmp_path: Path) -> None:
    frames = encode(TEXT)
    with Recorder(tmp_path / "run.sse") as recorder:
        for frame in frames:
            recorder.write(frame)
    lines = (tmp_path / "run.sse").read_bytes().splitlines(keepends=True)
    assert b"".join(line for line in lines if not line.startswith(b": +")) == b"".join(frames)
    assert len([line for line in lines if line.startswith(b": +")]) == len(frames)
    assert [(record.event) for record in read(tmp_path / "run.sse")] == [name for name, _ in TEXT]


def test_only_its_owner_can_read_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "run.sse"
    path.write_text("old")
    path.chmod(0o644)
    Recorder(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b""


def test_a_recording_that_cant_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the recording .* can't be written: No such file"):
        Recorder(tmp_path / "nowhere" / "run.sse")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_the_recording_and_not_the_reply() -> None:
    recorder = Recorder("/dev/full")
    recorder.write(b"event: x\n\n")
    recorder.write(b"event: y\n\n")
    with pytest.raises(ConfigError, match="is incomplete: No space left"):
        recorder.close()


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not beside the checkout")
@pytest.mark.parametrize("handler", [Ours, Stock], ids=["ours", "stock"])
@pytest.mark.parametrize("name", [path.name for path in sorted(FIXTURES.glob("0[1-6]*.sse"))])
def test_recordings_of_the_service_are_shown_again(name: str, handler: Any) -> None:
    if (name[:2], handler) == ("03", Stock):
        pytest.skip("its own tool step begins in the recording before; see the quirk of late-joined streams")
    cls, made = kept(handler)
    replay(FIXTURES / name, cls, speed=1)
    texts = [
        part["text"]["value"] for event, data in fixture(name) if is_end(event) for part in data["content"]
    ]
    assert "".join(delta.value or "" for delta in args(made[0], "text_delta")) == "".join(texts)


def is_end(event: str) -> bool:
    return event in ("thread.message.completed", "thread.message.incomplete")


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not beside the checkout")
def test_events_with_no_blank_line_between_are_read() -> None:
    assert [record.event for record in read(FIXTURES / "07_php_single_events.sse")] == [
        "thread.run.step.delta",
        "thread.run.step.created",
    ]


def test_several_runs_each_have_a_fresh_handler(tmp_path: Path) -> None:
    cls, made = kept(Ours)
    run = replay(written(tmp_path / "two.sse", [*TEXT, *TWO_TOOL_STEPS]), cls, speed=0)
    assert run is not None and run.status == "completed"
    assert [names(handler, "run_done", "end") for handler in made] == [["run_done", "end"]] * 2


def test_the_pace_is_the_recordings_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.sse"
    path.write_bytes(b"".join(b": +0.5\n" + frame for frame in encode(TEXT)))
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    replay(path, Ours, speed=2)
    assert slept == [0.25] * (len(TEXT) - 1)  # `done` carries nothing to wait for
    slept.clear()
    replay(path, Ours, speed=0)
    assert slept == []


def test_an_interrupt_ends_it_and_the_handler_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "run.sse"
    path.write_bytes(b"".join(b": +0.5\n" + frame for frame in encode(TEXT)))
    monkeypatch.setattr(time, "sleep", interrupt)
    cls, made = kept(Ours)
    with pytest.raises(KeyboardInterrupt):
        replay(path, cls)
    assert names(made[0]) == ["end"]


def test_other_line_ends_and_comments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run.sse"
    path.write_bytes(
        b": ping\r\n\r\n: +1.5\r\nid: 4\r\nevent: thread.x\r\ndata: {}\r\n\r\nevent: done\r\ndata: [DONE]\r\n"
    )
    assert list(read(path)) == [Record(1.5, "thread.x", "{}", 5), Record(0.0, "done", "[DONE]", 8)]


BROKEN = {
    "an event with no data": (b"event: thread.x\n", r"line 1: is where the recording is cut off"),
    "data that is cut off": (
        b'event: thread.x\ndata: {"id"',
        r"line 1: begins thread.x, whose data is not JSON",
    ),
    "data that is no object": (b"event: thread.x\ndata: 3\n\n", r"line 1: .*not a JSON object"),
    "a line of something else": (
        b"event: thread.x\nhello world\n",
        r"line 2: is no line of an event stream: 'hello",
    ),
    "data with no event": (b"data: {}\n\n", r"line 1: has data with no event"),
    "a time that is none": (b": +soon\nevent: thread.x\n", r"line 1: has a time that is none"),
    "an endless time": (b": +inf\nevent: thread.x\n", r"line 1: has a time that is none"),
    "binary": (b"\xff\xfe\x00", r"not UTF-8"),
    "nothing": (b"", r"ends before any event"),
}


@pytest.mark.parametrize("handler", [Ours, AssistantEventHandler], ids=["ours", "stock"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recording_says_where_and_what(tmp_path: Path, name: str, handler: Any) -> None:
    data, message = BROKEN[name]
    (tmp_path / "run.sse").write_bytes(data)
    with pytest.raises(UsageError, match=message):
        replay(tmp_path / "run.sse", handler, speed=0)


@pytest.mark.parametrize("handler", [Ours, Stock], ids=["ours", "stock"])
@pytest.mark.parametrize("count", range(1, len(TEXT) - 2))
def test_a_recording_that_is_cut_off_is_shown_as_far_as_it_goes(
    tmp_path: Path, count: int, handler: Any
) -> None:
    cls, made = kept(handler)
    with pytest.raises(
        UsageError, match=rf"ends after line \d+ \({TEXT[count - 1][0]}\), before the run does"
    ):
        replay(written(tmp_path / "run.sse", TEXT[:count]), cls, speed=0)
    assert len(args(made[0], "text_delta")) == sum("message.delta" in name for name, _ in TEXT[:count])


def test_a_recorded_error_is_raised(tmp_path: Path) -> None:
    events = [*BEGUN, ("error", {"message": "boom", "type": "server_error"}), DONE]
    with pytest.raises(openai.APIError, match="boom"):
        replay(written(tmp_path / "run.sse", events), Stock, speed=0)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no recording .*gone\.sse"):
        replay(tmp_path / "gone.sse", Ours)
    with pytest.raises(UsageError, match="Is a directory"):
        replay(tmp_path, Ours)


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(UsageError, match=r"the speed .* can't be used"):
        replay(tmp_path / os.devnull, Ours, speed)
