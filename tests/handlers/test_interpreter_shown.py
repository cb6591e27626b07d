"""What a person sees of the code interpreter: recorded and made-up streams on screens of three sizes."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from asstream.chat.recording import replay
from asstream.handlers import ConsoleHandler, EventHandler, JsonLinesHandler, PlainHandler
from asstream.handlers.files import Picture, missing
from asstream.render.images.viewer import Viewer
from tests.handlers.wire_events import (
    BEGUN,
    ENDED,
    Event,
    code,
    code_call,
    encode,
    file_path,
    fixture,
    image,
    logs,
    message_delta,
    message_event,
    piece,
    step_delta,
    step_event,
    text,
)
from tests.render.images.test_kinds import picture
from tests.render.screens import Screen

SIZES = pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50), (20, 5)])
PLOT = picture("png", (40, 40))
CODE = 'def f(n):\n    """Twice\n    n"""\n    return 2 * n\n\nprint(f(21))\n1 / 0'
SAID = "42\nTraceback (most recent call last):\n  File x\nZeroDivisionError: division by zero\n"


class Held:
    """The files of a session, in memory."""

    remedy = "/save writes it here"

    def __init__(self, kept: Path | None = None, problem: str = "") -> None:
        self.asked: list[str] = []
        self._kept = kept
        self._problem = problem

    def picture(self, file_id: str) -> Picture:
        self.asked.append(file_id)
        if self._problem:
            return Picture(problem=self._problem)
        return Picture(PLOT, Path("/pictures/plot.png"))

    def name(self, file_id: str) -> str:
        return f"{file_id}.csv"

    def keep(self, file_id: str, name: str) -> Path | None:
        return self._kept / name if self._kept else None


def cell(text: str, *outputs: str, images: Sequence[str] = (), step: str = "step_1") -> list[Event]:
    """A step of one call: its code by characters, its outputs as they are cut."""
    place = 1 if outputs else 0
    printed = [step_delta(step, code(0, outputs=[logs(said, 0)])) for said in outputs]
    shown = [step_delta(step, code(0, outputs=[image(id, place + at)])) for at, id in enumerate(images)]
    whole = [logs("".join(outputs))] if outputs else []
    pictures = [{"type": "image", "image": {"file_id": id}} for id in images]
    return [
        step_event("created", step),
        step_delta(step, code(0, f"call_{step}", "", [])),
        *(step_delta(step, code(0, text=char)) for char in text),
        *printed,
        *shown,
        step_event("completed", step, calls=[code_call(f"call_{step}", text, *whole, *pictures)]),
    ]


def reply(
    *parts: str, annotations: Sequence[dict[str, object]] = (), content: Sequence[dict[str, object]] = ()
) -> list[Event]:
    whole = [*content, text("".join(parts), *annotations)]
    return [
        message_event("created"),
        *(message_delta("msg_1", {"index": at} | part) for at, part in enumerate(content)),
        *(message_delta("msg_1", piece(part, len(content))) for part in parts),
        message_event("completed", "msg_1", *whole),
    ]


def shown(
    tmp_path: Path,
    screen: Screen,
    events: Sequence[Event],
    files: Held | None = None,
    viewer: Viewer | None = None,
) -> Screen:
    """Events as a person sees them."""

    def make() -> EventHandler:
        handler = ConsoleHandler(console=screen.console(), errors=Console(file=io.StringIO()))
        handler.files, handler.viewer = files, viewer
        return handler

    path = tmp_path / "run.sse"
    path.write_bytes(b"".join(encode(list(events))))
    replay(path, make, speed=0)
    return screen


@SIZES
def test_a_recorded_run_of_the_service_is_shown_once_and_in_order(
    tmp_path: Path, columns: int, rows: int
) -> None:
    events = fixture("05_code_interpreter_input.sse")
    wrote = "".join(
        call["code_interpreter"].get("input", "")
        for name, data in events
        if name == "thread.run.step.delta"
        for call in data["delta"]["step_details"].get("tool_calls", ())
    ).replace("\r\n", "\n")
    said = "".join(
        part["text"]["value"]
        for name, data in events
        if name == "thread.message.delta"
        for part in data["delta"]["content"]
    )
    screen = shown(tmp_path, Screen(columns, rows), events)
    plain = Screen(columns, rows)
    plain.write(f"── code ──\n{wrote}\n{said}\n")
    lines = screen.lines()
    begin = lines.index("── code ──")
    expected = plain.lines()
    assert lines[begin : begin + len(expected)] == expected


@SIZES
def test_code_its_output_and_the_reply_stand_below_each_other(
    tmp_path: Path, columns: int, rows: int
) -> None:
    events = [*BEGUN, *cell(CODE, "42\n", SAID[3:30], SAID[30:]), *reply("Do", "ne."), *ENDED]
    screen = shown(tmp_path, Screen(columns, rows), events)
    plain = Screen(columns, rows)
    plain.write(f"── code ──\n{CODE}\n── output ──\n{SAID}Done.\nm\n")
    assert screen.lines() == plain.lines()


def test_finished_lines_are_coloured_strings_over_lines_too(tmp_path: Path) -> None:
    screen = shown(tmp_path, Screen(80, 24), [*BEGUN, *cell(CODE, SAID), *ENDED])
    assert screen.colours("def f(n):")[:3] == ["magenta"] * 3
    assert screen.colours('    """Twice')[4:] == ["green"] * 8
    assert screen.colours('    n"""')[4:] == ["green"] * 4
    assert screen.colours("42") == ["default"] * 2
    assert screen.colours("ZeroDivisionError: division by zero")[0] == "red"


