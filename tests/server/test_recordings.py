"""Our event streams against the recordings of the real service: the same events, in order, with every
recorded key.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.cells import PlayedInterpreter, prints
from tests.support.raw import asked, lines
from tests.support.served import reply, served
from tests.support.sse import Told, events, missing_keys, names

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"

pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not on this machine")

RUN_FIELDS = ("tools", "max_completion_tokens", "max_prompt_tokens", "metadata")
WEATHER = {"type": "function", "function": {"name": "get_current_weather", "description": "The weather"}}


def recorded(name: str) -> list[Told]:
    [path] = FIXTURES.glob(f"{name}*.sse")
    return events(path.read_text(encoding="utf-8"))


def texts(told: list[Told]) -> list[str]:
    return [
        data["delta"]["content"][0]["text"]["value"] for name, data in told if name == "thread.message.delta"
    ]


def raw(client: openai.OpenAI, path: str, body: dict[str, Any]) -> list[Told]:
    """Post, and take the stream as it is on the wire."""
    with asked(client, "POST", path, {**body, "stream": True}) as response:
        return events(response.read().decode())


def message_of(told: list[Told], name: str) -> Any:
    return next(data for event, data in told if event == name)


def assert_agree(theirs: list[Told], ours: list[Told], renamed: dict[str, str] | None = None) -> None:
    expected = [(renamed or {}).get(name, name) for name, _ in theirs]
    assert [name for name, _ in ours] == expected
    for (name, data), (_, own) in zip(theirs, ours, strict=True):
        assert missing_keys(data, own) == [], name


def test_a_text_run_is_told_as_recorded(tmp_path: Path) -> None:
    theirs = recorded("01")
    usage = message_of(theirs, "thread.run.completed")["usage"]
    script = [reply([{"text": texts(theirs)}, {"usage": {"prompt_tokens": 38, "completion_tokens": 35}}])]
    with served(tmp_path, script) as client:
        assistant = client.beta.assistants.create(model="gpt-4o")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "Hello"}])
        ours = raw(client, f"/threads/{thread.id}/runs", {"assistant_id": assistant.id})
    assert_agree(theirs, ours)
    assert texts(ours) == texts(theirs)
    done, run = message_of(ours, "thread.message.completed"), message_of(ours, "thread.run.completed")
    assert done["content"] == message_of(theirs, "thread.message.completed")["content"]
    assert run["usage"] == usage
    assert run["expires_at"] is None
    assert run["model"] == "gpt-4o"


def test_a_function_run_and_its_outputs_are_told_as_recorded(tmp_path: Path) -> None:
    asked, answered = recorded("02"), recorded("03")
    call = {"tool_call": {"name": "get_current_weather", "arguments": ["{}"]}}
    script = [reply([call], [{"text": texts(answered)}])]
    with served(tmp_path, script) as client:
        assistant = client.beta.assistants.create(model="gpt-4o", tools=[WEATHER])  # type: ignore[list-item]
        body = {
            "assistant_id": assistant.id,
            "thread": {"messages": [{"role": "user", "content": "Weather?"}]},
        }
        ours = raw(client, "/threads/runs", body)
        run = ours[-2][1]
        action = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = {"tool_outputs": [{"tool_call_id": action[0]["id"], "output": "warm and sunny"}]}
        path = f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"
        rest = raw(client, path, outputs)
    assert_agree(asked, ours)
    assert_agree(answered, rest)
    step = rest[0][1]["step_details"]["tool_calls"][0]["function"]
    assert step == {"name": "get_current_weather", "arguments": "{}", "output": "warm and sunny"}
    assert texts(rest) == texts(answered)


def test_a_reply_that_reaches_its_limit_is_told_as_recorded(tmp_path: Path) -> None:
    theirs = recorded("06")
    script = [reply([{"text": [*texts(theirs), " and", " more"]}])]
    with served(tmp_path, script) as client:
        assistant = client.beta.assistants.create(model="gpt-4")
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "Ruby, please."}])
        body = {
            "assistant_id": assistant.id,
            "max_completion_tokens": len(texts(theirs)),
            "max_prompt_tokens": 256,
        }
        ours = raw(client, f"/threads/{thread.id}/runs", body)
    # The recording is older than the event `thread.run.incomplete`.
    assert_agree(theirs, ours, {"thread.run.completed": "thread.run.incomplete"})
    assert message_of(ours, "thread.message.incomplete")["incomplete_details"] == {"reason": "max_tokens"}
    run = message_of(ours, "thread.run.incomplete")
    assert (run["status"], run["incomplete_details"]) == ("incomplete", {"reason": "max_completion_tokens"})


def test_the_recorded_errors_are_ours(tmp_path: Path) -> None:
    errors = json.loads((FIXTURES / "13_rest_errors.json").read_text(encoding="utf-8"))
    script = [reply([{"tool_call": {"name": "get_current_weather", "arguments": "{}"}}])]
    with served(tmp_path, script) as client:
        assistant = client.beta.assistants.create(model="gpt-4o", tools=[WEATHER])  # type: ignore[list-item]
        run = client.beta.threads.create_and_run_poll(
            assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Weather?"}]}
        )
        one = f"/threads/{run.thread_id}"
        assert run.required_action is not None
        [call] = run.required_action.submit_tool_outputs.tool_calls
        message = {"role": "user", "content": "Hi"}
        for path, body, status, expected in (
            ("/threads/thread_BaRB3gk3HbzVTzHq2ryfGakQ", None, 404, errors["404 thread"]),
            ("/assistants/asst_XXXX", None, 404, errors["404 assistant"]),
            ("/files/fake_id", None, 404, errors["404 file"]),
            ("/threads/undefined", None, 400, errors["400 bad id prefix"]),
            (f"{one}/messages", message, 400, errors["400 active run (message create)"]),
            (f"{one}/runs", {"assistant_id": assistant.id}, 400, errors["400 active run (run create)"]),
            (
                f"{one}/runs/{run.id}/submit_tool_outputs",
                {"tool_outputs": [{"tool_call_id": "call_A", "output": "1"}]},
                400,
                errors["400 tool outputs mismatch"],
            ),
            ("/nothing", message, 404, errors["404 unknown url"]),
        ):
            with pytest.raises(openai.APIStatusError) as caught:
                if body is None:
                    client.get(path, cast_to=object)
                else:
                    client.post(path, body=body, cast_to=object)
            said = caught.value.response.json()["error"]
            recorded_error = expected["error"] if isinstance(expected, dict) else {"message": expected}
            theirs = recorded_error["message"]
            for old, new in (
                ("thread_X", run.thread_id),
                ("run_Y", run.id),
                ("['call_A', 'call_B'], got ['call_A']", f"['{call.id}'], got ['call_A']"),
                ("/v1/assistants", "/v1/nothing"),
            ):
                theirs = theirs.replace(old, new)
            assert (caught.value.status_code, said["message"]) == (status, theirs)
            assert said["type"] == "invalid_request_error"
            if "param" in recorded_error:
                assert (said["param"], said["code"]) == (recorded_error["param"], recorded_error["code"])
        with pytest.raises(openai.BadRequestError, match="world_domination") as refused:
            client.files.create(file=("a.txt", b"x"), purpose="world_domination")  # type: ignore[arg-type]
        assert refused.value.response.json()["error"]["param"] == "purpose"
        client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
        with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelled'"):
            client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
        with pytest.raises(
            openai.BadRequestError, match='Runs in status "cancelled" do not accept tool outputs'
        ):
            client.beta.threads.runs.submit_tool_outputs(
                run.id, thread_id=run.thread_id, tool_outputs=[{"tool_call_id": call.id, "output": "1"}]
            )


def test_the_names_of_a_stream_can_be_folded() -> None:
    assert names([("a.delta", 1), ("a.delta", 2), ("b", 3)]) == ["a.delta", "b"]


def test_a_run_with_code_is_told_as_recorded(tmp_path: Path) -> None:
    theirs = recorded("05")
    inputs = [
        call["code_interpreter"]["input"]
        for name, data in theirs
        if name == "thread.run.step.delta"
        for call in data["delta"]["step_details"]["tool_calls"]
    ]
    # The opener's input is empty; each piece of the arguments is a piece of the input.
    pieces = ['{"code": "', *(json.dumps(piece)[1:-1] for piece in inputs[1:]), '"}']
    script = [
        reply([{"tool_call": {"name": "python", "arguments": pieces}}], [{"text": texts(theirs)}]),
    ]
    cells = PlayedInterpreter(lambda _: prints())
    with served(tmp_path, script, cells.options) as client:
        assistant = client.beta.assistants.create(model="gpt-4o-mini", tools=[{"type": "code_interpreter"}])
        thread = client.beta.threads.create(messages=[{"role": "user", "content": "Solve 3x + 11 = 14."}])
        ours = raw(client, f"/threads/{thread.id}/runs", {"assistant_id": assistant.id})
    assert_agree(theirs, ours)
    assert texts(ours) == texts(theirs)
    theirs_step, our_step = (message_of(told, "thread.run.step.completed") for told in (theirs, ours))
    [call] = our_step["step_details"]["tool_calls"]
    [recorded_call] = theirs_step["step_details"]["tool_calls"]
    assert call["code_interpreter"] == recorded_call["code_interpreter"]
    assert cells.asked[0][1] == "".join(inputs)
    assert _step_deltas(ours, call["id"]) == _step_deltas(theirs, recorded_call["id"])


def _step_deltas(told: list[Told], call_id: str) -> list[Any]:
    """The deltas of steps, without the call's own id."""
    found = [data["delta"] for name, data in told if name == "thread.run.step.delta"]
    return [json.loads(json.dumps(delta).replace(call_id, "call")) for delta in found]


