"""Each quirk of the SDK's reducer: mended in ours, and still there in the SDK's own class.

When a case of the SDK's class fails, the SDK has changed: see whether ours still has to mend it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from tests.handlers.loopback import Loopback
from tests.handlers.wire_events import (
    BEGUN,
    DONE,
    ENDED,
    TWO_TOOL_STEPS,
    Event,
    Ours,
    Stock,
    args,
    code,
    code_call,
    encode,
    file_path,
    function,
    image,
    logs,
    message_delta,
    message_event,
    names,
    piece,
    run_event,
    step_delta,
    step_event,
    text,
)


@dataclass
class Outcome:
    handler: Any
    error: BaseException | None


Watch = Callable[[Outcome], object]


def texts(outcome: Outcome, name: str) -> list[Any]:
    return [entry.value for entry in args(outcome.handler, name)]


def inputs(outcome: Outcome) -> str:
    deltas = args(outcome.handler, "tool_call_delta")
    return "".join(delta.code_interpreter.input or "" for delta in deltas)


def ids(name: str) -> Watch:
    return lambda outcome: [call.id for call in args(outcome.handler, name)]


def outputs(outcome: Outcome) -> list[list[Any]]:
    calls = args(outcome.handler, "tool_call_done")
    return [
        [getattr(o, "logs", None) or o.image.file_id for o in c.code_interpreter.outputs or ()] for c in calls
    ]


def error(outcome: Outcome) -> str | None:
    """Class and text of the exception that came; the SDK's own RuntimeErrors by their class alone."""
    if outcome.error is None:
        return None
    name = type(outcome.error).__name__
    return f"{name}: {outcome.error}" if type(outcome.error) is openai.APIError else name


def messages_done(*parts: Event) -> list[Event]:
    return [*BEGUN, message_event("created"), *parts]


ERROR = {"message": "boom", "type": "server_error", "code": "x", "param": None}
LATE_ORDER = [
    *BEGUN,
    step_event("created", "step_1"),
    step_delta("step_1", code(0, "call_1", "a", [])),
    step_delta("step_1", code(outputs=[image("file_1", 1)])),
    step_delta("step_1", code(outputs=[logs("late", 0)])),
    step_event("completed", "step_1"),
    *ENDED,
]
FIRST_DELTA = [
    *BEGUN,
    step_event("created", "step_1"),
    step_delta("step_1", code(0, "call_1", "import os")),
    step_delta("step_1", code(text="\nprint()")),
    step_event("completed", "step_1", calls=[code_call("call_1", "import os\nprint()", logs("hello"))]),
    *ENDED,
]
EMPTY_SECOND = [
    *BEGUN,
    message_event("created"),
    message_delta("msg_1", piece("one")),
    message_event("completed", "msg_1", text("one")),
    message_event("created", "msg_2"),
    message_event("incomplete", "msg_2"),
    run_event("incomplete"),
    DONE,
]
TWO_MESSAGES = [
    *BEGUN,
    message_event("created"),
    message_delta("msg_1", piece("A")),
    message_delta("msg_1", piece("B", 1)),
    message_event("completed", "msg_1", text("A"), text("B")),
    message_event("created", "msg_2"),
    message_delta("msg_2", piece("C")),
    message_event("completed", "msg_2", text("C")),
    *ENDED,
]
ANNOTATIONS = messages_done(
    message_delta("msg_1", piece("see ")),
    message_delta("msg_1", piece(None, annotations=[file_path(0)])),
    message_delta("msg_1", piece("", annotations=[file_path(0)])),
    message_event("completed", "msg_1", text("see ", file_path(0))),
    *ENDED,
)


def annotations(outcome: Outcome) -> list[Any]:
    last = [arguments[1] for name, arguments in outcome.handler.calls if name == "on_text_delta"][-1]
    return [(entry.start_index, entry.text) for entry in last.annotations]


