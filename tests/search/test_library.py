from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from asstream.search import Cancelled, Chunking, Library, Ranking, Unreadable

Write = Callable[[str, str | bytes], Path]


def test_a_file_is_found_by_its_words_and_says_where(library: Library, write: Write) -> None:
    path = write("x", "# Food\n\nFilip likes cake.\n\n# Sport\n\nFilip plays tennis on Mondays.\n")
    done = library.add("vs_1", "file-1", path, "notes.md", attributes={"year": 2024})
    assert done.chunks == 1
    assert done.text_bytes == path.stat().st_size
    (hit,) = library.search(["vs_1"], ["Who is playing tennis?"])
    assert (hit.store_id, hit.file_id, hit.filename, hit.place) == ("vs_1", "file-1", "notes.md", "Food")
    assert hit.text == path.read_text().strip()
    assert hit.attributes == {"year": 2024}
    assert 0 < hit.score <= 1


def test_what_answers_best_comes_first(library: Library, write: Write) -> None:
    library.add("vs_1", "a", write("a", "Cats sleep most of the day."), "a.txt")
    library.add("vs_1", "b", write("b", "Dogs bark at night. Dogs run."), "b.txt")
    library.add("vs_2", "c", write("c", "A dog and a cat live in one house."), "c.txt")
    assert [hit.file_id for hit in library.search(["vs_1"], ["running dogs"])] == ["b"]
    assert {hit.file_id for hit in library.search(["vs_1", "vs_2"], ["dog"])} == {"b", "c"}
    several = library.search(["vs_1"], ["dogs", "cats sleep"])
    assert {hit.file_id for hit in several} == {"a", "b"}
    assert [hit.score for hit in several] == sorted((hit.score for hit in several), reverse=True)
    assert len(library.search(["vs_1", "vs_2"], ["dog"], limit=1)) == 1
    assert library.search(["vs_1"], ["", "  "]) == []
    assert library.search(["vs_1", "vs_none"], ['"" OR NEAR( ^ * -x:']) == []


def test_a_file_that_is_added_again_takes_the_place_of_its_former_self(
    library: Library, write: Write
) -> None:
    library.add("vs_1", "a", write("a", "apples " * 3000), "a.txt")
    library.add("vs_1", "a", write("a", "pears"), "a.txt")
    assert library.search(["vs_1"], ["apples"]) == []
    assert [hit.text for hit in library.search(["vs_1"], ["pears"])] == ["pears"]
    assert library.content("vs_1", "a") == ["pears"]


def test_what_was_removed_is_not_found(library: Library, write: Write) -> None:
    library.add("vs_1", "a", write("a", "apples"), "a.txt")
    library.add("vs_1", "b", write("b", "apples"), "b.txt")
    library.remove("vs_1", "a")
    library.remove("vs_none", "a")
    assert [hit.file_id for hit in library.search(["vs_1"], ["apples"])] == ["b"]
    library.drop("vs_1")
    library.drop("vs_1")
    assert library.search(["vs_1"], ["apples"]) == []
    assert not (library.folder / "vs_1").exists()
    library.add("vs_1", "c", write("c", "apples"), "c.txt")
    assert [hit.file_id for hit in library.search(["vs_1"], ["apples"])] == ["c"]


def test_the_content_is_the_whole_text_though_chunks_overlap(library: Library, write: Write) -> None:
    text = "".join(f"Line {number} of the text.\n" for number in range(5000))
    done = library.add("vs_1", "a", write("a", text), "a.txt", chunking=Chunking(100, 50))
    assert done.chunks > 600  # more than one transaction's
    assert done.text_bytes == len(text)
    assert "".join(library.content("vs_1", "a")) == text
    assert library.content("vs_1", "none") == []


def test_filters_look_at_attributes_as_they_are_now(library: Library, write: Write) -> None:
    library.add("vs_1", "a", write("a", "apples"), "a.txt", attributes={"year": 2023})
    library.add("vs_1", "b", write("b", "apples"), "b.txt", attributes={"year": 2024})
    wanted = {"type": "gt", "key": "year", "value": 2023}
    assert [hit.file_id for hit in library.search(["vs_1"], ["apples"], filter=wanted)] == ["b"]
    library.set_attributes("vs_1", "a", {"year": 2025})
    assert len(library.search(["vs_1"], ["apples"], filter=wanted)) == 2