@SIZES
def test_a_progress_bar_is_one_line(tmp_path: Path, columns: int, rows: int) -> None:
    bar = [f"\r{n:3}%|{'█' * (n // 10):10}| {n}/100" for n in range(0, 101, 5)]
    evil = "\r\x1b[2J\x1b]0;t\x07\b\x0b100%\u202e"
    events = [*BEGUN, *cell("bar()", "begins\n", *bar, f"{evil}\n", "ends\n"), *ENDED]
    screen = shown(tmp_path, Screen(columns, rows), events)
    assert screen.lines() == ["── code ──", "bar()", "── output ──", "begins", "100%", "ends", "m"]
    assert not any(char in screen.raw for char in ("\x1b]", "\x1b[2J", "\b", "\x0b", "\u202e", "\x07"))


def test_code_can_be_copied_as_it_is(tmp_path: Path) -> None:
    screen = shown(tmp_path, Screen(80, 24), [*BEGUN, *cell(CODE), *ENDED])
    row = next(row for row in screen.cells() if row[0].data == "d")
    assert "".join(cell.data for cell in row).rstrip() == "def f(n):"
    assert "def f(n): " not in screen.raw


def test_what_code_and_its_output_hold_for_the_terminal_never_reaches_it(tmp_path: Path) -> None:
    evil = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\u202e"
    screen = shown(tmp_path, Screen(80, 24), [*BEGUN, *cell(f"x = 1{evil}\ny", f"a{evil}b\n"), *ENDED])
    assert not any(part in screen.raw for part in ("\x1b]", "\x1b[2J", "\x9b", "\u202e", "\x07"))
    assert screen.lines()[:4] == ["── code ──", "x = 1", "y", "── output ──"]


@pytest.mark.parametrize(
    "more",
    [{"no_color": True}, {"force_terminal": False, "color_system": None}, {"_environ": {"TERM": "dumb"}}],
)
def test_without_colours_there_is_no_sequence_at_all(tmp_path: Path, more: dict[str, object]) -> None:
    out = io.StringIO()
    settings = {"force_terminal": True, "width": 80, "_environ": {}} | more
    path = tmp_path / "run.sse"
    path.write_bytes(
        b"".join(encode([*BEGUN, *cell(CODE, SAID, images=["file-1"]), *reply("Done."), *ENDED]))
    )

    def make() -> ConsoleHandler:
        handler = ConsoleHandler(console=Console(file=out, **settings), errors=Console(file=io.StringIO()))  # type: ignore[arg-type]
        handler.files, handler.viewer = Held(), Viewer({"TERM": "xterm-kitty"})
        return handler

    replay(path, make, speed=0)
    assert out.getvalue() == f"code\n{CODE}\noutput\n{SAID}image /pictures/plot.png\nDone.\nm\n"


def test_a_picture_is_drawn_once_though_the_message_holds_it_again(tmp_path: Path) -> None:
    held = Held()
    again = {"type": "image_file", "image_file": {"file_id": "file-1"}}
    events = [*BEGUN, *cell("plot()", images=["file-1"]), *reply("There.", content=[again]), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events, held, Viewer({"TERM": "xterm-kitty"}))
    assert screen.raw.count("\x1b_G") == 1
    assert held.asked == ["file-1"]
    assert screen.lines().count("image /pictures/plot.png") == 1


def test_a_picture_of_a_message_is_drawn_before_what_is_said_of_it(tmp_path: Path) -> None:
    block = {"type": "image_file", "image_file": {"file_id": "file-1"}}
    events = [*BEGUN, *reply("There.", content=[block]), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events, Held(), Viewer({"TERM": "linux"}))
    assert [line for line in screen.lines() if line] == [
        "▀▀▀▀",
        "▀▀▀▀",
        "image /pictures/plot.png",
        "There.",
        "m",
    ]