def step_states(outcome: Outcome) -> list[str]:
    handler = outcome.handler
    handler.until_done = lambda: None  # the stream has been read
    return [step.status for step in handler.get_final_run_steps()]


MANY_DONE = ["call_1", "call_1", "call_1", "call_1"]
QUIRKS: dict[str, tuple[list[Event], Watch, object, object]] = {
    # name: (events, what is looked at, what ours gives, what the SDK's class gives)
    "1 the first content of a call comes in a delta": (
        FIRST_DELTA,
        inputs,
        "import os\nprint()",
        "\nprint()",
    ),
    "2 a second tool step has its created": (
        TWO_TOOL_STEPS,
        ids("tool_call_created"),
        ["call_1", "call_2"],
        ["call_1"],
    ),
    "3 a call is done once": (
        TWO_TOOL_STEPS,
        lambda outcome: len(args(outcome.handler, "tool_call_done")),
        2,
        4,
    ),
    "4 step snapshots follow the finished step": (FIRST_DELTA, step_states, ["completed"], ["in_progress"]),
    "5 outputs of the finished step are in done": (FIRST_DELTA, outputs, [["hello"]], [[], []]),
    "7 outputs keep their index in any order": (
        LATE_ORDER,
        outputs,
        [["late", "file_1"]],
        [["late"], ["late"]],
    ),
    "8a an error under `error` raises": (
        [*BEGUN, ("error", {"error": ERROR})],
        error,
        "APIError: boom",
        "APIError: boom",
    ),
    "8b an error in the documented shape raises": (
        [*BEGUN, ("error", ERROR), DONE],
        error,
        "APIError: boom",
        None,
    ),
    "8c a failed run has a callback": (
        [*BEGUN, run_event("failed"), DONE],
        lambda outcome: names(outcome.handler),
        ["run_done", "end"],
        ["end"],
    ),
    "10 a step delta with no created": (
        [*BEGUN, step_delta("step_1", code(0, "call_1", "x")), *ENDED],
        lambda outcome: (error(outcome), inputs(outcome)),
        (None, "x"),
        ("KeyError", ""),
    ),
    "10 a message delta with no created": (
        [*BEGUN, message_delta("msg_1", piece("x")), *ENDED],
        lambda outcome: (error(outcome), texts(outcome, "text_delta")),
        (None, ["x"]),
        ("RuntimeError", []),
    ),
    "12 a message may end with no content": (EMPTY_SECOND, error, None, "IndexError"),
    "13 each text is done once": (
        TWO_MESSAGES,
        lambda o: texts(o, "text_done"),
        ["A", "B", "C"],
        ["A", "B", "B", "C"],
    ),
    "14 a delta of annotations alone has an empty value": (
        ANNOTATIONS,
        lambda outcome: texts(outcome, "text_delta"),
        ["see ", "", ""],
        ["see ", None, ""],
    ),
    "15 an annotation sent twice replaces itself": (
        ANNOTATIONS,
        annotations,
        [(8, "sandbox:/mnt/data/a.csv")],
        [(16, "sandbox:/mnt/data/a.csv" * 2)],
    ),
    "17 a stream that ends early raises": (
        [*BEGUN, message_event("created"), message_delta("msg_1", piece("half"))],
        error,
        "APIConnectionError",
        None,
    ),
}


def read(server: Loopback, handler: Any, events: list[Event]) -> Outcome:
    server.reset(events)
    return read_again(server, handler)


def read_again(server: Loopback, handler: Any, **options: Any) -> Outcome:
    with server.client(**options) as client:
        runs = client.beta.threads.runs
        try:
            with runs.stream(thread_id="thread_1", assistant_id="asst_1", event_handler=handler) as stream:
                stream.until_done()
        except Exception as caught:
            return Outcome(handler, caught)
    return Outcome(handler, None)


@pytest.mark.parametrize("name", QUIRKS)
def test_our_class_mends_it(server: Loopback, name: str) -> None:
    events, watch, ours, _ = QUIRKS[name]
    assert watch(read(server, Ours(), events)) == ours


