"""A stream that breaks is completed: the reply whole, once, for our handlers and for the SDK's own class."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.lib.streaming import AssistantStreamManager

from asstream.chat.recording import Recorder, read
from asstream.chat.recovery import events_from_objects
from asstream.chat.sse import FrameDecoder
from asstream.chat.stream import RunStream, stream_run, stream_thread_and_run, stream_tool_outputs
from tests.handlers.loopback import Loopback
from tests.handlers.test_quirks import ANSWERED as SUBMITTED
from tests.handlers.test_quirks import WAITING
from tests.handlers.wire_events import (
    BEGUN,
    DONE,
    FIXTURES,
    TEXT,
    TWO_TOOL_STEPS,
    Event,
    Ours,
    Stock,
    args,
    encode,
    fixture,
    message,
    names,
    run_event,
)

TEXT_RUN = "01_text_run.sse"
ASKS = "02_function_requires_action_create_thread_and_run.sse"
ANSWERED = "03_function_submit_tool_outputs.sse"
WHOLE_FIXTURES = [TEXT_RUN, "04_file_search_citation_include_results.sse", "05_code_interpreter_input.sse"]
SUBMITTED_CALL = WAITING[1]
recorded = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not beside the checkout")


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    server = Loopback()
    yield server
    server.stop()


@pytest.fixture
def client(loopback: Loopback) -> Iterator[openai.OpenAI]:
    loopback.reset([])
    with loopback.client(timeout=5) as client:
        yield client


def opening(name: str, client: openai.OpenAI, recorder: Recorder | None = None) -> Any:
    """The request that a fixture answers."""
    if name == ANSWERED:
        outputs = [{"tool_call_id": call_id(), "output": "x"}]
        return functools.partial(stream_tool_outputs, client, "thread_1", "run_1", outputs, recorder=recorder)
    if name == ASKS:
        return functools.partial(stream_thread_and_run, client, assistant_id="asst_1", recorder=recorder)
    return functools.partial(stream_run, client, "thread_1", assistant_id="asst_1", recorder=recorder)


def cuts(events: list[Event]) -> list[int]:
    """Every place where a connection may break; of a very long recording's deltas every tenth."""
    kinds = [name for name, _ in events]
    few = len(events) < 60
    return [n for n in range(len(events)) if few or n % 10 == 0 or len(set(kinds[max(n - 2, 0) : n + 2])) > 1]


def call_id() -> str:
    (step,) = [data for name, data in fixture(ANSWERED)[:1] if name == "thread.run.step.completed"]
    return str(step["step_details"]["tool_calls"][0]["id"])


def show(open_stream: Any, handler: Any) -> Any:
    with AssistantStreamManager(open_stream, event_handler=handler) as stream:
        stream.until_done()
    return handler


def summary(handler: Any) -> dict[str, Any]:
    """What a person would have seen: how often what happened, and every streamed text."""
    code = [
        d.code_interpreter.input or ""
        for d in args(handler, "tool_call_delta")
        if d.type == "code_interpreter"
    ]
    made = [
        c.code_interpreter.input for c in args(handler, "tool_call_created") if c.type == "code_interpreter"
    ]
    ends = [name for name in names(handler) if "delta" not in name]
    return {
        "text": "".join(delta.value or "" for delta in args(handler, "text_delta")),
        "citations": [a.text for d in args(handler, "text_delta") for a in d.annotations or ()],
        "code": "".join([*made, *code]),
        "calls": ends,
        "status": handler.current_run.status,
    }


@recorded
@pytest.mark.parametrize("handler", [Ours, Stock], ids=["ours", "stock"])
@pytest.mark.parametrize("asstream", [False, True], ids=["any endpoint", "asstream server"])
@pytest.mark.parametrize("name", [*WHOLE_FIXTURES, ANSWERED])
def test_a_connection_dropped_at_any_event_leaves_the_reply_whole_and_once(
    loopback: Loopback, client: openai.OpenAI, name: str, asstream: bool, handler: Any
) -> None:
    events = fixture(name)
    loopback.reset(events, asstream=asstream)
    whole = summary(show(opening(name, client), handler()))
    assert whole["text"]
    differing = {}
    for count in cuts(events):
        loopback.reset(events, asstream=asstream, streams=[count])
        loopback.made = True
        seen = summary(show(opening(name, client), handler()))
        if seen != whole:
            differing[count] = seen
    assert not differing


@recorded
def test_a_run_that_asks_for_outputs_is_completed_as_well(loopback: Loopback, client: openai.OpenAI) -> None:
    events = fixture(ASKS)
    loopback.reset(events)
    whole = summary(show(opening(ASKS, client), Ours()))
    for count in range(2, len(events)):
        loopback.reset(events, streams=[count])
        handler = show(opening(ASKS, client), Ours())
        assert summary(handler) == whole, count
        assert "".join(d.function.arguments for d in args(handler, "tool_call_delta")) == arguments(events)