def test_a_session_with_messages_is_answered_as_recorded(tmp_path: Path) -> None:
    session = json.loads((FIXTURES / "11_rest_message_ops_session.json").read_text(encoding="utf-8"))
    with served(tmp_path, [reply([{"text": "Hi."}])]) as client:
        ours: dict[str, str] = {}
        for request in session:
            path = request["uri"].removeprefix("https://api.openai.com/v1")
            for theirs, own in ours.items():
                path = path.replace(theirs, own)
            with asked(client, request["method"], path, request["request"]) as response:
                answered = json.loads(response.read())
            assert response.status == request["status"], path
            assert missing_keys(request["response"], answered, path) == []
            if "id" in answered:
                ours[request["response"]["id"]] = answered["id"]
            assert timeless(answered, request["response"]) == timeless(request["response"], None)


def test_a_run_that_works_takes_no_outputs_and_no_header_is_needed(tmp_path: Path) -> None:
    errors = json.loads((FIXTURES / "13_rest_errors.json").read_text(encoding="utf-8"))
    with served(tmp_path, [reply([{"wait": 30}, {"text": "Hi."}])]) as client:
        # The one recorded error that is none here: `OpenAI-Beta` may be left out.
        with asked(client, "POST", "/assistants", {"model": "m"}) as response:
            assistant = json.loads(response.read())["id"]
        body = {"assistant_id": assistant, "thread": {"messages": [{"role": "user", "content": "Hi"}]}}
        with asked(client, "POST", "/threads/runs", {**body, "stream": True}) as stream:
            told = iter(lines(stream))
            while next(told) != "event: thread.run.in_progress":
                pass
            run = json.loads(next(told).removeprefix("data: "))
            path = f"/threads/{run['thread_id']}/runs/{run['id']}"
            with asked(client, "POST", f"{path}/submit_tool_outputs", {"tool_outputs": []}) as response:
                assert response.status == 400
                assert json.loads(response.read()) == errors["400 submit in wrong status"]
            client.beta.threads.runs.cancel(run["id"], thread_id=run["thread_id"])


def timeless(thing: Any, like: Any) -> Any:
    """An object (and those of a list) without ids and times, and with no key that `like` has not."""
    if isinstance(thing, list):
        return [timeless(each, like and like[0]) for each in thing]
    if not isinstance(thing, dict):
        return thing
    return {
        key: timeless(value, like and like[key])
        for key, value in thing.items()
        if not key.endswith(("id", "_at")) and (like is None or key in like)
    }
