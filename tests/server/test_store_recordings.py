"""The recorded sessions with vector stores, replayed request by request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.server.test_recordings import FIXTURES, timeless
from tests.server.test_search_runs import search
from tests.support.raw import asked
from tests.support.served import reply, served
from tests.support.sse import missing_keys

pytestmark = pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not on this machine")

MARK = "【4:0†favorite_foods.txt】"
TEXT = (
    "This file describes the favorite foods of several people.\n\n"
    "Summanus Ferdinand: tacos\nTekakwitha Effie: pizza\nFilip Carola: cake"
)
OURS = MARK.replace("4:0", "0:0")


class Replay:
    """A session whose ids become ours as they come."""

    def __init__(self, client: openai.OpenAI, name: str) -> None:
        [path] = FIXTURES.glob(f"{name}*.json")
        self.session: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        self._client = client
        self._ours: dict[str, str] = {}

    def knows(self, theirs: str, own: str) -> None:
        """An id of the session is this one of ours."""
        self._ours[theirs] = own

    def own(self, text: str) -> str:
        """A text of the session with our ids in it."""
        for theirs, own in self._ours.items():
            text = text.replace(theirs, own)
        return text

    def ask(self, request: dict[str, Any]) -> Any:
        """Ask as the session did; the answer has the same status and every key."""
        path = self.own(request["uri"].removeprefix("https://api.openai.com/v1"))
        body = json.loads(self.own(json.dumps(request["request"])))
        with asked(self._client, request["method"], path, body) as response:
            answered = json.loads(response.read())
        assert response.status == request["status"], (path, answered)
        recorded = request["response"]
        assert missing_keys(recorded, answered, path) == []
        listed = zip(recorded.get("data", [recorded]), answered.get("data", [answered]), strict=True)
        for theirs, own in listed:
            self.knows(theirs["id"], own["id"])
        if recorded.get("tool_resources"):
            held, made = (
                each["tool_resources"]["file_search"]["vector_store_ids"] for each in (recorded, answered)
            )
            for old, new in zip(held, made, strict=True):
                self.knows(old, new)
        return answered


def test_a_session_with_a_search_is_answered_as_recorded(tmp_path: Path) -> None:
    script = [
        reply(
            [{"usage": {"prompt_tokens": 830, "completion_tokens": 19}}, search("Filip's favorite food")],
            [
                {"usage": {"prompt_tokens": 1270, "completion_tokens": 20}},
                {"text": f"Filip's favorite food is cake{OURS}."},
            ],
        )
    ]
    with served(tmp_path, script) as client:
        replay = Replay(client, "10")
        uploaded, *requests = replay.session
        file = client.files.create(file=("favorite_foods.txt", TEXT.encode()), purpose="assistants")
        assert missing_keys(uploaded["response"], file.to_dict()) == []
        replay.knows(uploaded["response"]["id"], file.id)
        for request in requests:
            if request["uri"].endswith(replay.session[6]["uri"].rpartition("/")[2]):
                thread, run = replay.own(request["uri"]).split("/threads/")[1].split("/runs/")
                client.beta.threads.runs.poll(run, thread_id=thread, poll_interval_ms=20)
            answered = replay.ask(request)
            if "steps" in request["uri"]:
                steps = [each.get("data", [each]) for each in (answered, request["response"])]
                assert_results_agree(*steps)
                continue
            # The service began to number the searches of a thread with 4.
            theirs = json.loads(replay.own(json.dumps(request["response"]).replace("4:0", "0:0")))
            assert without_quotes(timeless(answered, theirs)) == timeless(theirs, None)


def without_quotes(thing: Any) -> Any:
    """Without what we say of a citation beside its file."""
    if isinstance(thing, list):
        return [without_quotes(each) for each in thing]
    if isinstance(thing, dict):
        return {key: without_quotes(value) for key, value in thing.items() if key != "quote"}
    return thing


def assert_results_agree(ours: list[Any], theirs: list[Any]) -> None:
    """Steps of the same types, states and usage; the same file found, with its text."""
    for own, recorded in zip(ours, theirs, strict=True):
        assert (own["type"], own["status"]) == (recorded["type"], recorded["status"])
        assert missing_keys(recorded["usage"], own["usage"]) == []
        assert own["usage"]["total_tokens"] == recorded["usage"]["total_tokens"]
    (own_search, own_result), (search, result) = (found(steps[-1]) for steps in (ours, theirs))
    assert own_result.keys() == result.keys()
    assert own_result["file_name"] == result["file_name"]
    assert own_result["attributes"] == result["attributes"]
    assert own_result["content"] == result["content"]
    assert 0.5 <= own_result["score"] <= 1
    assert own_search["ranking_options"].items() >= search["ranking_options"].items()


def found(step: Any) -> tuple[Any, Any]:
    """The search of a step, and the first thing that it found."""
    [call] = step["step_details"]["tool_calls"]
    return call["file_search"], call["file_search"]["results"][0]


def test_a_session_with_a_batch_is_answered_as_recorded(tmp_path: Path) -> None:
    with served(tmp_path, [reply([{"text": "Hi."}])]) as client:
        replay = Replay(client, "12")
        made, batched, listed = replay.session
        for number, theirs in enumerate(batched["request"]["file_ids"]):
            text = f"{number}".ljust(1045, ".")
            file = client.files.create(file=(f"{number}.txt", text.encode()), purpose="assistants")
            replay.knows(theirs, file.id)
        for request in (made, batched):
            assert timeless(replay.ask(request), request["response"]) == timeless(request["response"], None)
        store = replay.own(made["response"]["id"])
        client.vector_stores.file_batches.poll(
            replay.own(batched["response"]["id"]), vector_store_id=store, poll_interval_ms=20
        )
        answered = replay.ask(listed)
        assert timeless(answered, listed["response"]) == timeless(listed["response"], None)
        assert [each["id"] for each in answered["data"]] == [
            replay.own(each["id"]) for each in listed["response"]["data"]
        ]