def arguments(events: list[Event]) -> str:
    (action,) = [data["required_action"] for name, data in events if name.endswith("requires_action")]
    return str(action["submit_tool_outputs"]["tool_calls"][0]["function"]["arguments"])


def test_an_asstream_server_is_followed_from_the_last_event_on(
    loopback: Loopback, client: openai.OpenAI
) -> None:
    loopback.reset(TWO_TOOL_STEPS, asstream=True, streams=[4, 7, 9])
    handler = show(opening(TEXT_RUN, client), Ours())
    assert loopback.seen == ["POST", "events after 4", "events after 7", "events after 9"]
    assert summary(handler)["text"] == "Hi there"


def test_a_stream_that_stays_silent_is_completed(loopback: Loopback) -> None:
    loopback.reset(TEXT, streams=["stall"])
    loopback.bodies = [b""]
    loopback.made = True
    with loopback.client(timeout=0.2) as client:
        assert summary(show(opening(TEXT_RUN, client), Ours()))["text"] == "Hi there"


def test_a_run_that_goes_on_is_waited_for(loopback: Loopback, client: openai.OpenAI) -> None:
    loopback.reset(TEXT, streams=[4])
    loopback.busy_polls = 3
    assert summary(show(opening(TEXT_RUN, client), Ours()))["text"] == "Hi there"
    assert loopback.seen.count("get run") == 4


def test_a_request_that_was_lost_but_done_is_not_repeated(loopback: Loopback, client: openai.OpenAI) -> None:
    loopback.reset(TEXT)
    loopback.refuse = [(502, True)]
    assert summary(show(opening(TEXT_RUN, client), Ours()))["text"] == "Hi there"
    assert loopback.seen.count("POST") == 1


def test_a_request_that_was_lost_and_not_done_is_repeated(loopback: Loopback, client: openai.OpenAI) -> None:
    loopback.reset(TEXT)
    loopback.refuse = [(502, False)]
    assert summary(show(opening(TEXT_RUN, client), Ours()))["text"] == "Hi there"
    assert loopback.seen == ["POST", "list runs", "POST"]


def test_a_run_that_was_there_before_is_not_taken_for_the_new_one(
    loopback: Loopback, client: openai.OpenAI
) -> None:
    loopback.reset(TEXT)
    loopback.made = True
    loopback.refuse = [(502, False)]
    open_stream = functools.partial(opening(TEXT_RUN, client), known_runs=["run_1"])
    show(open_stream, Ours())
    assert loopback.seen == ["POST", "list runs", "POST"]


def test_a_run_of_long_ago_is_not_taken_for_the_new_one(loopback: Loopback, client: openai.OpenAI) -> None:
    loopback.reset(TEXT)
    loopback.made = True
    loopback.created_at -= 60
    loopback.refuse = [(502, False)]
    show(opening(TEXT_RUN, client), Ours())
    assert loopback.seen == ["POST", "list runs", "POST"]


@pytest.mark.parametrize(("taken", "posts"), [(False, 2), (True, 1)])
def test_outputs_are_submitted_again_only_while_the_run_waits_for_them(
    loopback: Loopback, client: openai.OpenAI, taken: bool, posts: int
) -> None:
    loopback.reset(SUBMITTED, streams=[0])
    loopback.refuse = [] if taken else [(502, False)]
    loopback.waits_for = None if taken else SUBMITTED_CALL
    outputs = [{"tool_call_id": "call_f", "output": "42"}]
    handler = show(functools.partial(stream_tool_outputs, client, "thread_1", "run_1", outputs), Ours())
    assert summary(handler)["text"] == "42"
    assert [done.function.output for done in args(handler, "tool_call_done")] == ["42"]
    assert loopback.seen.count("POST") == posts


def test_a_lost_request_that_makes_a_thread_is_not_repeated(
    loopback: Loopback, client: openai.OpenAI
) -> None:
    loopback.reset(TEXT)
    loopback.refuse = [(502, True)]
    with pytest.raises(openai.InternalServerError):
        show(opening(ASKS, client), Ours())
    assert loopback.seen == ["POST"]


def test_an_endpoint_that_refuses_says_so_at_once(loopback: Loopback, client: openai.OpenAI) -> None:
    loopback.reset(TEXT)
    loopback.refuse = [(400, False)]
    with pytest.raises(openai.BadRequestError):
        show(opening(TEXT_RUN, client), Ours())
    assert loopback.seen == ["POST"]