@pytest.mark.parametrize("name", QUIRKS)
def test_the_sdks_class_still_has_it(server: Loopback, name: str) -> None:
    events, watch, _, stock = QUIRKS[name]
    assert watch(read(server, Stock(), events)) == stock


# 9: a handler that is used again


def test_9_a_handler_serves_one_run_after_another(server: Loopback) -> None:
    handler = Ours()
    first = read(server, handler, TWO_TOOL_STEPS)
    handler.calls = []
    again = read(server, handler, TWO_TOOL_STEPS)
    assert (first.error, again.error) == (None, None)
    assert names(handler, "tool_call_created", "tool_call_done", "text_done", "run_done", "end") == [
        "tool_call_created",
        "tool_call_done",
        "tool_call_created",
        "tool_call_done",
        "text_done",
        "run_done",
        "end",
    ]
    assert len(handler.get_final_messages()) == 1


def test_9_the_sdks_class_refuses_a_second_stream(server: Loopback) -> None:
    handler = Stock()
    read(server, handler, TWO_TOOL_STEPS)
    assert isinstance(read(server, handler, TWO_TOOL_STEPS).error, RuntimeError)


def test_9_a_second_stream_while_one_is_read_is_refused_and_closed(server: Loopback) -> None:
    server.reset(TWO_TOOL_STEPS)
    handler = Ours()
    with server.client() as client:
        opened = client.beta.threads.runs.create("thread_1", assistant_id="asst_1", stream=True)
        with client.beta.threads.runs.stream(
            thread_id="thread_1", assistant_id="asst_1", event_handler=handler
        ) as stream:
            next(iter(stream))
            with pytest.raises(RuntimeError, match="still reading another stream"):
                handler._init(opened)
            assert opened.response.is_closed
            stream.until_done()
    assert names(handler, "run_done", "end") == ["run_done", "end"]


# 11: tool outputs submitted while a stream is read

WAITING = run_event(
    "requires_action",
    required_action={
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {
            "tool_calls": [
                {"id": "call_f", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
            ]
        },
    },
)
ASKED = [
    *BEGUN,
    step_event("created", "step_f"),
    step_delta("step_f", function("call_f", "", "f")),
    step_delta("step_f", function(None, '{"a": 1}')),
    WAITING,
    DONE,
]
FINISHED_CALL = {
    "id": "call_f",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}', "output": "42"},
}
ANSWERED = [
    step_event("completed", "step_f", calls=[FINISHED_CALL]),
    run_event("queued"),
    run_event("in_progress"),
    step_event("created", "step_m", "message_creation"),
    message_event("created"),
    message_delta("msg_1", piece("42")),
    message_event("completed", "msg_1", text("42")),
    step_event("completed", "step_m", "message_creation"),
    *ENDED,
]
WHOLE_RUN = [
    "run_step_created",
    "tool_call_created",
    "requires_action",
    "tool_call_done",
    "run_step_done",
    "run_step_created",
    "message_created",
    "text_created",
    "text_done",
    "message_done",
    "run_step_done",
    "run_done",
]


def submit(server: Loopback, client: openai.OpenAI, handler: Any) -> None:
    server.bodies = encode(ANSWERED)
    with client.beta.threads.runs.submit_tool_outputs_stream(
        thread_id="thread_1",
        run_id="run_1",
        tool_outputs=[{"tool_call_id": "call_f", "output": "42"}],
        event_handler=handler,
    ) as stream:
        stream.until_done()


