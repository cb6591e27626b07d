from __future__ import annotations

import asyncio
import logging
import re
import socket
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from asstream.runtime.models.completions import CompletionsModel
from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.listing import refused_key, unreachable
from asstream.runtime.models.protocol import (
    ModelError,
    ModelRequest,
    TextDelta,
)

from .conftest import HELLO, TOOL, FakeEndpoint, delta, refusal, turn


class TestRefusedParameters:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("temperature", "Unsupported value: 'temperature' does not support 0.5 with this model."),
            ("parallel_tool_calls", "Unrecognized request argument supplied: parallel_tool_calls"),
            ("reasoning_effort", "model does not support reasoning_effort"),
            (
                "stream_options",
                "[{'type': 'extra', 'loc': ('body', 'stream_options'), 'msg': 'Extra: not permitted'}]",
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

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (400, "registry.ollama.ai/library/gemma3:4b does not support tools"),
            (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
            (404, "No endpoints found that support tool use."),
            (500, "tools param requires --jinja flag"),
            (422, "Function calling is not supported with this model."),
        ],
    )
    def test_a_model_that_knows_no_functions_is_known_once_it_was_asked(
        self, fake: FakeEndpoint, status: int, message: str
    ) -> None:
        async def main() -> None:
            model = CompletionsModel(fake.endpoint, "m", tries=1)
            assert model.calls_functions
            for _ in range(2):
                with pytest.raises(ModelError, match=re.escape(message)):
                    [_ async for _ in model.stream(ModelRequest(HELLO.messages, [TOOL]))]
                assert not model.calls_functions
            await model.close()

        fake.says(refusal(status, message=message))
        asyncio.run(main())

    def test_a_function_that_is_refused_says_nothing_of_all_functions(self, fake: FakeEndpoint) -> None:
        async def main() -> None:
            model = CompletionsModel(fake.endpoint, "m", tries=1)
            with pytest.raises(ModelError):
                [_ async for _ in model.stream(ModelRequest(HELLO.messages, [TOOL]))]
            assert model.calls_functions
            await model.close()

        fake.says(refusal(400, message="Invalid 'tools[0].function.name': string does not match pattern."))
        asyncio.run(main())

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
        message = "GPU \x1b[31mon\x1b]0;title\x07 fire\x1b"
        fake.says(fake.stream(delta(content="x"), {"error": {"message": message, "code": 502}}))
        with pytest.raises(ModelError, match=r": GPU on fire$"):
            turn(fake)

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
                r"has no model 'm': The model 'm' does not exist\. Name another one",
            ),
            (refusal(404, message="no model"), r"Name another one with --model\.$"),
            (lambda _: Response("<html>nothing here", 404), "usually ends in /v1"),
            (
                lambda _: JSONResponse({"error": {"message": "no"}}, 404, {"x-asstream": "1"}),
                "is asstream itself",
            ),
            (refusal(403, message="no access for sk-secret-key"), "does not let this key"),
            (
                lambda _: Response("<html>", 200, media_type="text/html"),
                r"its answer is text/html\. Correct the address \(the test\): it usually ends in /v1\.$",
            ),
            (
                lambda _: Response(f"<html><title>Bad\ngateway</title>{'x' * 5000}", 418),
                r"answered 418: Bad gateway\.$",
            ),
            (lambda _: Response(f"<!DOCTYPE html>{'x' * 5000}", 418), r"answered 418\.$"),
        ],
    )
    def test_each_refusal_says_what_to_do_and_never_the_key(
        self, fake: FakeEndpoint, answer: Any, said: str
    ) -> None:
        fake.says(answer)
        with pytest.raises(ModelError, match=said) as error:
            turn(fake)
        assert len(fake.requests) == 1
        assert "sk-secret-key" not in error.value.message

    @pytest.mark.parametrize(
        ("origin", "key", "address"),
        [
            ("ASSTREAM_MODEL_BASE_URL", "ASSTREAM_MODEL_API_KEY", "ASSTREAM_MODEL_BASE_URL"),
            ("ASSTREAM_MODEL_API_KEY", "ASSTREAM_MODEL_API_KEY", "ASSTREAM_MODEL_BASE_URL"),
            ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
            ("profile work", "model_api_key of profile work", "model_base_url of profile work"),
        ],
    )
    def test_a_remedy_names_the_setting_that_is_wrong(self, origin: str, key: str, address: str) -> None:
        endpoint = ModelEndpoint("http://127.0.0.1:9/v1", "k", origin=origin)
        assert refused_key(endpoint).remedy == f"Set the right one ({key})."
        assert unreachable(endpoint, "refused").remedy == f"Start it, or correct the address ({address})."

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
