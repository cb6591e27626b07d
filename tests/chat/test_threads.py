"""The client's index of threads: what it keeps, and what it survives."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from asstream.chat.threads import TITLE_LENGTH, ThreadIndex, title_of


def test_the_first_message_gives_the_title_and_later_ones_keep_it(tmp_path: Path) -> None:
    index = ThreadIndex(tmp_path, "embedded")
    index.note_use("thread_1", "asst_1", "First\nwords")
    index.note_use("thread_1", "asst_2", "Others")
    [entry] = index.entries()
    assert (entry.title, entry.assistant) == ("First words", "asst_2")
    assert entry.last_used >= entry.created_at > 0


def test_threads_are_listed_last_used_first_and_for_their_endpoint_alone(tmp_path: Path) -> None:
    here, there = ThreadIndex(tmp_path, "embedded"), ThreadIndex(tmp_path, "https://there.example/v1")
    here.note_use("thread_1", "a", "one")
    here.note_use("thread_2", "a", "two")
    here.note_use("thread_1", "a", "again")
    there.note_use("thread_3", "a", "three")
    assert [entry.id for entry in here.entries()] == ["thread_1", "thread_2"]
    assert [entry.id for entry in there.entries()] == ["thread_3"]


def test_a_name_given_by_the_owner_stays(tmp_path: Path) -> None:
    index = ThreadIndex(tmp_path, "embedded")
    index.rename("thread_1", "Mine")
    index.note_use("thread_1", "a", "words")
    assert index.entries()[0].title == "Mine"


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    ThreadIndex(tmp_path, "embedded").note_use("thread_1", "a", "one")
    assert (tmp_path / "threads.json").stat().st_mode & 0o777 == 0o600


def test_an_index_that_cannot_be_read_is_set_aside_and_not_lost(tmp_path: Path) -> None:
    (tmp_path / "threads.json").write_text("half")
    index = ThreadIndex(tmp_path, "embedded")
    index.note_use("thread_1", "a", "one")
    assert [entry.id for entry in index.entries()] == ["thread_1"]
    assert (tmp_path / "threads.broken").read_text() == "half"


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            ThreadIndex(tmp_path, "embedded").note_use(f"thread_{number}_{turn}", "a", "words")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(json.loads((tmp_path / "threads.json").read_text())["threads"]) == 40


def test_a_title_is_one_short_line() -> None:
    assert title_of("a\n b\t c") == "a b c"
    assert len(title_of("x" * 500)) == TITLE_LENGTH
