"""What a run asks of its model, and how the limits of a request end it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asstream.runtime import Runtime, open_runtime
from asstream.runtime.models.protocol import (
    Message,
    ModelError,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.objects import Object
from asstream.runtime.rows import Listing
from tests.runtime.opened import (
    FUNCTION,
    PlayedModel,
    begin,
    bounded,
    calls,
    calls_once,
    ended,
    outputs,
    says,
    stored,
    told,
)

FORCED = {"type": "function", "function": {"name": "add"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}


def run_once(path: Path, model: PlayedModel, assistant: Object | None = None, **fields: Any) -> Object:
    """One run of an assistant over `thread` (a field), to its end or pause."""

    async def main() -> Object:
        async with open_runtime(path, model) as runtime:
            made = await runtime.assistants.create({"model": "m", "tools": [FUNCTION], **(assistant or {})})
            thread = {"messages": [{"role": "user", "content": "Hello"}]}
            run = await runtime.runs.create_with_thread(
                {"assistant_id": made["id"], "thread": thread, **fields}
            )
            return await ended(runtime, run)

    found: Object = bounded(main())
    return found


FILE_SEARCH = {"type": "file_search"}
STRICT = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        "strict": True,
    },
}

REACHES = [
    ({}, {}, {"temperature": None, "top_p": None, "tool_choice": None, "response_format": None}),
    ({}, {"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
    ({"temperature": 1.5}, {}, {"temperature": 1.5, "top_p": None}),
    ({"temperature": 1.5}, {"temperature": 1.0}, {"temperature": 1.0}),
    ({}, {"tool_choice": "required"}, {"tool_choice": "required"}),
    ({}, {"tool_choice": FORCED}, {"tool_choice": FORCED}),
    ({"tools": [FILE_SEARCH]}, {"tool_choice": {"type": "file_search"}}, {"tool_choice": None}),
    ({"tools": [STRICT]}, {}, {"tools": [STRICT]}),
    ({}, {"tool_choice": "none"}, {"tools": [], "tool_choice": None, "parallel_tool_calls": None}),
    ({}, {"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    ({"tools": []}, {}, {"tools": [], "parallel_tool_calls": None}),
    ({"response_format": SCHEMA}, {}, {"response_format": SCHEMA}),
    ({"response_format": SCHEMA}, {"response_format": {"type": "text"}}, {"response_format": None}),
    ({"reasoning_effort": "low"}, {}, {"reasoning_effort": "low"}),
    ({}, {"max_completion_tokens": 7}, {"max_tokens": 7}),
]


@pytest.mark.parametrize(("assistant", "fields", "wanted"), REACHES)
def test_what_was_asked_reaches_the_model(
    tmp_path: Path, assistant: Object, fields: Object, wanted: Object
) -> None:
    model = PlayedModel(lambda _: says("Hi."))
    assert run_once(tmp_path, model, assistant, **fields)["status"] == "completed"
    [request] = model.asked
    assert {key: getattr(request, key) for key in wanted} == wanted


def test_a_forced_tool_is_forced_once_and_instructions_come_first(tmp_path: Path) -> None:
    async def main() -> None:
        model = PlayedModel(calls_once)
        async with open_runtime(tmp_path, model) as runtime:
            run = await begin(runtime, instructions="One.", tool_choice="required")
            waiting = await ended(runtime, run)
            again, seq = await runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting))
            assert (await ended(runtime, again, seq))["status"] == "completed"
            first, second = model.asked
            assert (first.tool_choice, second.tool_choice) == ("required", None)
            assert [message["role"] for message in second.messages] == ["system", "user", "assistant", "tool"]
            assert second.messages[0]["content"] == "One."

    bounded(main())


def test_messages_come_to_the_model_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    async def main() -> None:
        model = PlayedModel(lambda _: says("Reply."))
        async with open_runtime(tmp_path, model) as runtime:
            thread = await runtime.threads.create({"messages": [_user("a"), _said("b"), _user("c")]})
            assistant = await runtime.assistants.create({"model": "m"})
            more = [_user("d"), _user("e")]
            fields = {"assistant_id": assistant["id"], "additional_messages": more}
            await ended(runtime, await runtime.runs.create(thread["id"], fields))
            [request] = model.asked
            assert [message["content"] for message in request.messages] == ["a", "b", "c", "d", "e"]
            listed = runtime.messages.page(thread["id"], Listing(order="asc"))["data"]
            texts = [each["content"][0]["text"]["value"] for each in listed]
            assert texts == ["a", "b", "c", "d", "e", "Reply."]

    bounded(main())


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _said(text: str) -> Message:
    return {"role": "assistant", "content": text}


def test_completion_tokens_are_counted_over_all_turns_of_a_run(tmp_path: Path) -> None:
    async def main(most: int) -> tuple[Object, PlayedModel]:
        model = PlayedModel(lambda r: says("Done.") if r.messages[-1]["role"] == "tool" else calls(tokens=5))
        async with open_runtime(tmp_path / str(most), model) as runtime:
            run = await begin(runtime, max_completion_tokens=most)
            waiting = await ended(runtime, run)
            again, seq = await runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting))
            return await ended(runtime, again, seq), model

    run, model = bounded(main(8))
    assert (run["status"], run["usage"]["completion_tokens"]) == ("completed", 6)
    assert [request.max_tokens for request in model.asked] == [8, 3]
    run, model = bounded(main(5))
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_completion_tokens"})
    assert len(model.asked) == 1


@pytest.mark.parametrize(("most", "shown"), [(100, 3), (99, 2), (61, 2), (59, 1), (30, 1), (29, 0)])
def test_prompt_tokens_are_never_more_than_allowed(tmp_path: Path, most: int, shown: int) -> None:
    model = PlayedModel(lambda _: says("Hi."))
    texts = [" ".join(["word"] * count) for count in (40, 30, 30)]
    thread = {"messages": [_user(text) for text in texts]}
    run = run_once(tmp_path, model, {"tools": []}, thread=thread, max_prompt_tokens=most)
    if shown:
        assert [message["content"] for message in model.asked[0].messages] == texts[-shown:]
    else:
        assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_prompt_tokens"})
        assert model.asked == []


@pytest.mark.parametrize(("counted", "status"), [(20, "completed"), (21, "incomplete")])
def test_where_tokens_are_estimated_the_models_own_count_decides(
    tmp_path: Path, counted: int, status: str
) -> None:
    model = PlayedModel(lambda _: says("Hi.", prompt=counted))
    model.counts_exactly = False
    thread = {"messages": [_user("word " * 30), _user("word " * 25)]}
    run = run_once(tmp_path, model, {"tools": []}, thread=thread, max_prompt_tokens=20)
    assert len(model.asked[0].messages) == 1  # the shortest prompt that there is
    assert run["status"] == status
    assert run["incomplete_details"] == (None if status == "completed" else {"reason": "max_prompt_tokens"})


def test_a_turn_that_is_cut_off_is_counted_as_far_as_it_was_heard(tmp_path: Path) -> None:
    async def breaks(text: str) -> AsyncIterator[ModelEvent]:
        if text:
            yield TextDelta(text)
        raise ModelError("It broke.")

    run = run_once(tmp_path / "some", PlayedModel(lambda _: breaks("one two three")), {"tools": []})
    assert run["status"] == "failed"
    assert (run["usage"]["prompt_tokens"], run["usage"]["completion_tokens"]) == (1, 3)
    assert run_once(tmp_path / "none", PlayedModel(lambda _: breaks("")), {"tools": []})["usage"] is None


def test_a_thread_longer_than_the_window_is_asked_with_its_newest_part(tmp_path: Path) -> None:
    model = PlayedModel(lambda _: says("Hi."), context_window=200)
    thread = {"messages": [_user(" ".join([f"word{n}"] * 20)) for n in range(100)]}
    assert run_once(tmp_path, model, {"tools": []}, thread=thread)["status"] == "completed"
    shown = [message["content"].split()[0] for message in model.asked[0].messages]
    assert shown == [f"word{n}" for n in range(93, 100)]


def test_a_prompt_that_the_model_finds_too_long_is_asked_again_with_less(tmp_path: Path) -> None:
    async def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        if len(request.messages) > 3:
            raise ModelError("Too long.", kind="context_length")
        async for event in says("Hi."):
            yield event

    model = PlayedModel(play)
    thread = {"messages": [_user(str(n)) for n in range(100)]}
    assert run_once(tmp_path, model, thread=thread)["status"] == "completed"
    assert [message["content"] for message in model.asked[-1].messages][-1] == "99"
    assert len(model.asked) < 10


def test_a_message_that_alone_is_too_long_fails_with_the_models_word(tmp_path: Path) -> None:
    async def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        if request.messages:
            raise ModelError("Too long.", kind="context_length")
        yield TextDelta("")

    run = run_once(tmp_path, PlayedModel(play))
    assert (run["status"], run["last_error"]["message"]) == ("failed", "Too long.")


def test_a_run_that_names_no_model_leaves_the_choice_to_the_source(tmp_path: Path) -> None:
    class Source(PlayedModel):
        async def get(self, name: str | None) -> PlayedModel:
            named.append(name)
            return self

    named: list[str | None] = []
    models = [
        run_once(tmp_path / name, Source(lambda _: says("Hi.")), {"model": name})["model"]
        for name in ("default", "gpt-4o")
    ]
    assert (named, models) == ([None, "gpt-4o"], ["played", "gpt-4o"])


def test_a_number_of_last_messages_beyond_all_bounds_is_all_of_them(tmp_path: Path) -> None:
    strategy = {"type": "last_messages", "last_messages": 10**30}
    assert run_once(tmp_path, PlayedModel(lambda _: says("Hi.")), truncation_strategy=strategy)["status"] == (
        "completed"
    )


def test_a_runs_usage_counts_turns_that_called_what_nobody_offered(tmp_path: Path) -> None:
    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        outputs_so_far = sum(message["role"] == "tool" for message in request.messages)
        return (calls("rm", "call_0"), calls("add", "call_1"), says("Done."))[outputs_so_far]

    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(play)) as runtime:
            run = await begin(runtime)
            waiting = await ended(runtime, run)
            again, seq = await runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting))
            assert (await ended(runtime, again, seq))["usage"]["total_tokens"] == 9

    bounded(main())


def test_a_model_that_calls_nothing_but_what_nobody_offered_is_asked_three_times(tmp_path: Path) -> None:
    model = PlayedModel(lambda _: calls("rm\x1b[31m"))
    run = run_once(tmp_path, model)
    assert (run["status"], len(model.asked)) == ("failed", 3)
    assert r"'rm\x1b[31m' with '{}'" in run["last_error"]["message"]


def test_text_around_a_call_comes_again_to_the_model_as_it_was(tmp_path: Path) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    said: Message = {"role": "assistant", "content": "Before.After.", "tool_calls": [call]}

    async def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        if request.messages[-1]["role"] != "user" or len(request.messages) > 1:
            async for event in says("Done."):
                yield event
            return
        yield TextDelta("Before.")
        yield ToolCallDelta(0, "{}", "call_1", "add")
        yield TextDelta("After.")
        yield TurnEnd("tool_calls", Usage(2, 3), said)

    async def main() -> None:
        model = PlayedModel(play)
        async with open_runtime(tmp_path, model) as runtime:
            run = await begin(runtime)
            waiting = await ended(runtime, run)
            assert waiting["status"] == "requires_action", waiting["last_error"]
            again, seq = await runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting))
            assert (await ended(runtime, again, seq))["status"] == "completed"
            await _ask_again(runtime, run)
            assert [message["role"] for message in model.asked[-1].messages] == [
                "user",
                "assistant",
                "tool",
                "assistant",
                "user",
            ]
            assert model.asked[-1].messages[1] == said

    async def _ask_again(runtime: Runtime, run: Object) -> None:
        fields = {"assistant_id": run["assistant_id"], "additional_messages": [_user("And?")]}
        assert (await ended(runtime, await runtime.runs.create(run["thread_id"], fields)))["status"] == (
            "completed"
        )

    bounded(main())


def test_a_run_of_an_assistant_that_is_not_there_leaves_no_thread(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            fields = {"assistant_id": "asst_x", "thread": {"messages": [_user("Hi")]}}
            with pytest.raises(Exception, match="No assistant found with id 'asst_x'"):
                await runtime.runs.create_with_thread(fields)
            for table in ("threads", "messages", "runs", "events"):
                assert runtime.core.store.read(f"SELECT count(*) FROM {table}") == [(0,)]

    bounded(main())


def test_every_event_of_a_run_is_whole_and_its_steps_add_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, PlayedModel(calls_once)) as runtime:
            run = await begin(runtime)
            waiting = await ended(runtime, run)
            again, seq = await runtime.runs.submit(run["thread_id"], run["id"], outputs(waiting))
            await told(runtime, again, seq)
            steps = runtime.runs.steps(run["thread_id"], run["id"], Listing())["data"]
            total = sum(step["usage"]["total_tokens"] for step in steps)
            assert stored(runtime, run)["usage"]["total_tokens"] == total == 6

    bounded(main())
