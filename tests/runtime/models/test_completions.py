from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import JSONResponse

from asstream.runtime.models.protocol import (
    ModelError,
    ModelEvent,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)

from .conftest import FakeEndpoint, delta, turn


def end(events: list[ModelEvent]) -> TurnEnd:
    assert isinstance(events[-1], TurnEnd)
    return events[-1]


def calls(events: list[ModelEvent]) -> list[tuple[str | None, str]]:
    """(name, arguments) of each call, from the deltas alone; checks that the first has id and name."""
    found: dict[int, list[Any]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            if event.index not in found:
                assert event.id and event.name and event.index == len(found)
                found[event.index] = [event.name, ""]
            else:
                assert event.id is None and event.name is None
            found[event.index][1] += event.arguments
    return [(name, arguments) for name, arguments in found.values()]


def call(
    index: int | None = None,
    id: str | None = None,
    name: str | None = None,
    arguments: Any = None,
    **more: Any,
) -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {}, **more}
    for key, value in (("index", index), ("id", id)):
        if value is not None:
            piece[key] = value
    if name is not None:
        piece["function"]["name"] = name
    if arguments is not None:
        piece["function"]["arguments"] = arguments
    return piece


class TestText:
    def test_text_and_usage_arrive_in_order(self, fake: FakeEndpoint) -> None:
        usage = {
            "prompt_tokens": 7,
            "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 1},
        }
        fake.says(
            fake.stream(
                delta(role="assistant", content=""),
                delta(content="Hel"),
                delta(content="lo"),
                delta("stop"),
                {"choices": [], "usage": usage},
            )
        )
        events = turn(fake)
        assert events[:2] == [TextDelta("Hel"), TextDelta("lo")]
        assert end(events) == TurnEnd(
            "stop", Usage(7, 2, 3, 1), {"role": "assistant", "content": "Hello"}, "m-1"
        )
        assert fake.requests[0]["stream_options"] == {"include_usage": True}
        assert fake.headers[0]["authorization"] == "Bearer sk-secret-key"

    def test_a_refusal_is_no_text(self, fake: FakeEndpoint) -> None:
        fake.says(fake.stream(delta(refusal="I "), delta("stop", refusal="won't")))
        events = turn(fake)
        assert events[:2] == [RefusalDelta("I "), RefusalDelta("won't")]
        assert end(events).message["refusal"] == "I won't"

    def test_unknown_fields_are_kept_for_the_next_turn(self, fake: FakeEndpoint) -> None:
        fake.says(
            fake.stream(
                delta(reasoning_content="Let me "),
                delta(reasoning_content="see"),
                delta("stop", content="4", x={"a": 1}),
            )
        )
        assert end(turn(fake)).message == {
            "role": "assistant",
            "content": "4",
            "reasoning_content": "Let me see",
            "x": {"a": 1},
        }

    def test_reasoning_details_are_joined_by_index_and_signatures_are_not_doubled(
        self, fake: FakeEndpoint
    ) -> None:
        def piece(text: str) -> dict[str, Any]:
            return delta(
                reasoning_details=[{"index": 0, "type": "reasoning.text", "text": text, "signature": "S"}]
            )

        fake.says(fake.stream(piece("a"), piece("b"), delta("stop", content="x")))
        detail = {"index": 0, "type": "reasoning.text", "text": "ab", "signature": "S"}
        assert end(turn(fake)).message["reasoning_details"] == [detail]

    def test_an_endpoint_that_does_not_stream_is_understood(self, fake: FakeEndpoint) -> None:
        answer = {
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "whole"}, "finish_reason": "stop"}
            ]
        }
        fake.says(lambda _: JSONResponse(answer))
        assert turn(fake)[0] == TextDelta("whole")

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ("stop", "stop"),
            ("length", "length"),
            ("MAX_TOKENS", "length"),
            ("content_filter", "content_filter"),
            ("SAFETY", "content_filter"),
            ("eos", "stop"),
            (None, "stop"),
        ],
    )
    def test_finish_reasons_of_all_kinds(self, fake: FakeEndpoint, given: str | None, meant: str) -> None:
        fake.says(fake.stream(delta(given, content="x")))
        assert end(turn(fake)).finish_reason == meant

    @pytest.mark.parametrize(
        "odd",
        [
            ": OPENROUTER PROCESSING\n\n",
            "data: not json\n\n",
            "data:\n\n",
            'data: {"choices": null}\n\n',
            "data: 7\r\n\r\n",
            'data:{"choices":[{"index":1,"delta":{"content":"other choice"}}]}\n\n',
            'data: {"choices":[{"delta":null}]}\n\n',
            'data: {"choices":[{"delta":{"content":null,"tool_calls":null}}]}\ndata: {"choices":[]}\n\n',
        ],
    )
    def test_odd_lines_in_a_stream_do_no_harm(self, fake: FakeEndpoint, odd: str) -> None:
        fake.says(fake.stream(odd, delta(content="x"), odd, delta("stop")))
        assert turn(fake)[:-1] == [TextDelta("x")]