@pytest.mark.parametrize("fresh", [False, True], ids=["one handler", "a fresh one for each stream"])
def test_11_the_callbacks_of_a_run_with_two_streams_are_those_of_one_run(
    server: Loopback, fresh: bool
) -> None:
    first = read(server, Ours(), ASKED).handler
    second = Ours() if fresh else first
    with server.client() as client:
        submit(server, client, second)
    handlers = [first, second] if fresh else [first]
    calls = [name for handler in handlers for name in names(handler) if "delta" not in name and name != "end"]
    assert calls == WHOLE_RUN
    (done,) = args(second, "tool_call_done")
    assert (done.function.output, done.function.arguments) == ("42", '{"a": 1}')
    assert second.current_run.status == "completed"


@pytest.mark.parametrize("callback", ["on_event", "on_requires_action"])
def test_11_outputs_may_be_submitted_from_a_callback_by_the_same_handler(
    server: Loopback, callback: str
) -> None:
    server.reset(ASKED)

    class Submitting(Ours):  # type: ignore[misc, valid-type]
        def on_event(self, event: Any) -> None:
            if callback == "on_event" and event.event == "thread.run.requires_action":
                submit(server, client, self)

        def on_requires_action(self, run: Any) -> None:
            if callback == "on_requires_action":
                submit(server, client, self)

    handler = Submitting()
    with (
        server.client() as client,
        client.beta.threads.runs.stream(
            thread_id="thread_1", assistant_id="asst_1", event_handler=handler
        ) as stream,
    ):
        assert stream.get_final_run().status == "completed"
    assert names(handler, "tool_call_created", "tool_call_done", "text_done", "run_done") == [
        "tool_call_created",
        "tool_call_done",
        "text_done",
        "run_done",
    ]
    assert names(handler, "end") == ["end", "end"]


# 18, 19, 20: ends of another kind


def broken_off(server: Loopback, handler: Any) -> list[str]:
    server.reset(TWO_TOOL_STEPS)
    with server.client() as client:
        with client.beta.threads.runs.stream(
            thread_id="thread_1", assistant_id="asst_1", event_handler=handler
        ) as stream:
            for _ in stream:
                break
        return names(handler, "end")


def test_18_leaving_the_with_block_early_is_an_end(server: Loopback) -> None:
    assert broken_off(server, Ours()) == ["end"]


def test_18_the_sdks_class_is_not_told(server: Loopback) -> None:
    assert broken_off(server, Stock()) == []


def test_19_an_interrupt_in_a_callback_goes_through_and_closes_the_response(server: Loopback) -> None:
    class Interrupting(Ours):  # type: ignore[misc, valid-type]
        def on_text_delta(self, delta: Any, snapshot: Any) -> None:
            raise KeyboardInterrupt

    handler = Interrupting()
    server.reset(TWO_TOOL_STEPS)
    with server.client() as client:
        opened = client.beta.threads.runs.create("thread_1", assistant_id="asst_1", stream=True)
        handler._init(opened)
        with pytest.raises(KeyboardInterrupt):
            handler.until_done()
    assert opened.response.is_closed
    assert names(handler, "exception", "end") == ["end"]


def test_20_a_time_out_is_openais_error(server: Loopback) -> None:
    server.reset(TWO_TOOL_STEPS, streams=["stall"])
    server.events = TWO_TOOL_STEPS[:4]
    outcome = read_again(server, Ours(), timeout=0.2)
    assert type(outcome.error) is openai.APITimeoutError
    assert names(outcome.handler)[-3:] == ["timeout", "exception", "end"]


def test_20_a_drop_is_openais_error(server: Loopback) -> None:
    server.reset(TWO_TOOL_STEPS, streams=[5])
    outcome = read_again(server, Ours())
    assert type(outcome.error) is openai.APIConnectionError
    assert names(outcome.handler)[-2:] == ["exception", "end"]


@pytest.mark.parametrize("stream", ["stall", 5])
def test_20_the_sdks_class_lets_the_http_librarys_errors_through(server: Loopback, stream: Any) -> None:
    server.reset(TWO_TOOL_STEPS[:5], streams=[stream])
    outcome = read_again(server, Stock(), timeout=0.2)
    assert outcome.error is not None
    assert not isinstance(outcome.error, openai.APIError)
