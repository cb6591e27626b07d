"""Runs that search files: the recorded stream, citations, what clients see, models without tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.server.test_recordings import assert_agree, message_of, raw, recorded, texts
from tests.support.served import reply, served

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
CONTENT = "step_details.tool_calls[*].file_search.results[*].content"
FOODS = """The favorite food of several people:
- Summanus Ferdinand: tacos
- Tekakwitha Effie: pizza
- Filip Carola: cake"""


def search(*queries: str, id: str = "call_1") -> dict[str, Any]:
    return {"tool_call": {"name": "file_search", "id": id, "arguments": {"queries": list(queries)}}}


SCRIPT = [
    reply(
        [{"usage": {"prompt_tokens": 830, "completion_tokens": 20}}, search("Filip's food", "favorite cake")],
        [
            {"text": ["Fil", "ip's favorite food is cake", "【0:0†fav", "orite_foods.txt】", "."]},
            {"usage": {"prompt_tokens": 1198, "completion_tokens": 20}},
        ],
        match="^Filip",
    ),
    reply([search("tacos")], [{"text": "Tacos【0:0†x】, and【3:3†none.txt】 cake."}], match="^garbled"),
    reply([search("qwertyuiop")], [{"text": "Nothing."}], match="^nothing"),
    reply([search()], [{"text": "Oh."}], match="^no query"),
    reply([{"text": "As I said【0:0†favorite_foods.txt】."}], match="^again"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), SCRIPT) as client:
        yield client


@pytest.fixture(scope="module")
def assistant(client: openai.OpenAI) -> str:
    return client.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}]).id


@pytest.fixture(scope="module")
def foods(client: openai.OpenAI) -> str:
    return client.files.create(file=("favorite_foods.txt", FOODS.encode()), purpose="assistants").id


@pytest.fixture(scope="module")
def store(client: openai.OpenAI, foods: str) -> str:
    made = client.vector_stores.create()
    client.vector_stores.files.create_and_poll(foods, vector_store_id=made.id, attributes={"year": 2024})
    return made.id


@pytest.fixture
def threads(client: openai.OpenAI, store: str) -> Callable[[str], str]:
    """Makes a thread over the store, with a question."""

    def make(question: str) -> str:
        thread = client.beta.threads.create(
            messages=[{"role": "user", "content": question}],
            tool_resources={"file_search": {"vector_store_ids": [store]}},
        )
        return thread.id

    return make


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the recordings are not on this machine")
def test_a_search_with_its_citation_is_told_as_recorded(
    client: openai.OpenAI, assistant: str, foods: str, threads: Callable[[str], str]
) -> None:
    theirs = recorded("04")
    thread = threads("Filip?")
    ours = raw(client, f"/threads/{thread}/runs?include[]={CONTENT}", {"assistant_id": assistant})
    names = [name for name, _ in theirs]
    deltas = names.count("thread.message.delta") - sum(name == "thread.message.delta" for name, _ in ours)
    first = names.index("thread.message.delta")
    assert_agree(theirs[:first] + theirs[first + deltas :], ours)
    done, recorded_done = (message_of(each, "thread.message.completed") for each in (ours, theirs))
    [text], [their_text] = done["content"], recorded_done["content"]
    assert text["text"]["value"] == "Filip's favorite food is cake【0:0†favorite_foods.txt】."
    [annotation], [their_annotation] = text["text"]["annotations"], their_text["text"]["annotations"]
    for key in ("type", "start_index", "end_index"):
        assert annotation[key] == their_annotation[key]
    assert annotation["file_citation"]["file_id"] == foods
    assert "Filip Carola: cake" in annotation["file_citation"]["quote"]
    step = message_of(ours, "thread.run.step.completed")
    [result] = step["step_details"]["tool_calls"][0]["file_search"]["results"]
    assert result["content"] == [{"type": "text", "text": FOODS}]
    assert result["attributes"] == {"year": 2024} and 0 < result["score"] <= 1
    assert step["usage"] == message_of(theirs, "thread.run.step.completed")["usage"]
    assert message_of(ours, "thread.run.completed")["usage"]["total_tokens"] == 850 + 1218
    assert "【0:0†favorite_foods.txt】" in texts(ours)


def test_the_text_that_was_found_is_shown_only_where_it_is_asked_for(
    client: openai.OpenAI, assistant: str, threads: Callable[[str], str]
) -> None:
    thread = threads("Filip?")
    run = client.beta.threads.runs.create_and_poll(thread_id=thread, assistant_id=assistant)
    assert run.status == "completed"
    plain = client.beta.threads.runs.steps.list(run.id, thread_id=thread).data[-1]
    whole = client.beta.threads.runs.steps.retrieve(
        plain.id,
        thread_id=thread,
        run_id=run.id,
        include=[CONTENT],  # type: ignore[list-item]
    )
    for step, expected in ((plain, None), (whole, FOODS)):
        [call] = step.step_details.tool_calls  # type: ignore[union-attr]
        [result] = call.file_search.results  # type: ignore[union-attr]
        assert result.file_name == "favorite_foods.txt"
        assert (result.content[0].text if result.content else None) == expected
    with pytest.raises(openai.BadRequestError, match="Supported values"):
        client.get(f"/threads/{thread}/runs/{run.id}/steps?include[]=x", cast_to=object)


def test_garbled_marks_are_mended_and_unknown_ones_taken_out(
    client: openai.OpenAI, assistant: str, threads: Callable[[str], str]
) -> None:
    thread = threads("garbled?")
    client.beta.threads.runs.create_and_poll(thread_id=thread, assistant_id=assistant)
    text = client.beta.threads.messages.list(thread).data[0].content[0].text  # type: ignore[union-attr]
    assert text.value == "Tacos【0:0†favorite_foods.txt】, and cake."
    [annotation] = text.annotations
    assert text.value[annotation.start_index : annotation.end_index] == annotation.text
    # What was found stays known: the next run of the thread may cite it without another search.
    client.beta.threads.messages.create(thread, role="user", content="again?")
    client.beta.threads.runs.create_and_poll(thread_id=thread, assistant_id=assistant)
    text = client.beta.threads.messages.list(thread).data[0].content[0].text  # type: ignore[union-attr]
    assert [each.type for each in text.annotations] == ["file_citation"]


@pytest.mark.parametrize("question", ["nothing?", "no query?"])
def test_a_search_without_results_goes_on(
    client: openai.OpenAI, assistant: str, threads: Callable[[str], str], question: str
) -> None:
    thread = threads(question)
    run = client.beta.threads.runs.create_and_poll(thread_id=thread, assistant_id=assistant)
    assert run.status == "completed"
    step = client.beta.threads.runs.steps.list(run.id, thread_id=thread).data[-1]
    assert step.step_details.tool_calls[0].file_search.results == []  # type: ignore[union-attr]


def test_options_that_are_out_of_bounds_are_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="max_num_results"):
        client.beta.assistants.create(
            model="gpt-4o", tools=[{"type": "file_search", "file_search": {"max_num_results": 51}}]
        )