def test_an_endpoint_that_is_down_is_a_connection_error() -> None:
    plain = openai.DefaultHttpxClient(trust_env=False)
    with (
        openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", http_client=plain) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        show(opening(TEXT_RUN, client), Ours())


@pytest.mark.parametrize("asstream", [False, True])
def test_an_endpoint_that_breaks_for_good_ends_in_an_error(
    loopback: Loopback, client: openai.OpenAI, asstream: bool
) -> None:
    loopback.reset(TEXT, asstream=asstream, streams=[4] * 30)
    loopback.busy_polls = 0 if asstream else 1
    if not asstream:
        with AssistantStreamManager(opening(TEXT_RUN, client), event_handler=Ours()) as stream:
            next(iter(stream))
            loopback.events = BEGUN  # the run is lost on the server: it never settles
            stream.close()
            assert list(stream) == []
        return
    with pytest.raises(openai.APIConnectionError):
        show(opening(TEXT_RUN, client), Ours())
    assert len(loopback.seen) < 10


@pytest.mark.parametrize("handler", [Ours, Stock], ids=["ours", "stock"])
@pytest.mark.parametrize("nested", [False, True])
def test_an_error_event_in_either_shape_raises(
    loopback: Loopback, client: openai.OpenAI, handler: Any, nested: bool
) -> None:
    error = {"message": "boom", "type": "server_error", "code": None, "param": None}
    loopback.reset([*BEGUN, ("error", {"error": error} if nested else error), DONE])
    with pytest.raises(openai.APIError, match="boom"):
        show(opening(TEXT_RUN, client), handler())


@pytest.mark.parametrize("count", [None, 5])
@pytest.mark.parametrize("asstream", [False, True])
def test_a_recording_holds_each_event_once_also_when_the_connection_broke(
    loopback: Loopback, client: openai.OpenAI, tmp_path: Path, asstream: bool, count: int | None
) -> None:
    loopback.reset(TWO_TOOL_STEPS, asstream=asstream, streams=[count])
    with Recorder(tmp_path / "run.sse") as recorder:
        show(opening(TEXT_RUN, client, recorder), Ours())
    kept = [record.event for record in read(tmp_path / "run.sse")]
    assert kept[-2:] == ["thread.run.completed", "done"]
    assert len(kept) == len(set(kept)) + sum(kept.count(name) - 1 for name in set(kept))
    if asstream or count is None:
        assert kept == [name for name, _ in TWO_TOOL_STEPS]


def test_a_stream_knows_its_run_as_soon_as_it_is_named(loopback: Loopback, client: openai.OpenAI) -> None:
    loopback.reset(TEXT)
    stream: RunStream = opening(TEXT_RUN, client)()
    with stream:
        assert stream.run_id is None
        next(stream)
        assert stream.run_id == "run_1"
        assert stream.response is not None
    assert stream.response.is_closed


@recorded
@pytest.mark.parametrize("name", WHOLE_FIXTURES)
def test_objects_alone_give_the_whole_sequence(name: str) -> None:
    from openai.types.beta.threads import Message, Run
    from openai.types.beta.threads.runs import RunStep

    events = fixture(name)
    run = Run.construct(**next(data for event, data in events if event == "thread.run.completed"))
    steps = [RunStep.construct(**data) for event, data in events if event == "thread.run.step.completed"]
    messages = [Message.construct(**data) for event, data in events if event == "thread.message.completed"]
    made = [event.event for event in events_from_objects(run, steps, messages)]
    kinds = [event for event, _ in events if event != "done"]
    assert made == [
        name for place, name in enumerate(kinds) if "delta" not in name or kinds[place - 1] != name
    ]


def test_a_message_whose_step_is_not_listed_yet_waits_for_it() -> None:
    from openai.types.beta.threads import Message, Run

    written = Message.construct(**message("msg_1"))
    goes_on, ended = (Run.construct(**run_event(status)[1]) for status in ("in_progress", "completed"))
    told = [[event.event for event in events_from_objects(run, [], [written])] for run in (goes_on, ended)]
    assert ["thread.message.created" in events for events in told] == [False, True]


def test_messages_of_the_user_and_of_other_runs_are_left_out() -> None:
    from openai.types.beta.threads import Message, Run

    run = Run.construct(**run_event("completed")[1])
    others = [message("msg_u") | {"role": "user"}, message("msg_o") | {"run_id": "run_0"}]
    made = events_from_objects(run, [], [Message.construct(**other) for other in others])
    assert not [event for event in made if event.event.startswith("thread.message")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_frames_are_the_same_in_any_cut(size: int, end: str) -> None:
    whole = [frame.replace(b"\n", end.encode()) for frame in encode(TEXT, ids=True)]
    data, decoder = b"".join(whole), FrameDecoder()
    frames = [f for at in range(0, len(data), size) for f in decoder.feed(data[at : at + size])]
    assert [frame.raw for frame in frames] == whole
    assert [(frame.event, frame.id) for frame in frames] == [
        (name, str(number)) for number, (name, _) in enumerate(TEXT, 1)
    ]


def test_objects_of_a_failed_run_give_its_failure() -> None:
    from openai.types.beta.threads import Run

    run = Run.construct(**run_event("failed")[1])
    assert [event.event for event in events_from_objects(run, [], [])][-1] == "thread.run.failed"
