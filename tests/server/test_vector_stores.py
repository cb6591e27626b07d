"""Vector stores through the real client: made, filled, searched, cancelled, expired, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.served import reply, served
from tests.support.stores import let_expire


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[openai.OpenAI]:
    with served(home, [reply([{"text": "Yes."}])]) as made:
        yield made


def upload(client: openai.OpenAI, text: str | bytes, name: str = "notes.txt") -> str:
    content = text.encode() if isinstance(text, str) else text
    return client.files.create(file=(name, content), purpose="assistants").id


def test_a_store_is_filled_and_searched_with_the_helpers_of_the_client(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="animals", description="What lives where")
    assert (store.status, store.file_counts.total, store.usage_bytes) == ("completed", 0, 0)
    added = client.vector_stores.files.create_and_poll(
        upload(client, "The okapi lives in the rainforest of the Congo."),
        vector_store_id=store.id,
        attributes={"continent": "Africa", "year": 1901, "striped": True},
    )
    assert (added.status, added.last_error) == ("completed", None)
    assert added.usage_bytes == len("The okapi lives in the rainforest of the Congo.")
    uploaded = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("quokka.md", b"# Quokka\n\nIt lives on Rottnest Island.")
    )
    assert uploaded.status == "completed"
    found = client.vector_stores.search(store.id, query="Where does the okapi live?")
    assert found.data[0].file_id == added.id
    assert found.data[0].content[0].text == "The okapi lives in the rainforest of the Congo."
    assert found.data[0].attributes == {"continent": "Africa", "year": 1901, "striped": True}
    assert 0 < found.data[0].score <= 1
    filtered = client.vector_stores.search(
        store.id,
        query=["okapi", "island"],
        filters={"type": "ne", "key": "continent", "value": "Africa"},
        max_num_results=1,
    )
    assert [hit.filename for hit in filtered.data] == ["quokka.md"]
    now = client.vector_stores.retrieve(store.id)
    assert (now.file_counts.completed, now.file_counts.total) == (2, 2)
    assert now.usage_bytes == added.usage_bytes + uploaded.usage_bytes


def test_a_batch_reads_what_it_can_and_says_of_the_rest_why_not(client: openai.OpenAI) -> None:
    store = client.vector_stores.create()
    files = {
        upload(client, "Some text."): "completed",
        upload(client, b"%PDF-1.4 nothing more", "broken.pdf"): "failed",
        upload(client, b"\x89PNG\r\n\x1a\n\x00", "cat.png"): "failed",
        upload(client, b"\x00\x01\x02", "noise.bin"): "failed",
    }
    batch = client.vector_stores.file_batches.create_and_poll(
        store.id, file_ids=[*files], attributes={"lot": 1}, poll_interval_ms=20
    )
    assert batch.status == "completed"
    assert (batch.file_counts.completed, batch.file_counts.failed, batch.file_counts.total) == (1, 3, 4)
    batches = client.vector_stores.file_batches
    listed = list(batches.list_files(batch.id, vector_store_id=store.id))
    assert {file.id: file.status for file in listed} == files
    why = {file.id: file.last_error for file in listed if file.last_error}
    codes = [why[id].code for id, status in files.items() if status == "failed"]
    assert codes == ["invalid_file", "unsupported_file", "unsupported_file"]
    words = ["broken.pdf", "PNG", "no text"]
    assert all(word in why[id].message for id, word in zip([*files][1:], words, strict=True))
    failed = client.vector_stores.files.list(store.id, filter="failed")
    assert {file.id for file in failed} == {id for id, status in files.items() if status == "failed"}
    [found] = client.vector_stores.search(store.id, query="text").data
    assert found.attributes == {"lot": 1}


def test_a_batch_that_is_cancelled_keeps_what_was_read(client: openai.OpenAI) -> None:
    store = client.vector_stores.create()
    ids = [upload(client, f"Number {number}. " * 20_000) for number in range(12)]
    batches = client.vector_stores.file_batches
    batch = batches.create(store.id, file_ids=ids)
    assert batch.status == "in_progress"
    cancelled = batches.cancel(batch.id, vector_store_id=store.id)
    assert cancelled.status == "cancelled" and cancelled.file_counts.in_progress == 0
    assert cancelled.file_counts.cancelled >= 1
    again = batches.cancel(batch.id, vector_store_id=store.id)
    assert again == cancelled
    now = client.vector_stores.retrieve(store.id)
    assert now.file_counts.cancelled == cancelled.file_counts.cancelled
    assert now.file_counts.completed == 12 - cancelled.file_counts.cancelled


def test_a_file_is_taken_out_of_a_store_and_stays(client: openai.OpenAI) -> None:
    store = client.vector_stores.create()
    files = client.vector_stores.files
    id = upload(client, "The axolotl lives in Xochimilco.")
    files.create_and_poll(id, vector_store_id=store.id, poll_interval_ms=20)
    content = files.content(id, vector_store_id=store.id)
    assert [part.text for part in content.data] == ["The axolotl lives in Xochimilco."]
    assert files.delete(id, vector_store_id=store.id).deleted
    assert client.vector_stores.search(store.id, query="axolotl").data == []
    assert client.files.retrieve(id).id == id
    with pytest.raises(openai.NotFoundError):
        files.retrieve(id, vector_store_id=store.id)
    files.create_and_poll(id, vector_store_id=store.id, poll_interval_ms=20)
    client.files.delete(id)
    assert client.vector_stores.search(store.id, query="axolotl").data == []
    assert client.vector_stores.retrieve(store.id).file_counts.total == 0


def test_other_attributes_count_at_once(client: openai.OpenAI) -> None:
    store = client.vector_stores.create()
    files = client.vector_stores.files
    id = upload(client, "A text.")
    files.create_and_poll(id, vector_store_id=store.id, attributes={"year": 1}, poll_interval_ms=20)
    changed = files.update(id, vector_store_id=store.id, attributes={"year": 2, "new": True})
    assert changed.attributes == {"year": 2, "new": True}

    def years(**compared: Any) -> list[object]:
        found = client.vector_stores.search(store.id, query="text", filters={"key": "year", **compared})  # type: ignore[arg-type]
        return [(hit.attributes or {})["year"] for hit in found.data]

    assert years(type="gte", value=2) == [2]
    assert years(type="lt", value=2) == []
    assert years(type="in", value=[1, 2]) == [2]


def test_a_store_that_has_expired_says_so_and_keeps_its_list(client: openai.OpenAI, home: Path) -> None:
    store = client.vector_stores.create(name="old", expires_after={"anchor": "last_active_at", "days": 1})
    assert store.expires_at is not None and store.expires_at - store.last_active_at == 86_400  # type: ignore[operator]
    id = upload(client, "A text.")
    client.vector_stores.files.create_and_poll(id, vector_store_id=store.id, poll_interval_ms=20)
    let_expire(home, store.id)
    assert client.vector_stores.retrieve(store.id).status == "expired"
    assert [file.id for file in client.vector_stores.files.list(store.id)] == [id]
    for ask in (
        lambda: client.vector_stores.search(store.id, query="text"),
        lambda: client.vector_stores.files.create(store.id, file_id=id),
    ):
        with pytest.raises(openai.BadRequestError, match="has expired") as refused:
            ask()
        assert refused.value.code == "vector_store_expired"
    assistant = client.beta.assistants.create(
        model="m",
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_store_ids": [store.id]}},
    )
    with pytest.raises(openai.BadRequestError, match="has expired"):
        client.beta.threads.create_and_run(assistant_id=assistant.id)


def test_attachments_make_the_threads_own_store_for_seven_days(client: openai.OpenAI) -> None:
    first, second = upload(client, "One."), upload(client, "Two.")
    tools: Any = [{"type": "file_search"}]
    message: Any = {"role": "user", "content": "Hi", "attachments": [{"file_id": first, "tools": tools}]}
    thread = client.beta.threads.create(messages=[message])
    search = thread.tool_resources and thread.tool_resources.file_search
    [id] = (search and search.vector_store_ids) or []
    store = client.vector_stores.retrieve(id)
    assert store.expires_after is not None and store.expires_after.days == 7
    client.beta.threads.messages.create(
        thread.id, role="user", content="And", attachments=[{"file_id": second, "tools": tools}]
    )
    assert {file.id for file in client.vector_stores.files.list(id)} == {first, second}
    assert client.beta.threads.retrieve(thread.id).tool_resources == thread.tool_resources


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/vector_stores", {"file_ids": ["file-none"]}, ""),
        ("/vector_stores", {"expires_after": {"anchor": "created_at", "days": 1}}, "expires_after"),
        ("/vector_stores", {"expires_after": {"anchor": "last_active_at", "days": 0}}, "expires_after"),
        ("/vector_stores/STORE/files", {"file_id": "FILE", "attributes": {"a": None}}, "attributes"),
        (
            "/vector_stores/STORE/files",
            {
                "file_id": "FILE",
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
                },
            },
            "chunking_strategy",
        ),
        ("/vector_stores/STORE/search", {"query": ""}, "query"),
        ("/vector_stores/STORE/search", {"query": "x", "max_num_results": 51}, "max_num_results"),
        ("/vector_stores/STORE/search", {"query": "x", "filters": {"type": "like"}}, "filters"),
        ("/vector_stores/STORE/file_batches", {}, "file_ids"),
        ("/vector_stores/vs_none/search", {"query": "x"}, ""),
        ("/vector_stores/store/search", {"query": "x"}, "vector_store_id"),
    ],
)
def test_what_makes_no_sense_is_refused(client: openai.OpenAI, path: str, body: Any, param: str) -> None:
    store, file = client.vector_stores.create().id, upload(client, "x")
    body = {key: file if value == "FILE" else value for key, value in body.items()}
    with pytest.raises((openai.BadRequestError, openai.NotFoundError)) as refused:
        client.post(path.replace("STORE", store), body=body, cast_to=object)
    if param:
        assert param in str(refused.value.param)
    assert "Traceback" not in str(refused.value)


def test_a_search_names_the_page_or_heading_and_weighs_as_it_is_told(client: openai.OpenAI) -> None:
    store = client.vector_stores.create()
    files = {"a": "# Okapi\n\nIt lives in the Congo.", "b": "# Quokka\n\nIt lives on an island."}
    for name, text in files.items():
        client.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=(f"{name}.md", text.encode()), poll_interval_ms=20
        )
    found = client.vector_stores.search(
        store.id, query="island", ranking_options={"ranker": "auto", "score_threshold": 0.9}
    )
    assert [hit.filename for hit in found.data] == ["b.md"]
    # Weights for embeddings alone: there are none here, and words are no substitute for them.
    body = {
        "query": "island",
        "ranking_options": {"hybrid_search": {"embedding_weight": 1, "text_weight": 0}},
    }
    answer: Any = client.post(f"/vector_stores/{store.id}/search", body=body, cast_to=object)
    assert answer["data"] == []
