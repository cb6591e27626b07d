from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from asstream.errors import ConfigError
from asstream.runtime.models.protocol import (
    ModelError,
    ModelEvent,
    ModelRequest,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.models.scripted import ScriptedModel


def script(*turns: list[dict[str, Any]], match: str | None = None) -> dict[str, Any]:
    return {"replies": [{"match": match, "turns": list(turns)}]}


def say(data: dict[str, Any], *messages: tuple[str, str], **fields: Any) -> list[ModelEvent]:
    async def run() -> list[ModelEvent]:
        request = ModelRequest([{"role": role, "content": content} for role, content in messages], **fields)
        return [event async for event in ScriptedModel.from_dict(data).stream(request)]

    return asyncio.run(run())


USER = ("user", "hello there")


def test_a_string_is_cut_into_words_and_a_list_gives_exact_deltas() -> None:
    events = say(script([{"text": "One two.\n"}, {"text": ["a", "b c"]}]), USER)
    assert events[:-1] == [TextDelta(t) for t in ("One", " two.", "\n", "a", "b c")]
    assert events[-1] == TurnEnd(
        "stop", Usage(2, 5), {"role": "assistant", "content": "One two.\nab c"}, "scripted"
    )


def test_at_a_pace_arguments_are_cut_into_words_and_stay_the_same() -> None:
    arguments = {"code": "print(1 + 2)"}
    events = say(script([{"pace": 0.001}, {"tool_call": {"name": "python", "arguments": arguments}}]), USER)
    pieces = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert len(pieces) > 3
    assert json.loads("".join(pieces)) == arguments


def test_what_no_pace_is_is_refused() -> None:
    with pytest.raises(ConfigError, match="pace must be a number of seconds"):
        ScriptedModel.from_dict(script([{"pace": "slow"}]))


def test_the_first_reply_that_matches_the_last_user_message_is_said() -> None:
    data = {
        "replies": [
            {"match": "^bye", "turns": [[{"text": "1"}]]},
            {"match": None, "turns": [[{"text": "2"}]]},
        ]
    }
    assert say(data, ("user", "bye"), ("assistant", "x"), USER)[0] == TextDelta("2")
    assert say(data, USER, ("assistant", "x"), ("user", "bye now"))[0] == TextDelta("1")


def test_the_turn_follows_from_the_messages_alone_and_the_last_one_repeats() -> None:
    data = script([{"text": "1"}], [{"text": "2"}])
    after = [("assistant", "x"), ("tool", "y")]
    assert [say(data, USER, *after * n)[0] for n in range(4)] == [TextDelta(t) for t in "1222"]


def test_user_and_tool_are_filled_in_once() -> None:
    events = say(script([{"text": ["{user}|{tool}"]}]), ("user", "{tool}"), ("assistant", ""), ("tool", "42"))
    assert events[0] == TextDelta("{tool}|42")


def test_tool_calls_have_ids_that_are_the_same_each_time() -> None:
    data = script(
        [
            {"tool_call": {"name": "f", "arguments": {"a": 1}}},
            {"tool_call": {"name": "g", "arguments": ["{", "}"], "id": "i"}},
        ]
    )
    first, again = say(data, USER), say(data, USER)
    assert first == again
    assert [e.arguments for e in first if isinstance(e, ToolCallDelta)] == ["", '{"a": 1}', "", "{", "}"]
    assert isinstance(first[-1], TurnEnd) and first[-1].finish_reason == "tool_calls"
    assert [c["function"] for c in first[-1].message["tool_calls"]] == [
        {"name": "f", "arguments": '{"a": 1}'},
        {"name": "g", "arguments": "{}"},
    ]


def test_max_tokens_cuts_the_reply() -> None:
    events = say(script([{"text": "one two three"}, {"usage": {"prompt_tokens": 9}}]), USER, max_tokens=2)
    assert events[:-1] == [TextDelta("one"), TextDelta(" two")]
    assert isinstance(events[-1], TurnEnd) and events[-1].finish_reason == "length"


def test_refusal_usage_and_finish_are_as_scripted() -> None:
    events = say(
        script(
            [
                {"refusal": ["no"]},
                {"wait": 0.001},
                {"usage": {"prompt_tokens": 3, "completion_tokens": 4}},
                {"finish": "content_filter"},
            ]
        ),
        USER,
    )
    assert events[0] == RefusalDelta("no")
    assert isinstance(events[-1], TurnEnd)
    assert (events[-1].finish_reason, events[-1].usage) == ("content_filter", Usage(3, 4))


def test_errors_and_breaks_are_raised() -> None:
    with pytest.raises(ModelError, match="too long") as error:
        say(
            script([{"error": {"message": "too long", "code": "invalid_prompt", "kind": "context_length"}}]),
            USER,
        )
    assert (error.value.code, error.value.kind) == ("invalid_prompt", "context_length")
    with pytest.raises(ModelError, match="mid-stream"):
        say(script([{"text": "a"}, {"break": True}]), USER)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "the script must be an object"),
        ({"replies": []}, "replies must be a list that is not empty"),
        ({"replies": [{"match": "(", "turns": [[]]}]}, r"replies\[0\].match is no regular expression"),
        (script([{"txt": "x"}]), r"replies\[0\].turns\[0\]\[0\]: 'txt' is no step; steps are text"),
        (script([{"text": 1}]), r"turns\[0\]\[0\].text must be a string"),
        (script([], [{"text": "a", "wait": 1}]), r"turns\[1\]\[0\] must be an object with one key"),
        (script([{"wait": -1}]), "seconds"),
        (script([{"tool_call": {"arguments": {}}}]), "name must be"),
        (script([{"finish": "tired"}]), "one of stop, length"),
        (script([{"error": {"message": "x", "code": "E"}}]), "code must be one of"),
        (script([{"usage": {"tokens": 1}}]), "unknown key 'tokens'"),
    ],
)
def test_a_wrong_script_says_where_it_is_wrong(tmp_path: Path, data: Any, said: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match=said) as error:
        ScriptedModel.from_file(path)
    assert str(path) in error.value.message


def test_a_script_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json can't be read"):
        ScriptedModel.from_file(tmp_path / "nowhere.json")
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(ConfigError, match=r"s\.json is no JSON"):
        ScriptedModel.from_file(tmp_path / "s.json")
