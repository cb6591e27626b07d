"""What embeds for file search: an endpoint's model where it lists one, else the static one of the machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.responses import JSONResponse, Response

from asstream.errors import UnreachableError
from asstream.runtime.models.embedding_source import FoundEmbedding
from asstream.runtime.models.endpoint_embedding import EndpointEmbedding, choose
from asstream.runtime.models.endpoint_source import EndpointSource
from asstream.runtime.models.static_embedding import pull_embedding
from asstream.search import Embedding, EmbeddingError

from .conftest import FakeEndpoint, refusal


def embed(longest: int = 1 << 20) -> Callable[[dict[str, Any]], Response]:
    """Gives [length, 1] for each text, in the wrong order; refuses longer ones."""

    def answer(body: dict[str, Any]) -> Response:
        texts = body["input"]
        if max(map(len, texts)) > longest:
            return JSONResponse({"error": {"message": "input too large"}}, 400)
        rows = [{"object": "embedding", "index": i, "embedding": [len(t), 1]} for i, t in enumerate(texts)]
        return JSONResponse({"object": "list", "model": "e", "data": rows[::-1]})

    return answer


def found(source: FoundEmbedding) -> Embedding:
    deadline = time.monotonic() + 60
    while (embedding := source()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return embedding


class TestOfAnEndpoint:
    @pytest.mark.parametrize(
        ("names", "chosen"),
        [
            (["gpt-4o", "text-embedding-ada-002", "text-embedding-3-small"], "text-embedding-3-small"),
            (["llama3", "nomic-embed-text:latest"], "nomic-embed-text:latest"),
            (["BAAI/bge-m3"], "BAAI/bge-m3"),
            (["gpt-4o", "bge-reranker-v2"], None),
        ],
    )
    def test_it_is_chosen_by_its_name(self, names: list[str], chosen: str | None) -> None:
        assert choose(names) == chosen

    def test_an_endpoint_that_lists_one_is_asked_for_it(self, fake: FakeEndpoint, tmp_path: Path) -> None:
        fake.models = JSONResponse({"data": [{"id": "chat"}, {"id": "nomic-embed-text"}]})
        fake.says(embed())
        with closing(FoundEmbedding(tmp_path, EndpointSource(fake.endpoint).embedding)) as source:
            vectors = found(source).embed(["a" * length for length in range(1, 101)])
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(100))
        assert vectors[0, 0] < vectors[50, 0] < vectors[99, 0]
        assert [len(body["input"]) for body in fake.requests] == [64, 36]
        assert fake.requests[0]["model"] == "nomic-embed-text"

    def test_what_is_too_long_for_it_is_cut(self, fake: FakeEndpoint) -> None:
        fake.says(embed(longest=2000))
        with closing(EndpointEmbedding(fake.endpoint, "e")) as embedding:
            embedding.embed(["a" * 7000, "b"])
        assert [max(map(len, body["input"])) for body in fake.requests] == [7000, 3500, 1750]

    def test_its_failures_are_told_without_the_key(self, fake: FakeEndpoint) -> None:
        fake.says(refusal(401, message="wrong key sk-secret-key"))
        with closing(EndpointEmbedding(fake.endpoint, "e")) as embedding:
            with pytest.raises(EmbeddingError) as caught:
                embedding.embed(["a"])
            assert "sk-secret-key" not in str(caught.value)
            fake.says(lambda _: JSONResponse({"data": []}))
            with pytest.raises(EmbeddingError, match=r"0 vectors for 1|no embeddings"):
                embedding.embed(["a"])


class TestOnThisMachine:
    def test_it_is_fetched_once_and_knows_what_words_mean(self, tmp_path: Path) -> None:
        try:
            folder = pull_embedding(tmp_path)
        except UnreachableError as error:
            pytest.skip(str(error))
        before = (folder / "weights.safetensors").stat().st_mtime_ns
        embedding = found(FoundEmbedding(tmp_path, lambda: None))
        assert (folder / "weights.safetensors").stat().st_mtime_ns == before
        car, automobile, banana = embedding.embed(["a fast car", "quick automobiles", "ripe bananas"])
        assert car @ automobile > 0.4 > car @ banana
        assert [path.name for path in (tmp_path / "models").iterdir() if "pull" in path.name] == []

    def test_for_a_script_nothing_is_fetched(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        source = FoundEmbedding(tmp_path, None, fetches=False)
        assert source() is None and source() is None
        assert list(tmp_path.iterdir()) == [] and not caplog.messages

    def test_who_asks_while_it_is_looked_for_waits_as_well(self, tmp_path: Path) -> None:
        """What is filled first has its vectors at once."""
        looked, going = threading.Event(), threading.Event()
        there = EndpointEmbedding(FakeEndpoint().endpoint, "e")

        def slow() -> Embedding:
            looked.set()
            going.wait(20)
            return there

        with closing(FoundEmbedding(tmp_path, slow)) as source, ThreadPoolExecutor(2) as pool:
            first = pool.submit(source)
            assert looked.wait(20)
            second = pool.submit(source)
            time.sleep(0.05)
            assert not first.done() and not second.done()
            going.set()
            assert first.result() is there and second.result() is there

    def test_without_one_there_is_none_and_the_log_says_why(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        source = FoundEmbedding(tmp_path, None)
        deadline = time.monotonic() + 60
        while not caplog.messages:
            assert source() is None and time.monotonic() < deadline
            time.sleep(0.05)
        assert "words alone" in caplog.text and "connection refused" in caplog.text
        assert source() is None
