"""Vectors and rows agree: after changes, failures, losses and a process that was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from asstream.search import Chunking, EmbeddingError, Library, Ranking
from asstream.search.refreshing import Told
from asstream.search.wordllama import WordLlama
from tests.search.embeddings import HashedWords

Write = Callable[[str, str | bytes], Path]

BY_VECTORS = Ranking(text_weight=0)


@pytest.fixture
def embedding() -> HashedWords:
    return HashedWords()


@pytest.fixture
def library(tmp_path: Path, embedding: HashedWords) -> Iterator[Library]:
    library = Library(tmp_path / "search", embedding)
    yield library
    library.close()


def nearest(library: Library, question: str) -> list[str]:
    return [hit.file_id for hit in library.search(["vs_1"], [question], ranking=BY_VECTORS)]


def soon(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def vector_files(library: Library) -> list[str]:
    return [path.name for path in (library.folder / "vs_1").glob("vectors-*")]


def test_what_has_no_word_in_common_is_found(library: Library, write: Write) -> None:
    library.add("vs_1", "a", write("a", "my car is red"), "a.txt")
    library.add("vs_1", "b", write("b", "the doctor came late"), "b.txt")
    assert [hit.file_id for hit in library.search(["vs_1"], ["automobile"], limit=1)] == ["a"]
    assert [hit.file_id for hit in library.search(["vs_1"], ["physician"], limit=1)] == ["b"]
    assert library.search(["vs_1"], ["physician"])[0].score == 1.0, "no word of it is there to say otherwise"
    by_words = library.search(["vs_1"], ["physician"], ranking=Ranking(embedding_weight=0))
    assert by_words == []


def test_what_is_first_in_both_lists_has_the_highest_score(library: Library, write: Write) -> None:
    library.add("vs_1", "a", write("a", "my car is red"), "a.txt")
    library.add("vs_1", "b", write("b", "my automobile is big and blue and old"), "b.txt")
    first, second = library.search(["vs_1"], ["red car"])
    assert (first.file_id, first.score) == ("a", 1.0)
    assert second.score < 0.5


def test_a_place_that_is_free_again_gets_the_vectors_of_what_comes_there(
    library: Library, write: Write
) -> None:
    for name, text in (("a", "one two " * 900), ("b", "three four"), ("c", "five six")):
        library.add("vs_1", name, write(name, text), name, chunking=Chunking(100, 50))
    size = (library.folder / "vs_1" / vector_files(library)[0]).stat().st_size
    library.remove("vs_1", "a")
    library.add("vs_1", "d", write("d", "seven eight"), "d")
    assert (library.folder / "vs_1" / vector_files(library)[0]).stat().st_size == size
    assert nearest(library, "seven eight")[0] == "d"
    assert nearest(library, "five six")[0] == "c"
    assert "a" not in nearest(library, "one two")


def test_filters_hold_for_vectors_too(library: Library, write: Write) -> None:
    for number in range(30):
        library.add("vs_1", f"f{number}", write("a", f"car {number}"), "a", attributes={"n": number})
    wanted = {"type": "in", "key": "n", "value": [3, 7]}
    hits = library.search(["vs_1"], ["car"], filter=wanted, ranking=BY_VECTORS)
    assert {hit.file_id for hit in hits} == {"f3", "f7"}


def test_another_embedding_makes_the_vectors_anew_with_progress(library: Library, write: Write) -> None:
    library.add("vs_1", "a", write("a", "my car is red"), "a")
    library.add("vs_1", "b", write("b", "apples " * 2000), "b", chunking=Chunking(100, 0))
    (old,) = vector_files(library)
    library.close()
    other = Library(library.folder, HashedWords("other", 32))
    assert nearest(other, "automobile") == [], "never compared with another's vectors"
    told: list[tuple[int, int]] = []
    other.refresh("vs_1", lambda done, total: told.append((done, total)))
    soon(lambda: nearest(other, "automobile")[:1] == ["a"])
    assert not told or told[-1][0] == told[-1][1] > 2
    soon(lambda: old not in vector_files(other))
    assert len(vector_files(other)) == 1
    other.close()


def test_a_failing_embedding_leaves_words_and_is_asked_again(
    library: Library, embedding: HashedWords, write: Write
) -> None:
    embedding.fails = True
    library.add("vs_1", "a", write("a", "my car is red"), "a")
    assert len(library.search(["vs_1"], ["car"])) == 1
    embedding.fails = False
    library.search(["vs_1"], ["car"])  # notices, and has it made in the background
    soon(lambda: nearest(library, "automobile") == ["a"])


@pytest.mark.parametrize("left", [0, 300])
def test_vectors_that_were_lost_are_made_anew(
    library: Library, embedding: HashedWords, write: Write, left: int
) -> None:
    for name in ("a", "b", "c"):
        library.add("vs_1", name, write(name, f"{name} car"), name)
    library.close()
    path = library.folder / "vs_1" / vector_files(library)[0]
    os.truncate(path, left)
    again = Library(library.folder, embedding)
    assert len(again.search(["vs_1"], ["car"])) == 3, "by words"
    soon(lambda: len(nearest(again, "automobile")) == 3)
    again.close()


def test_a_process_that_is_killed_while_it_adds_leaves_a_store_that_agrees(
    library: Library, write: Write, tmp_path: Path
) -> None:
    library.add("vs_1", "a", write("a", "my car is red"), "a")
    path = write("b", "".join(f"my car {number} is big.\n" for number in range(20_000)))
    program = f"""