def test_a_threshold_leaves_out_what_is_below(library: Library, write: Write) -> None:
    for number in range(40):
        library.add("vs_1", f"f{number}", write("a", "apples " * (number + 1)), "a.txt")
    scores = [hit.score for hit in library.search(["vs_1"], ["apples"], limit=50)]
    assert scores[0] == 1
    assert scores[-1] < 0.8
    found = library.search(["vs_1"], ["apples"], limit=50, ranking=Ranking(score_threshold=0.8))
    assert [hit.score for hit in found] == [score for score in scores if score >= 0.8]


def test_names_of_programs_are_found_by_their_parts_and_chinese_by_pairs(
    library: Library, write: Write
) -> None:
    library.add("vs_1", "a", write("a", "def parseHTTPRequest(max_tokens): ..."), "a.py")
    library.add("vs_1", "b", write("b", "我喜欢学习机器学习"), "b.txt")
    for question in ("parse a request", "http", "tokens", "parseHTTPRequest"):
        assert [hit.file_id for hit in library.search(["vs_1"], [question])] == ["a"], question
    assert [hit.file_id for hit in library.search(["vs_1"], ["机器"])] == ["b"]


def test_words_that_most_chunks_have_are_left_out_of_a_question(library: Library, write: Write) -> None:
    for number in range(120):
        library.add("vs_1", f"f{number}", write("a", f"the common words and number{number}"), "a.txt")
    found = library.search(["vs_1"], ["the common number7"], limit=50)
    assert [hit.file_id for hit in found] == ["f7"]
    assert library.search(["vs_1"], ["the common"]), "where all are frequent the rarest stay"


def test_another_library_on_the_folder_sees_what_this_one_does(library: Library, write: Write) -> None:
    other = Library(library.folder)
    library.add("vs_1", "a", write("a", "apples"), "a.txt")
    assert len(other.search(["vs_1"], ["apples"])) == 1
    library.add("vs_1", "b", write("b", "apples"), "b.txt")
    assert len(other.search(["vs_1"], ["apples"])) == 2
    other.remove("vs_1", "a")
    assert len(library.search(["vs_1"], ["apples"])) == 1
    other.close()


def test_files_are_added_at_once(library: Library, write: Write) -> None:
    paths = [write(f"{number}.txt", f"apples {number} " * 2000) for number in range(8)]
    threads = [
        threading.Thread(target=library.add, args=("vs_1", path.name, path, path.name)) for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {hit.file_id for hit in library.search(["vs_1"], ["apples"], limit=50)} <= {p.name for p in paths}
    for path in paths:
        assert "".join(library.content("vs_1", path.name)) == path.read_text()


def test_a_file_that_is_cancelled_leaves_nothing(library: Library, write: Write) -> None:
    path = write("a", "apples are good.\n" * 200_000)
    asked: list[None] = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        library.add("vs_1", "a", path, "a.txt", cancelled=cancelled)
    assert library.content("vs_1", "a") == []
    assert library.search(["vs_1"], ["apples"]) == []
    library.add("vs_1", "b", write("b", "pears"), "b.txt")
    assert len(library.search(["vs_1"], ["pears"])) == 1


def test_everything_is_the_owners_alone(library: Library, write: Write) -> None:
    library.add("../vs_1", "a", write("a", "apples"), "a.txt")
    assert len(library.search(["../vs_1"], ["apples"])) == 1
    for folder, _, names in os.walk(library.folder):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert all(stat.S_IMODE(os.stat(Path(folder, name)).st_mode) == 0o600 for name in names)
    assert not (library.folder.parent / "vs_1").exists()


def test_a_store_that_is_damaged_is_named(library: Library, write: Write) -> None:
    path = write("a", "apples")
    library.add("vs_1", "a", path, "a.txt")
    library.close()
    (library.folder / "vs_1" / "text.db").write_bytes(b"no database" * 1000)
    again = Library(library.folder)
    with pytest.raises(Unreadable, match=r"text\.db") as caught:
        again.add("vs_1", "a", path, "a.txt")
    assert caught.value.code == "server_error"
    again.close()
