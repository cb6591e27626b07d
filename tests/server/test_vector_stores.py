"""Vector stores through the real client: made, filled, searched, cancelled, expired, deleted."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.support.served import reply, served


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with served(tmp_path_factory.mktemp("home"), [reply([{"text": "Yes."}])]) as made:
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