def test_a_picture_that_can_not_be_shown_says_why(tmp_path: Path) -> None:
    events = [*BEGUN, *cell("x", images=["file-1"]), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events, Held(problem="it is empty"), Viewer({"TERM": "linux"}))
    assert "image file-1 (it is empty)" in screen.lines()


@pytest.mark.parametrize(
    ("files", "note"),
    [
        (None, "a.csv  file_9"),
        (Held(), "a.csv  file_9 · /save writes it here"),
        (Held(Path("/kept")), "a.csv  file_9 · saved to /kept/a.csv"),
    ],
)
def test_a_file_is_named_and_its_footnote_says_how_to_save_it(
    tmp_path: Path, files: Held | None, note: str
) -> None:
    parts = ["See ", "[it](sand", "box:/mnt/data", "/a.csv)", "."]
    events = [*BEGUN, *reply(*parts, annotations=[file_path(0)]), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events, files)
    assert screen.lines() == ["See it (a.csv).", note, "m"]


def test_a_file_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    said = "[a](sandbox:/mnt/data/a.csv) [n](sandbox:/mnt/data/no%20pe.csv) sandbox:/mnt/data/no%20pe.csv."
    events = [*BEGUN, *reply(said, annotations=[file_path(0)]), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events)
    assert screen.lines() == [
        "a (a.csv) n (no pe.csv) no pe.csv.",
        "a.csv  file_9",
        "no pe.csv  the file is not there",
        "m",
    ]


def test_the_footnote_of_a_name_with_spaces_has_the_name(tmp_path: Path) -> None:
    note = {**file_path(0), "text": "sandbox:/mnt/data/b%20c%1b%5D0%3Bx%07.txt"}
    events = [*BEGUN, *reply(f"See {note['text']}", annotations=[note]), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events, Held())
    assert screen.lines()[:2] == ["See b c.txt", "b c.txt  file_9 · /save writes it here"]


def test_a_mark_that_the_end_of_a_reply_cut_is_not_said_to_be_missing() -> None:
    from openai.types.beta.threads import Message

    for status, found in (("incomplete", []), ("completed", ["a.c"])):
        block = text("See sandbox:/mnt/data/a.c")
        assert missing(Message.construct(status=status, content=[block])) == found


def test_a_reply_that_ends_with_a_mark_is_shown_to_its_end(tmp_path: Path) -> None:
    events = [*BEGUN, *reply("See ", "sandbox:/mnt/data/a.csv"), *ENDED]
    assert shown(tmp_path, Screen(80, 24), events).lines()[0] == "See a.csv"


