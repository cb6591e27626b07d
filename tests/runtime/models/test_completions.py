from __future__ import annotations

import asyncio
import json
import logging
import socket
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from asstream.runtime.models.completions import CompletionsModel
from asstream.runtime.models.endpoint import ModelEndpoint
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

from .conftest import FakeEndpoint, delta, refusal

HELLO = ModelRequest([{"role": "user", "content": "hello"}])
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def turn(
    fake: FakeEndpoint, request: ModelRequest = HELLO, times: int = 1, **kwargs: Any
) -> list[ModelEvent]:
    """The events of the last of `times` turns with one model."""

    async def run() -> list[ModelEvent]:
        model = CompletionsModel(fake.endpoint, "m", **kwargs)
        try:
            for _ in range(times):
                events = [event async for event in model.stream(request)]
            return events
        finally:
            await model.close()

    return asyncio.run(run())


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


class TestRefusedParameters:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("temperature", "Unsupported value: 'temperature' does not support 0.5 with this model."),
            ("parallel_tool_calls", "Unrecognized request argument supplied: parallel_tool_calls"),
            ("reasoning_effort", "model does not support reasoning_effort"),
            (
                "stream_options",
                "[{'type': 'extra', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted'}]",
            ),
        ],
    )
    def test_a_parameter_that_is_refused_by_name_is_left_out_and_said_once(
        self, fake: FakeEndpoint, name: str, message: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        whole = fake.stream(delta("stop", content="ok"))
        fake.says(refusal(400, message=message), whole, fake.stream(delta("stop", content="ok")))
        request = ModelRequest(
            HELLO.messages, [TOOL], parallel_tool_calls=False, temperature=0.5, reasoning_effort="low"
        )
        assert turn(fake, request, times=2)[0] == TextDelta("ok")
        assert [name in sent for sent in fake.requests] == [True, False, False]
        assert len([r for r in caplog.records if name in r.getMessage()]) == 1

    def test_max_tokens_is_renamed_when_it_is_refused(self, fake: FakeEndpoint) -> None:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead."
        )
        fake.says(refusal(400, message=message, param="max_tokens"), fake.stream(delta("stop", content="ok")))
        turn(fake, ModelRequest(HELLO.messages, max_tokens=5))
        assert fake.requests[0]["max_tokens"] == 5
        assert fake.requests[1]["max_completion_tokens"] == 5 and "max_tokens" not in fake.requests[1]

    @pytest.mark.parametrize("host", ["https://api.openai.com/v1", "https://x.openai.azure.com/openai/v1"])
    def test_openai_and_azure_are_known(self, host: str) -> None:
        assert (
            ModelEndpoint(host).is_openai_family
            and not ModelEndpoint("https://api.openai.com.evil.org/v1").is_openai_family
        )

    def test_another_providers_fields_are_left_out_when_refused(self, fake: FakeEndpoint) -> None:
        history = [*HELLO.messages, {"role": "assistant", "content": "x", "reasoning_content": "y"}]
        fake.says(
            refusal(
                400,
                message="Unknown parameter: 'messages[1].reasoning_content'.",
                param="messages[1].reasoning_content",
            ),
            fake.stream(delta("stop", content="ok")),
        )
        turn(fake, ModelRequest(history))
        assert fake.requests[1]["messages"][1] == {"role": "assistant", "content": "x"}

    def test_a_forced_tool_choice_is_never_dropped(self, fake: FakeEndpoint) -> None:
        fake.says(refusal(400, message="tool_choice is not supported"))
        with pytest.raises(ModelError, match="tool_choice is not supported"):
            turn(fake, ModelRequest(HELLO.messages, [TOOL], tool_choice="required"))
        assert len(fake.requests) == 1


