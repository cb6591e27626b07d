"""Whatever a model, a tool, a file or a server says, wherever it says it: no handler writes what obeys it."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from asstream.chat.recording import replay
from asstream.handlers import ConsoleHandler, EventHandler, JsonLinesHandler, PlainHandler
from asstream.handlers.files import Picture
from tests.handlers.test_citations_shown import citation
from tests.handlers.test_interpreter_shown import Tty
from tests.handlers.wire_events import (
    BEGUN,
    DONE,
    Event,
    code,
    code_call,
    encode,
    function,
    image,
    logs,
    message,
    message_delta,
    message_event,
    piece,
    run_event,
    step_delta,
    step_event,
    text,
)

PAYLOADS = [
    "\x1b]52;c;aGk=\x07",
    "\x1b]8;;http://evil/\x1b\\x\x1b]8;;\x1b\\",
    "\x1b]0;title\x1b\\",
    "\x1b[91;5m",
    "\x1b[77A",
    "\x1b[2J",
    "\x1b[?1049h",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gi=1;AAAA\x1b\\",
    "\x1bc",
    "\x1b",
    "\x9b6n",
    "\x9d52;c;aGk=\x9c",
    "\x90q\x9c",
    "\x00\x07\x08\x0b\x0c\x0e\x7f",
    "\r",
    "\u202e\u2066\u2069\u202a",
    "\ud83d",
    "\udc00",
    "%1b%5D0;t%07",
    "&#27;[2J&#x9b;2J&#x202e;",
]
WORDS = ["so ", "7", "\n", "**", "`", "```\n", "| a |\n|---|\n", "- ", "# ", "> ", "【4:0†", "】"]
LINKS = [
    "[x](",
    "![",
    "](http://x/",
    "](sandbox:/mnt/data/",
    "](javascript:",
    ")",
    "<http://",
    ">",
    "https://h/",
]
HOSTILE = st.lists(st.sampled_from([*PAYLOADS, *WORDS, *LINKS]), min_size=1, max_size=12).map("".join)
NAMES = st.lists(st.sampled_from([*PAYLOADS, "a", "/", " "]), min_size=1, max_size=4).map("".join)

_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OURS = re.compile(
    r"\x1b\[[\d;]*m|\x1b\[\d*[ABGJK]|\x1b\[\?2026[hl]|\x1b\]8;;(?:(?:https?|mailto|file):[!-~]*)?\x1b\\"
)
"""The sequences that the renderer makes; colours and moves of the payloads are others than its own."""


class Named:
    """Files whose names and problems are somebody else's."""

    def __init__(self, name: str, kept: bool) -> None:
        self.remedy = "/save"
        self._name, self._kept = name, kept

    def picture(self, file_id: str) -> Picture:
        return Picture(problem=self._name)

    def name(self, file_id: str) -> str:
        return self._name

    def keep(self, file_id: str, name: str) -> Path | None:
        return Path("/kept") / name.replace("/", "_").replace("\0", "") if self._kept else None