def test_while_code_runs_the_screen_says_so_and_nothing_of_it_is_left() -> None:
    from openai.types.beta.threads.runs import CodeInterpreterToolCall, CodeInterpreterToolCallDelta

    screen = Screen(80, 24)
    handler = ConsoleHandler(console=screen.console(), errors=Console(file=io.StringIO()))
    call = CodeInterpreterToolCall.construct(
        id="c", type="code_interpreter", code_interpreter={"input": "sleep()", "outputs": []}
    )
    for more in ({"input": "sleep()"}, {"outputs": [{"index": 0, "type": "logs", "logs": "half a line"}]}):
        delta = CodeInterpreterToolCallDelta.construct(
            index=0, type="code_interpreter", code_interpreter=more
        )
        handler.on_tool_call_delta(delta, call)
    deadline = time.monotonic() + 30
    while "running" not in "".join(screen.lines()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert screen.lines()[:4] == ["── code ──", "sleep()", "── output ──", "half a line"]
    handler.on_tool_call_done(call)
    assert screen.lines() == ["── code ──", "sleep()", "── output ──", "half a line"]


def test_code_that_runs_silently_is_said_to_run_with_its_seconds() -> None:
    from openai.types.beta.threads.runs import CodeInterpreterToolCall, CodeInterpreterToolCallDelta

    screen = Screen(80, 24)
    handler = ConsoleHandler(console=screen.console(), errors=Console(file=io.StringIO()))
    call = CodeInterpreterToolCall.construct(
        id="c", type="code_interpreter", code_interpreter={"input": "", "outputs": []}
    )

    def told(**more: object) -> None:
        handler.on_tool_call_delta(
            CodeInterpreterToolCallDelta.construct(index=0, type="code_interpreter", code_interpreter=more),
            call,
        )

    def seen(what: str) -> str:
        deadline = time.monotonic() + 30
        while what not in (last := screen.lines()[-1]):
            assert time.monotonic() < deadline, last
            time.sleep(0.02)
        return last

    told(input="", outputs=[])
    call.code_interpreter.input = "sleep(9)"
    told(input="sleep(9)")
    seen("writing code")
    seconds = int(seen("running code").split()[-2])
    assert seconds >= 1  # those of the silence count
    seen("running code 2 s")
    told(outputs=[{"index": 0, "type": "logs", "logs": "said\n"}])
    assert int(seen("running code").split()[-2]) >= 2  # and go on with the first output
    handler.on_tool_call_done(call)
    assert screen.lines() == ["── code ──", "sleep(9)", "── output ──", "said"]


def test_a_stream_that_breaks_off_leaves_no_line_that_ticks() -> None:
    screen = Screen(80, 24)
    handler = ConsoleHandler(console=screen.console(), errors=Console(file=io.StringIO()))
    handler._transcript.busy("running")
    handler.on_end()
    written = screen.raw
    time.sleep(0.5)
    assert screen.raw == written


def with_attached(events: Sequence[Event], *file_ids: str) -> list[Event]:
    """The events of a reply to whose message these files are attached."""
    attached = [{"file_id": id, "tools": [{"type": "code_interpreter"}]} for id in file_ids]
    return [
        (name, {**data, "attachments": attached} if data.get("object") == "thread.message" else data)
        for name, data in events
    ]


def test_files_that_code_made_are_told_of_though_the_reply_is_silent_on_them(tmp_path: Path) -> None:
    said = reply("sandbox:/mnt/data/a.csv", annotations=[file_path(0)])
    events = [*BEGUN, *with_attached(said, "file_9", "file_8"), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events, Held())
    assert [line for line in screen.lines() if "/save" in line] == [
        "a.csv  file_9 · /save writes it here",
        "file_8.csv  file_8 · /save writes it here",
    ]


def test_many_files_are_not_listed_one_by_one(tmp_path: Path) -> None:
    events = [*BEGUN, *with_attached(reply("Done."), *(f"file_{n}" for n in range(30))), *ENDED]
    screen = shown(tmp_path, Screen(80, 24), events, Held())
    told = [line for line in screen.lines() if "/save" in line]
    assert len(told) == 11
    assert told[-1] == "… and 20 more files  /save writes it here"


class Tty(io.StringIO):
    """Something that a person reads."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("make", [PlainHandler, JsonLinesHandler])
def test_stdout_is_the_reply_alone_and_a_person_is_told_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: type[PlainHandler | JsonLinesHandler]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    path = tmp_path / "run.sse"
    mark = "sandbox:/mnt/data/a.csv"
    run = [*BEGUN, *cell("x", "said", images=["file-1"]), *reply(mark, annotations=[file_path(0)]), *ENDED]
    path.write_bytes(b"".join(encode(run)))
    out, err = io.StringIO(), Tty()
    replay(path, lambda: make(output=out, errors=err), speed=0)
    if make is PlainHandler:
        assert out.getvalue() == f"{mark}\n"
        said = [line.replace("\x1b[2m", "").replace("\x1b[0m", "") for line in err.getvalue().splitlines()]
        assert said == ["[code interpreter]", "[image file-1]", "[a.csv file_9]"]
    else:
        assert out.getvalue().count("\n") == len(run) - 1
        assert err.getvalue() == ""


def test_a_word_of_the_interpreter_on_code_that_it_did_not_run_is_a_line_by_itself(tmp_path: Path) -> None:
    events = [*BEGUN, *reply("Done."), *cell("", "[It was not\x1b[2J run.]\n"), *ENDED]
    assert shown(tmp_path, Screen(80, 24), events).lines() == ["Done.", "[It was not run.]", "m"]
    out, err = io.StringIO(), Tty()
    replay(tmp_path / "run.sse", lambda: PlainHandler(output=out, errors=err), speed=0)
    assert out.getvalue() == "Done.\n"
    assert "[It was not run.]" in err.getvalue()


def test_a_person_is_told_of_an_image_once_though_the_message_holds_it_again(tmp_path: Path) -> None:
    again = {"type": "image_file", "image_file": {"file_id": "file-1"}}
    events = [*BEGUN, *cell("plot()", images=["file-1"]), *reply("There.", content=[again]), *ENDED]
    path = tmp_path / "run.sse"
    path.write_bytes(b"".join(encode(events)))
    err = Tty()
    replay(path, lambda: PlainHandler(output=io.StringIO(), errors=err), speed=0)
    assert err.getvalue().count("[image file-1]") == 1


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_activity_has_no_colour_where_none_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "run.sse"
    path.write_bytes(b"".join(encode([*BEGUN, *cell("x"), *ENDED])))
    err = Tty()
    replay(path, lambda: PlainHandler(output=io.StringIO(), errors=err), speed=0)
    assert err.getvalue() == "[code interpreter]\n"