import os, signal
from pathlib import Path
from asstream.search import Chunking, Library
from tests.search.embeddings import HashedWords

class Deadly(HashedWords):
    def embed(self, texts, *, query=False):
        if self.asked > 600:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)

Library(Path({str(library.folder)!r}), Deadly()).add(
    "vs_1", "b", Path({str(path)!r}), "b", chunking=Chunking(100, 0))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    assert nearest(library, "automobile") == ["a"]
    assert [hit.file_id for hit in library.search(["vs_1"], ["car"])] == ["a"]
    chunks = library.add("vs_1", "b", path, "b", chunking=Chunking(100, 0)).chunks
    assert "".join(library.content("vs_1", "b")) == path.read_text()
    library.remove("vs_1", "a")
    assert len(library.search(["vs_1"], ["car"], limit=5000, ranking=BY_VECTORS)) == chunks


def test_the_static_embedding_is_the_mean_of_its_tokens_vectors(tmp_path: Path) -> None:
    tokenizer = Tokenizer(WordLevel({"?": 0, "my": 1, "car": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    weights = np.array([[0, 0], [3, 0], [1, 4]], dtype="<f2")
    head = {"embedding.weight": {"dtype": "F16", "shape": [3, 2], "data_offsets": [0, weights.nbytes]}}
    text = json.dumps(head).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + weights.tobytes())
    embedding = WordLlama(tmp_path)
    both, one, none = embedding.embed(["my car", "my", ""])
    assert both == pytest.approx(np.array([2, 2]) / np.sqrt(8))
    assert one == pytest.approx([1, 0])
    assert none == pytest.approx([0, 0])
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(EmbeddingError, match="holds no embedding"):
        WordLlama(tmp_path)


def test_it_is_told_how_far_vectors_are_only_where_it_takes_a_while(caplog: pytest.LogCaptureFixture) -> None:
    quick = Told("vs_1", pace=60)
    quick(1, 4)
    quick(4, 4)
    assert not caplog.messages
    slow = Told("vs_1", pace=0)
    for done in (1000, 2500, 4000):
        slow(done, 4000)
    begun, half, there = caplog.messages
    assert "vs_1" in begun and "25 % of 4,000 passages" in begun
    assert "62 %" in half
    assert there == "the vectors of vs_1 are there"
