"""What a person sees of citations: raised numbers, never the marker, and the notes that close the message."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from asstream.chat.recording import replay
from asstream.handlers import ConsoleHandler, EventHandler, PlainHandler
from asstream.handlers.citations import Passages
from asstream.handlers.files import footnotes
from asstream.render.marks import Marks
from tests.handlers.test_interpreter_shown import Held
from tests.handlers.wire_events import (
    BEGUN,
    ENDED,
    Event,
    encode,
    file_path,
    fixture,
    message_delta,
    message_event,
    piece,
    step_event,
    text,
)
from tests.render.screens import Screen

FILE_SEARCH = "04_file_search_citation_include_results.sse"
NOTES = "【4:0†notes.txt】"
PLAN = "【4:1†plan.md】"


class Watched(Screen):
    """A screen that keeps what stood on it after each write."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        super().__init__(columns, rows)
        self.stood: list[str] = []

    def write(self, text: str) -> int:
        written = super().write(text)
        self.stood.append("\n".join(self.lines()))
        return written


class Named(Held):
    """Files of which the endpoint knows the names."""

    def name(self, file_id: str) -> str:
        return {"file-n": "notes.txt"}.get(file_id, file_id)


def citation(marker: str, file_id: str = "file-n", index: int = 0, **more: Any) -> dict[str, Any]:
    details = {"file_id": file_id, **more}
    return {
        "index": index,
        "type": "file_citation",
        "text": marker,
        "start_index": 0,
        "end_index": 1,
        "file_citation": details,
    }


def shown(
    tmp_path: Path, events: Sequence[Event], files: Held | None = None, screen: Screen | None = None
) -> Screen:
    screen = screen or Watched()

    def make() -> EventHandler:
        handler = ConsoleHandler(console=screen.console(), errors=Console(file=io.StringIO()))
        handler.files = files
        return handler

    path = tmp_path / "run.sse"
    path.write_bytes(b"".join(encode(list(events))))
    replay(path, make, speed=0)
    return screen


def said(
    *deltas: dict[str, Any], whole: str, annotations: Sequence[dict[str, Any]] = (), before: Any = ()
) -> list[Event]:
    """A run whose message comes in these pieces."""
    return [
        *BEGUN,
        *before,
        message_event("created"),
        *(message_delta("msg_1", delta) for delta in deltas),
        message_event("completed", "msg_1", text(whole, *annotations)),
        *ENDED,
    ]


def test_of_a_search_of_the_service_the_marker_never_stands_and_the_passage_is_told(tmp_path: Path) -> None:
    screen = Watched()
    shown(tmp_path, fixture(FILE_SEARCH), screen=screen)
    assert not any("【" in stood or "†" in stood for stood in screen.stood)
    assert "【" not in screen.raw
    lines = screen.lines()
    assert lines[:2] == ["file search", "Filip's favorite food is cake¹."]
    passage = "The favorite food of several people: - Summanus Ferdinand: tacos - Tekakwitha Effie:"
    noted = " ".join(line.strip() for line in lines[2:])
    assert noted.startswith(f"¹  favorite_foods.txt, passage 1 · “{passage}"[:100])
    assert lines[3].startswith("   ") and all(len(line) <= 80 for line in lines)


def test_a_citation_that_streams_by_characters_never_stands(tmp_path: Path) -> None:
    whole = f"So it is{NOTES}, and{PLAN} so{NOTES}."
    screen = Watched()
    shown(tmp_path, said(*(piece(char) for char in whole), whole=whole), screen=screen)
    assert not any("【" in stood or "†" in stood for stood in screen.stood)
    assert screen.lines() == ["So it is¹, and² so¹.", "¹  notes.txt", "²  plan.md", "m"]


LATER = [piece("See"), piece(NOTES), piece("."), piece(None, annotations=[citation(NOTES, quote="words")])]
BEFORE = [piece(None, annotations=[citation(NOTES, quote="words")]), piece(f"See{NOTES}.")]
EMPTY = [piece(f"See{NOTES}"), piece("", annotations=[citation(NOTES, quote="words")]), piece(".")]


@pytest.mark.parametrize("deltas", [LATER, BEFORE, EMPTY])
def test_marker_and_annotation_may_come_in_any_order(tmp_path: Path, deltas: list[dict[str, Any]]) -> None:
    bare = citation(NOTES)  # the finished message has lost the quote, as the service's has
    screen = shown(tmp_path, said(*deltas, whole=f"See{NOTES}.", annotations=[bare]))
    assert screen.lines() == ["See¹.", "¹  notes.txt, passage 1 · “words”", "m"]


def test_an_annotation_of_another_text_leaves_that_text_and_is_explained(tmp_path: Path) -> None:
    whole = "As [1] says."
    screen = shown(
        tmp_path,
        said(piece(whole), whole=whole, annotations=[citation("[1]", quote="It\nsays.", page=3)]),
        Named(),
    )
    assert screen.lines() == [whole, "[1]  notes.txt, page 3 · “It says.”", "m"]


