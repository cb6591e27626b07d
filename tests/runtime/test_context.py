"""What a model is shown of a thread, and what goes when it is too much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from asstream.runtime import objects, rows
from asstream.runtime.context import Conversation, conversation, left_out
from asstream.runtime.models.protocol import Message, ModelEvent, ModelRequest
from asstream.runtime.objects import Object
from asstream.runtime.rows import MESSAGE
from asstream.runtime.scribe import add_turn
from asstream.runtime.store import Store, Writer


class WordCounter:
    """Counts a word as a token, and says nothing: what is tested here never asks it for text."""

    name = "words"
    context_window = None
    counts_exactly = True

    def __init__(self) -> None:
        self.counted = 0

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        raise NotImplementedError

    async def count_tokens(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] = ()) -> int:
        self.counted += 1
        return sum(len(str(message["content"]).split()) for message in messages)


def exchange(words: int, role: str = "user") -> list[Message]:
    return [{"role": role, "content": " ".join(["word"] * words)}]


def leave_out(talk: Conversation, limit: int, counter: WordCounter | None = None) -> int | None:
    return asyncio.run(left_out(talk, counter or WordCounter(), [], limit))


def test_nothing_goes_when_everything_fits() -> None:
    talk = Conversation("Be kind.", [exchange(50), exchange(50)], [])
    assert leave_out(talk, 200) == 0


def test_a_prompt_that_is_short_in_bytes_is_not_counted() -> None:
    counter = WordCounter()
    assert leave_out(Conversation(None, [exchange(2)], []), 1000, counter) == 0
    assert counter.counted == 0


@pytest.mark.parametrize(("limit", "gone"), [(400, 0), (399, 1), (301, 1), (299, 2), (100, 3)])
def test_the_oldest_exchanges_go_first_and_no_more_than_needed(limit: int, gone: int) -> None:
    talk = Conversation(None, [exchange(100) for _ in range(4)], [])
    assert leave_out(talk, limit) == gone


def test_instructions_and_the_newest_message_stay_or_nothing_does() -> None:
    talk = Conversation("a b c d e", [exchange(100), exchange(100)], [])
    assert leave_out(talk, 105) == 1
    assert [m["role"] for m in talk.messages(1)] == ["system", "user"]
    assert leave_out(talk, 104) is None


def test_a_long_thread_is_cut_with_few_counts() -> None:
    counter = WordCounter()
    talk = Conversation(None, [exchange(40) for _ in range(500)], [])
    assert leave_out(talk, 1000, counter) == 475
    assert counter.counted <= 4


def test_the_length_of_an_images_data_drives_nothing_out() -> None:
    url = "data:image/png;base64," + "A" * 300_000
    newest: Message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
    talk = Conversation(None, [*(exchange(100) for _ in range(10)), [newest]], [])
    assert leave_out(talk, 950) == 1


# What is read from a thread


def text(role: str, value: str, run_id: str | None = None) -> Object:
    return {**objects.message("thread_1", {"role": role, "content": value}), "run_id": run_id}


def turn(message_id: str | None, *messages: Message, model: str = "m") -> Object:
    ids = [message_id] if message_id else []
    return {"model": model, "messages": messages, "message_ids": ids, "step_id": None, "usage": None}


def read(path: Path, messages: list[Object], turns: list[tuple[str, Object]], **run: Any) -> Conversation:
    """The conversation of a run over these messages and recorded turns."""

    async def main() -> Conversation:
        store = Store(path / "db")

        def work(writer: Writer) -> None:
            for each in messages:
                rows.insert(writer, MESSAGE, each, thread_id="thread_1", run_id=each["run_id"])
            for run_id, record in turns:
                add_turn(writer, run_id, rows.dump(record))

        try:
            await store.write(work)
            asked = {**objects.run("thread_1", objects.assistant({"model": "m"}), {}), **run}
            return conversation(store, path, asked, "m")
        finally:
            await store.close()

    return asyncio.run(main())


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}, "signature": "s"}
CALLED: Message = {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "hm"}
OUTPUT: Message = {"role": "tool", "tool_call_id": "call_1", "content": "42"}


def test_what_an_earlier_run_called_is_shown_again_as_it_was(tmp_path: Path) -> None:
    answer = text("assistant", "It is 42.", "run_0")
    said: Message = {"role": "assistant", "content": "It is 42."}
    turns = [
        ("run_0", turn(None, CALLED)),
        ("run_0", turn(None, OUTPUT)),
        ("run_0", turn(answer["id"], said)),
    ]
    talk = read(tmp_path, [text("user", "6 * 7?"), answer, text("user", "Sure?")], turns)
    assert talk.messages() == [
        {"role": "user", "content": "6 * 7?"},
        CALLED,
        OUTPUT,
        said,
        {"role": "user", "content": "Sure?"},
    ]
    assert len(talk.exchanges) == 3


def test_another_model_is_not_shown_what_a_provider_added(tmp_path: Path) -> None:
    answer = text("assistant", "42", "run_0")
    said: Message = {"role": "assistant", "content": "42", "reasoning_content": "hm"}
    talk = read(tmp_path, [answer], [("run_0", turn(answer["id"], said, model="other"))])
    assert talk.messages() == [{"role": "assistant", "content": "42"}]


def test_a_message_that_was_cut_short_is_shown_as_far_as_it_came(tmp_path: Path) -> None:
    talk = read(tmp_path, [text("assistant", "Half a", "run_0")], [])
    assert talk.messages() == [{"role": "assistant", "content": "Half a"}]


def test_calls_that_never_got_an_output_are_left_out(tmp_path: Path) -> None:
    first = text("assistant", "Let me see.", "run_0")
    called = {**CALLED, "content": "Let me see."}
    talk = read(tmp_path, [first], [("run_0", turn(first["id"], called))])
    assert talk.messages() == [{"role": "assistant", "content": "Let me see."}]


def test_of_several_calls_those_that_got_an_output_are_shown(tmp_path: Path) -> None:
    lost = {**CALL, "id": "call_2"}
    turns = [
        ("run_0", turn(None, {**CALLED, "tool_calls": [CALL, lost]})),
        ("run_0", turn(None, OUTPUT)),
        ("run_0", turn(None, {**CALLED, "tool_calls": [lost]})),
    ]
    talk = read(tmp_path, [text("user", "Go on.")], turns, id="run_0")
    assert talk.messages() == [{"role": "user", "content": "Go on."}, CALLED, OUTPUT]


@pytest.mark.parametrize("shown", [1, 2])
def test_an_output_is_not_shown_without_its_call(tmp_path: Path, shown: int) -> None:
    first, answer = (text("assistant", said, "run_0") for said in ("Let me see.", "It is 42."))
    turns = [
        ("run_0", turn(first["id"], {**CALLED, "content": "Let me see."})),
        ("run_0", turn(None, OUTPUT)),
        ("run_0", turn(answer["id"], {"role": "assistant", "content": "It is 42."})),
    ]
    strategy = {"type": "last_messages", "last_messages": shown}
    talk = read(tmp_path, [first, answer, text("user", "Sure?")], turns, truncation_strategy=strategy)
    assert [m["role"] for m in talk.messages()] == ["assistant", "user"][-shown:]


def test_the_runs_own_turns_come_last_and_whole(tmp_path: Path) -> None:
    turns = [("run_1", turn(None, CALLED)), ("run_1", turn(None, OUTPUT))]
    talk = read(tmp_path, [text("user", "6 * 7?")], turns, id="run_1")
    assert talk.messages() == [{"role": "user", "content": "6 * 7?"}, CALLED, OUTPUT]
    assert talk.tail == [CALLED, OUTPUT]


def test_last_messages_shows_exactly_so_many(tmp_path: Path) -> None:
    messages = [text("user", str(number)) for number in range(5)]
    strategy = {"type": "last_messages", "last_messages": 2}
    talk = read(tmp_path, messages, [], truncation_strategy=strategy)
    assert [m["content"] for m in talk.messages()] == ["3", "4"]


def test_images_are_shown_and_a_deleted_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file-1").write_bytes(b"\x89PNG\r\n\x1a\n")
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image_file", "image_file": {"file_id": "file-1", "detail": None}},
        {"type": "image_file", "image_file": {"file_id": "file-2"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]
    message = {**objects.message("thread_1", {"role": "user", "content": parts}), "run_id": None}
    [shown] = read(tmp_path, [message], []).messages()
    words, image, gone, url = shown["content"]
    assert words == {"type": "text", "text": "Look:"}
    assert image["image_url"] == {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    assert gone == {"type": "text", "text": "[The image file-2 was deleted.]"}
    assert url["image_url"]["url"] == "https://example.org/a.png"