def events(words: str, name: str, cut: int) -> list[Event]:
    """A run that says hostile things wherever anything can be said."""
    marker = f"【4:0†{name}】"
    annotations = [
        citation(marker, name, 0, quote=words, page=name),
        citation(words, name, 1),
        {
            "index": 2,
            "type": "file_path",
            "text": f"sandbox:/mnt/data/{name}",
            "file_path": {"file_id": name},
        },
    ]
    said = f"{words} {marker} sandbox:/mnt/data/{name} ![{name}]({words}) [{words}](http://{name})"
    found = {"file_id": name, "file_name": name, "content": [{"type": "text", "text": words}]}
    search = {"id": "call_3", "type": "file_search", "file_search": {"results": [found]}}
    parts = [said[at : at + cut] for at in range(0, len(said), cut)]
    ended = message("msg_1", [text(said, *annotations)], "incomplete") | {
        "attachments": [{"file_id": f"{name}2", "tools": []}],
        "incomplete_details": {"reason": name},
    }
    return [
        *BEGUN,
        step_event("created", "step_1"),
        step_delta("step_1", code(0, name, words, [])),
        *(step_delta("step_1", code(0, outputs=[logs(part, 0)])) for part in parts),
        step_delta("step_1", code(0, outputs=[image(name, 1)])),
        step_event("completed", "step_1", calls=[code_call(name, words, logs(said))]),
        step_event("created", "step_2"),
        step_delta("step_2", function(name, words, name)),
        step_event("completed", "step_2", calls=[function(name, words, name, output=words)]),
        step_event("completed", "step_3", calls=[search]),
        step_event("completed", "step_4", calls=[code_call("call_4", "", logs(words))]),
        message_event("created"),
        *(message_delta("msg_1", piece(part)) for part in parts),
        message_delta("msg_1", piece(None, annotations=annotations)),
        message_delta("msg_1", {"index": 1, "type": "refusal", "refusal": words}),
        ("thread.message.incomplete", ended),
        run_event("failed", model=name, last_error={"code": name, "message": words}),
        DONE,
    ]


Make = Callable[[io.StringIO, io.StringIO], EventHandler]


def console(**more: Any) -> Make:
    def make(out: io.StringIO, err: io.StringIO) -> EventHandler:
        settings: dict[str, Any] = {"width": 30, "height": 10, "force_terminal": True, "_environ": {}}
        page = Console(file=out, **settings | more)
        return ConsoleHandler(console=page, errors=Console(file=err, **settings | more))

    return make


KINDS: dict[str, Make] = {
    "live": console(color_system="truecolor", legacy_windows=False),
    "NO_COLOR": console(no_color=True),
    "TERM=dumb": console(_environ={"TERM": "dumb"}),
    "a file": console(force_terminal=False, color_system=None),
    "plain": lambda out, err: PlainHandler(output=out, errors=err),
    "jsonl": lambda out, err: JsonLinesHandler(output=out, errors=err),
}


def written(kind: str, wire: list[Event], name: str, kept: bool) -> tuple[str, str]:
    """What a handler writes on stdout and stderr for these events."""
    out, err = Tty(), Tty()

    def make() -> EventHandler:
        handler = KINDS[kind](out, err)
        handler.files = Named(name, kept)
        return handler

    with tempfile.NamedTemporaryFile(suffix=".sse") as file:
        file.write(b"".join(encode(wire)))
        file.flush()
        replay(Path(file.name), make, speed=0)
    return out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True, scope="module")
def _no_colours_on_stderr() -> Iterator[None]:
    """Where PlainHandler tells a person, it colours what it tells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "dumb")
        yield


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(words=HOSTILE, name=NAMES, cut=st.integers(1, 40), kept=st.booleans())
def test_no_handler_writes_what_a_terminal_would_obey(
    kind: str, words: str, name: str, cut: int, kept: bool
) -> None:
    wire = events(words, name, cut)
    out, err = written(kind, wire, name, kept)
    if kind == "live":
        out, err = _OURS.sub("", out), _OURS.sub("", err)
    else:
        assert "\r" not in out + err
    assert _UNSAFE.search(out) is None and _UNSAFE.search(err) is None
    if kind == "jsonl":
        lines = [json.loads(line) for line in out.splitlines()]
        # On the wire the halves of a pair that come together are one character.
        sent = json.loads(json.dumps(wire[:-1]))
        assert lines == [{"event": event, "data": data} for event, data in sent]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_each_payload_is_harmless_by_itself_in_every_place(kind: str, payload: str) -> None:
    out, err = written(kind, events(f"a{payload}b", f"n{payload}m", 3), f"n{payload}m", True)
    shown = _OURS.sub("", out + err) if kind == "live" else out + err
    assert _UNSAFE.search(shown) is None
    assert "\x1b[91" not in out + err and "\x1b[77A" not in out + err and "evil/\x1b\\x" not in out + err
    assert "a" in shown and "b" in shown