class TestToolCalls:
    @pytest.mark.parametrize(
        "chunks",
        [
            pytest.param(
                [
                    [call(0, "a", "f", '{"x":')],
                    [call(0, arguments="1}")],
                    [call(1, "b", "g", "")],
                    [call(1, arguments="{}")],
                ],
                id="OpenAI",
            ),
            pytest.param([[call(None, "a", "f", '{"x":1}'), call(None, "b", "g", "{}")]], id="no index"),
            pytest.param(
                [[call(0, "a", "f", '{"x":1}')], [call(0, "b", "g", "{}")]], id="index 0 reused with new ids"
            ),
            pytest.param(
                [[call(0, None, "f", '{"x":1}')], [call(0, None, "g", "{}")]], id="index 0 reused, no ids"
            ),
            pytest.param(
                [[call(None, None, "f", '{"x":1}')], [call(None, None, "g")]],
                id="no index, no ids, no arguments",
            ),
            pytest.param([[call(0, "", "f", {"x": 1}), call(1, "", "g", {})]], id="empty ids, objects"),
            pytest.param(
                [[call(0, "a", "f", '{"x":')], [call(0, "a", "f", "1}")], [call(1, "b", "g", "{}")]],
                id="id and name every time",
            ),
            pytest.param(
                [[call(0, "s", "f", '{"x":1}')], [call(1, "s", "g", "{}")]], id="one id for two calls"
            ),
            pytest.param(
                [
                    [call(0, "a")],
                    [call(0, arguments='{"x":')],
                    [call(0, None, "f", "1}")],
                    [call(1, "b", "g", "{}")],
                ],
                id="a late name",
            ),
            pytest.param(
                [[call(1, "a", "f", '{"x":'), call(2, "b", "g", "{}")], [call(1, arguments="1}")]],
                id="interleaved, from 1",
            ),
            pytest.param(
                [
                    [call(None, "a", "f", '{"x":')],
                    [call(None, None, None, "1}")],
                    [call(None, "b", "g", "{}")],
                ],
                id="no index, in pieces",
            ),
        ],
    )
    def test_two_calls_however_they_are_sent(
        self, fake: FakeEndpoint, chunks: list[list[dict[str, Any]]]
    ) -> None:
        fake.says(fake.stream(*(delta(tool_calls=pieces) for pieces in chunks), delta("stop")))
        events = turn(fake)
        assert [(name, json.loads(arguments)) for name, arguments in calls(events)] == [
            ("f", {"x": 1}),
            ("g", {}),
        ]
        made = end(events).message["tool_calls"]
        assert [(c["type"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in made] == [
            ("function", "f", {"x": 1}),
            ("function", "g", {}),
        ]
        assert len({c["id"] for c in made}) == 2
        assert end(events).finish_reason == "tool_calls"

    def test_the_same_function_called_twice_with_no_index_and_no_id_is_two_calls(
        self, fake: FakeEndpoint
    ) -> None:
        fake.says(
            fake.stream(
                delta("stop", tool_calls=[call(None, None, "f", '{"x":1}'), call(None, None, "f", '{"x":2}')])
            )
        )
        assert calls(turn(fake)) == [("f", '{"x":1}'), ("f", '{"x":2}')]

    def test_what_a_provider_puts_into_a_call_goes_back_to_it(self, fake: FakeEndpoint) -> None:
        signed = {"google": {"thought_signature": "S"}}
        fake.says(fake.stream(delta("stop", tool_calls=[call(0, "a", "f", "{}", extra_content=signed)])))
        assert end(turn(fake)).message["tool_calls"] == [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": signed,
            }
        ]

    def test_a_call_with_no_name_is_an_error(self, fake: FakeEndpoint) -> None:
        fake.says(fake.stream(delta("tool_calls", tool_calls=[call(0, "a", None, "{}")])))
        with pytest.raises(ModelError, match="without naming it"):
            turn(fake)