class TestFailures:
    def test_a_rate_limit_is_waited_for_and_said(
        self, fake: FakeEndpoint, caplog: pytest.LogCaptureFixture
    ) -> None:
        limited = refusal(429, {"retry-after": "0.05"}, message="slow down")
        fake.says(limited, limited, fake.stream(delta("stop", content="ok")))
        assert turn(fake)[0] == TextDelta("ok")
        said = [
            r.getMessage()
            for r in caplog.records
            if r.name == "asstream.models" and r.levelno == logging.WARNING
        ]
        host = fake.endpoint.host
        assert said == [f"rate limited by {host}; trying again in 0.05 s ({n} of 5)" for n in (2, 3)]

    def test_a_rate_limit_that_stays_is_given_up_after_five_tries(self, fake: FakeEndpoint) -> None:
        fake.says(refusal(429, {"retry-after-ms": "1"}, message="slow down"))
        with pytest.raises(ModelError, match="slow down") as error:
            turn(fake)
        assert error.value.code == "rate_limit_exceeded" and len(fake.requests) == 5

    @pytest.mark.parametrize(
        "answer",
        [
            refusal(429, {"retry-after": "3600"}, message="tomorrow"),
            refusal(429, code="insufficient_quota", message="You exceeded your current quota"),
        ],
    )
    def test_what_waiting_does_not_mend_is_not_repeated(self, fake: FakeEndpoint, answer: Any) -> None:
        fake.says(answer)
        with pytest.raises(ModelError) as error:
            turn(fake)
        assert error.value.code == "rate_limit_exceeded" and len(fake.requests) == 1

    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_a_server_that_stumbles_is_asked_again(self, fake: FakeEndpoint, status: int) -> None:
        fake.says(lambda _: Response("oops", status), fake.stream(delta("stop", content="ok")))
        assert turn(fake)[0] == TextDelta("ok")

    def test_a_stream_that_breaks_before_its_first_event_is_asked_again(self, fake: FakeEndpoint) -> None:
        fake.says(fake.stream(delta(role="assistant"), breaks=True), fake.stream(delta("stop", content="ok")))
        assert turn(fake)[0] == TextDelta("ok")

    @pytest.mark.parametrize("breaks", [True, False])
    def test_a_stream_that_ends_in_mid_text_is_an_error_and_never_repeated(
        self, fake: FakeEndpoint, breaks: bool
    ) -> None:
        fake.says(fake.stream(delta(content="Once upon"), done=False, breaks=breaks))
        with pytest.raises(ModelError, match="stopped mid-stream") as error:
            turn(fake)
        assert error.value.code == "server_error" and len(fake.requests) == 1

    def test_an_error_inside_the_stream_is_told(self, fake: FakeEndpoint) -> None:
        fake.says(fake.stream(delta(content="x"), {"error": {"message": "GPU \x1b[31mon fire", "code": 502}}))
        with pytest.raises(ModelError, match=r"GPU  ?\[31mon fire") as error:
            turn(fake)
        assert "\x1b" not in error.value.message

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, {"code": "context_length_exceeded", "message": "too much"}),
            (
                400,
                {
                    "type": "exceed_context_size_error",
                    "message": "request (9031 tokens) exceeds the available context size",
                },
            ),
            (
                400,
                {"message": "This model's maximum context length is 2048 tokens. You requested 4000"},
            ),
            (500, {"message": "the input length exceeds the context length"}),
            (400, {"message": "prompt is too long: 210000 tokens > 200000 maximum"}),
            (
                400,
                {"message": "The input token count (1200000) exceeds the maximum number of tokens allowed."},
            ),
        ],
    )
    def test_a_prompt_that_is_too_long_is_told_apart(
        self, fake: FakeEndpoint, status: int, error: dict[str, Any]
    ) -> None:
        fake.says(refusal(status, **error))
        with pytest.raises(ModelError) as caught:
            turn(fake)
        assert caught.value.kind == "context_length" and len(fake.requests) == 1

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (refusal(401, message="Incorrect API key provided: sk-secret-key"), "refuses the API key"),
            (
                refusal(404, message="The model 'm' does not exist", code="model_not_found"),
                "has no model 'm'",
            ),
            (lambda _: Response("<html>nothing here", 404), "usually ends in /v1"),
            (
                lambda _: JSONResponse({"error": {"message": "no"}}, 404, {"x-asstream": "1"}),
                "is asstream itself",
            ),
            (refusal(403, message="no access for sk-secret-key"), "does not let this key"),
            (lambda _: Response("<html>", 200, media_type="text/html"), "stopped mid-stream"),
        ],
    )
    def test_each_refusal_says_what_to_do_and_never_the_key(
        self, fake: FakeEndpoint, answer: Any, said: str
    ) -> None:
        fake.says(answer)
        with pytest.raises(ModelError, match=said) as error:
            turn(fake, tries=1)
        assert "sk-secret-key" not in error.value.message

    def test_an_endpoint_that_is_down_is_a_connection_error(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        fake = FakeEndpoint(f"http://127.0.0.1:{port}/v1")
        with pytest.raises(ModelError, match="No model answers at") as error:
            turn(fake, tries=2)
        assert error.value.kind == "connection"

    def test_closing_the_iterator_closes_the_response(self, fake: FakeEndpoint) -> None:
        fake.says(fake.endless())

        async def run() -> None:
            model = CompletionsModel(fake.endpoint, "m")
            events = model.stream(HELLO)
            assert await anext(events) == TextDelta("x ")
            await events.aclose()
            assert await asyncio.to_thread(fake.closed.wait, 10)
            await model.close()

        asyncio.run(run())
