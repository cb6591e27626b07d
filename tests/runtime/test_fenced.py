"""A model that knows no functions runs code by writing it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from asstream.runtime.fenced import MOST_CALLS, FencedModel
from asstream.runtime.fenced_words import STOPPED_TEXT, UNRUN_TEXT, in_words
from asstream.runtime.models.protocol import (
    Message,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.records import UNFINISHED, UNRUN
from tests.runtime.opened import PlayedModel

TOOLS = [{"type": "function", "function": {"name": "python"}}]
USER: Message = {"role": "user", "content": "Sum?"}


class Spoken:
    """Says pieces, and notes whether it was stopped."""

    def __init__(self, *pieces: str, finish: Any = "stop") -> None:
        self.pieces = pieces
        self.finish = finish
        self.said = 0

    async def play(self, _: ModelRequest) -> AsyncIterator[ModelEvent]:
        for piece in self.pieces:
            self.said += 1
            yield TextDelta(piece)
        message = {"role": "assistant", "content": "".join(self.pieces), "reasoning_content": "hm"}
        yield TurnEnd(self.finish, Usage(5, 6), message)


def turn(spoken: Spoken, messages: list[Message] | None = None, tools: Any = TOOLS) -> tuple[list[Any], Any]:
    """What a turn says (texts, and the arguments of its call put together), and what the model was asked."""
    model = PlayedModel(spoken.play)

    async def main() -> list[ModelEvent]:
        request = ModelRequest(messages or [USER], tools, tool_choice="required", parallel_tool_calls=True)
        return [event async for event in FencedModel(model, "python").stream(request)]

    return asyncio.run(main()), model.asked[0]


def arguments(events: list[ModelEvent]) -> str:
    return "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))


def call(code: str, id: str = "call_1") -> Message:
    function = {"name": "python", "arguments": json.dumps({"code": code})}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": id, "type": "function", "function": function}],
    }


def output(text: str, id: str = "call_1") -> Message:
    return {"role": "tool", "tool_call_id": id, "content": text}


def test_a_block_of_python_is_a_call_and_ends_the_reply() -> None:
    spoken = Spoken("Let me", " see.\n``", '`python\nprint("✓', '")\n``', "`\nIt", " is 385", " surely")
    events, _ = turn(spoken)
    assert spoken.said == 5
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert text == "Let me see."
    assert json.loads(arguments(events)) == {"code": 'print("✓")'}
    end = events[-1]
    [made] = end.message["tool_calls"]
    assert (end.finish_reason, end.usage, end.message["content"]) == ("tool_calls", None, "Let me see.")
    assert made["function"] == {"name": "python", "arguments": json.dumps({"code": 'print("✓")'})}
    first = next(event for event in events if isinstance(event, ToolCallDelta))
    assert (first.id, first.name) == (made["id"], "python")


def test_a_reply_without_code_is_passed_on_as_it_is() -> None:
    events, _ = turn(Spoken("Hello ", "there. "))
    assert [event.text for event in events[:-1]] == ["Hello", " there."]
    assert events[-1].message["reasoning_content"] == "hm"
    assert events[-1].usage == Usage(5, 6)


@pytest.mark.parametrize(("finish", "told"), [("stop", "tool_calls"), ("length", "length")])
def test_a_block_that_was_not_closed_is_a_call_unless_it_was_cut_off(finish: str, told: str) -> None:
    events, _ = turn(Spoken("```python\nprint(1)\n", finish=finish))
    assert (events[-1].finish_reason, json.loads(arguments(events))) == (told, {"code": "print(1)"})


def test_an_empty_block_is_no_call() -> None:
    events, _ = turn(Spoken("```python\n```"))
    assert events[-1].finish_reason == "stop"


def test_the_model_is_asked_without_functions_and_told_that_code_is_run() -> None:
    _, asked = turn(Spoken("Hi"), [{"role": "system", "content": "Be brief."}, USER])
    assert (asked.tools, asked.tool_choice, asked.parallel_tool_calls) == ((), None, None)
    system, user = asked.messages
    assert "```python" in system["content"]
    assert system["content"].endswith("\n\nBe brief.")
    assert user == USER


def test_calls_and_outputs_come_to_the_model_in_words() -> None:
    other = {"id": "call_2", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    mixed = call("1 + 1")
    mixed["tool_calls"].append(other)
    mixed["content"] = "Let me see."
    failed = [call("1 / 0", "call_3"), output("ZeroDivisionError: division by zero", "call_3")]
    _, asked = turn(Spoken("Hi"), [USER, mixed, output("2"), output("3", "call_2"), *failed])
    shown = [(message["role"], message["content"]) for message in asked.messages[2:]]
    assert shown[0] == ("assistant", "Let me see.\n\n```python\n1 + 1\n```\n\nadd({})")
    assert shown[1][0] == "user"
    assert "\n\n2\n\n" in shown[1][1]
    assert shown[2] == ("user", "Result: 3")
    assert "failed" in shown[4][1]
    assert "ZeroDivisionError" in shown[4][1]
    assert not any("tool_calls" in message for message in asked.messages)


def test_code_is_only_text_after_so_many_calls_and_where_none_is_offered() -> None:
    made = [message for n in range(MOST_CALLS) for message in (call("x", f"c{n}"), output("1", f"c{n}"))]
    for messages, tools in (([USER, *made], TOOLS), ([USER], ())):
        events, _ = turn(Spoken("```python\nx\n```"), messages, tools)
        assert events[0] == TextDelta("```python\nx\n```")
        assert (events[-1].finish_reason, bool(events[-1].note)) == ("stop", bool(tools))
    events, _ = turn(Spoken("```python\nx\n```"), [USER, *made, USER])
    assert events[-1].finish_reason == "tool_calls"


CODE: Message = {"role": "assistant", "content": "See:\n```python\nx\n```"}
PICTURE: Message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}


@pytest.mark.parametrize(
    ("messages", "shown"),
    [
        ([CODE, USER], [CODE["content"], f"{UNRUN_TEXT}\n\nSum?"]),
        ([CODE, PICTURE], [CODE["content"], UNRUN_TEXT, PICTURE["content"]]),
        ([CODE], [CODE["content"], UNRUN_TEXT]),
        ([{**CODE, "content": "```sh\nls\n```"}, USER], ["```sh\nls\n```", "Sum?"]),
        ([{**CODE, "role": "user"}, USER], [CODE["content"], "Sum?"]),
        ([call("x"), output(UNRUN), USER], ["```python\nx\n```", f"{UNRUN_TEXT}\n\nSum?"]),
        ([call("x"), output(UNFINISHED), USER], ["```python\nx\n```", f"{STOPPED_TEXT}\n\nSum?"]),
    ],
)
def test_the_model_is_told_which_code_did_not_run(messages: list[Message], shown: list[Any]) -> None:
    told = in_words(messages, "python", hint=False)
    assert [message["content"] for message in told] == shown


JSON: Any = {"type": "json_object"}
SCHEMA: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}


def formed(
    replies: list[Spoken], form: Any, messages: list[Message] | None = None, most: int | None = None
) -> tuple[list[Any], list[ModelRequest]]:
    """What is said of replies to one request for a form, and what the model was asked for them."""
    left = iter(replies)
    model = PlayedModel(lambda request: next(left).play(request))

    async def main() -> list[ModelEvent]:
        request = ModelRequest(messages or [USER], TOOLS, response_format=form, max_tokens=most)
        return [event async for event in FencedModel(model, "python").stream(request)]

    return asyncio.run(main()), model.asked


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("form", [JSON, SCHEMA])
def test_a_form_does_not_keep_a_model_from_code(form: Any) -> None:
    events, [asked] = formed([Spoken("I'll see.\n", "```python\nprint(1)\n```", " never said")], form)
    assert asked.response_format is None
    assert (text_of(events), json.loads(arguments(events))) == ("I'll see.", {"code": "print(1)"})
    assert events[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize("form", [JSON, SCHEMA])
def test_a_reply_without_code_is_asked_for_again_in_its_form(form: Any) -> None:
    events, asked = formed([Spoken("It is ", "1."), Spoken('{"a": ', "1}")], form, most=10)
    assert (text_of(events), events[-1].finish_reason) == ('{"a": 1}', "stop")
    assert [request.response_format for request in asked] == [None, form]
    assert [request.max_tokens for request in asked] == [10, 4]
    assert asked[1].messages == [USER]
    assert events[-1].usage == Usage(10, 12)


def test_what_has_its_form_already_is_not_asked_for_again() -> None:
    events, asked = formed([Spoken('{"a": ', "1}")], JSON)
    assert (text_of(events), len(asked)) == ('{"a": 1}', 1)
    events, asked = formed([Spoken("[1]"), Spoken("{}")], JSON)
    assert (text_of(events), len(asked)) == ("{}", 2)


@pytest.mark.parametrize(("finish", "most"), [("length", None), ("content_filter", None), ("stop", 6)])
def test_no_form_is_asked_for_where_the_reply_was_cut_off_or_no_tokens_are_left(
    finish: str, most: int | None
) -> None:
    events, asked = formed([Spoken("It is", finish=finish)], JSON, most=most)
    assert (text_of(events), events[-1].finish_reason, len(asked)) == ("It is", finish, 1)


def test_a_reply_after_the_last_call_has_its_form_at_once() -> None:
    made = [message for n in range(MOST_CALLS) for message in (call("x", f"c{n}"), output("1", f"c{n}"))]
    _, [asked] = formed([Spoken("{}")], JSON, [USER, *made])
    assert asked.response_format == JSON