def test_a_marker_that_says_only_source_has_the_name_of_the_endpoint(tmp_path: Path) -> None:
    whole = "So【4:0†source】【5:0†source】."
    notes = [citation("【4:0†source】"), citation("【5:0†source】", "file-unknown")]
    screen = shown(tmp_path, said(piece(whole), whole=whole, annotations=notes), Named())
    assert screen.lines() == ["So¹².", "¹  notes.txt, passage 1", "²  file-unknown, passage 1", "m"]


def test_notes_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    whole = f"a{NOTES} b{PLAN} sandbox:/mnt/data/a.csv"
    notes = [file_path(0), citation(PLAN, "file-p"), citation(NOTES)]
    screen = shown(tmp_path, said(piece(whole), whole=whole, annotations=notes))
    assert [line.partition("  ")[0] for line in screen.lines()[1:-1]] == ["¹", "²", "a.csv"]


def test_a_marker_that_the_end_cut_off_stays_as_it_was_written(tmp_path: Path) -> None:
    assert shown(tmp_path, said(piece("So【4:0†no"), whole="So【4:0†no")).lines() == ["So【4:0†no", "m"]


ODD: dict[str, dict[str, Any]] = {
    "no details": {"type": "file_citation", "text": NOTES, "index": 0},
    "null details": {"type": "file_citation", "text": NOTES, "index": 0, "file_citation": None},
    "no text": {"type": "file_citation", "index": 0, "file_citation": {"file_id": "file-n"}},
    "a new kind": {"type": "url_citation", "text": "x", "index": 0, "url_citation": {"url": "http://x"}},
    "a path without a text": {"type": "file_path", "index": 0, "file_path": {"file_id": "file-n"}},
    "numbers for words": citation("x", 7, quote=8, page=True),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("live", [True, False])
def test_no_annotation_however_odd_ends_a_reply(tmp_path: Path, case: str, live: bool) -> None:
    events = said(piece("So.", annotations=[ODD[case]]), whole="So.", annotations=[ODD[case]])
    if live:
        assert shown(tmp_path, events, Named()).lines()[0] == "So."
        return
    out = io.StringIO()
    shown(tmp_path, events)
    replay(tmp_path / "run.sse", lambda: PlainHandler(output=out, errors=io.StringIO()), speed=0)
    assert out.getvalue() == "So.\n"


def test_the_note_of_a_file_that_was_saved_leads_to_it(tmp_path: Path) -> None:
    whole = "sandbox:/mnt/data/a.csv"
    events = said(piece(whole), whole=whole, annotations=[file_path(0)])
    kept = Path("/kept/a b\x1b]52;c")
    screen = shown(tmp_path, events, Held(kept))
    assert "\x1b]8;;file:///kept/a%20b%1B%5D52;c/a.csv\x1b\\" in screen.raw.replace("%3B", ";")
    assert "\x1b]52" not in screen.raw
    bare = io.StringIO()

    def make() -> EventHandler:
        console = Console(file=bare, width=80, force_terminal=True, no_color=True, _environ={})
        handler = ConsoleHandler(console=console, errors=console)
        handler.files = Held(kept)
        return handler

    replay(tmp_path / "run.sse", make, speed=0)
    assert "\x1b" not in bare.getvalue()
    assert "saved to /kept/a b]52;c/a.csv" in bare.getvalue()


def test_a_result_of_another_file_is_not_taken_for_the_passage() -> None:
    from openai.types.beta.threads import Message
    from openai.types.beta.threads.runs import FileSearchToolCall

    result = {
        "file_id": "file-p",
        "file_name": "plan.md",
        "content": [{"type": "text", "text": "the plan"}],
        "attributes": {"page": 4.0},
    }
    call = FileSearchToolCall.construct(id="c", type="file_search", file_search={"results": [result]})
    passages = Passages()
    passages.found(call.file_search.results)
    for file_id, note in (("file-p", "plan.md, page 4 · “the plan”"), ("file-n", "notes.txt, passage 1")):
        message = Message.construct(content=[text(NOTES, citation(NOTES, file_id))])
        assert footnotes(message, None, {NOTES: 1}, passages) == [("¹", note, None)]


def test_a_search_that_breaks_off_is_no_fault(tmp_path: Path) -> None:
    call = {"id": "c", "type": "file_search"}
    events = said(piece("So."), whole="So.", before=[step_event("completed", "step_1", calls=[call])])
    assert "So." in shown(tmp_path, events).lines()


ALPHABET = st.sampled_from([*"【】†:4a.\n ", "【4:0†", "notes.txt】", "sandbox:/mnt/data/", "]("])


@given(st.lists(ALPHABET, max_size=12), st.data())
def test_however_a_text_is_cut_its_citations_are_the_same(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    whole, cut = Marks(links=True), Marks(links=True)
    expected = whole.all(text)
    at = 0
    came = ""
    while at < len(text):
        end = data.draw(st.integers(at + 1, len(text)))
        came += cut.feed(text[at:end])
        at = end
    assert (came + cut.flush(), cut.numbers) == (expected, whole.numbers)
