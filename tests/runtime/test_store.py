"""The store: writes that stand or fall alone, pages in every direction, databases of other versions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from asstream.errors import ConfigError, WireError
from asstream.runtime import rows
from asstream.runtime.rows import ASSISTANT, Listing
from asstream.runtime.schema import MIGRATIONS
from asstream.runtime.store import Store, Writer


def in_a_store(path: Path, work: Callable[[Store], Any]) -> Any:
    """Run an async function of a store in a loop of its own."""

    async def main() -> Any:
        store = Store(path)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(main())


async def fill(store: Store, count: int) -> list[str]:
    """Assistants asst_0, asst_1, …, all of one second."""
    ids = [f"asst_{number}" for number in range(count)]

    def work(writer: Writer) -> None:
        for id in ids:
            rows.insert(writer, ASSISTANT, {"id": id, "created_at": 1})

    await store.write(work)
    return ids


LOCKED = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
    except OSError:
        print("locked", end="")
"""
"""Whether another process has SQLite's shared lock, which every connection holds in WAL mode."""


def test_an_open_database_keeps_its_lock_so_that_no_other_program_removes_its_log(tmp_path: Path) -> None:
    async def work(store: Store) -> str:
        await fill(store, 1)
        done = subprocess.run(
            [sys.executable, "-c", LOCKED, str(store.path)], capture_output=True, text=True, check=True
        )
        return done.stdout

    assert in_a_store(tmp_path / "db", work) == "locked"


PAGES = [
    (Listing(limit=2), [5, 4], True),
    (Listing(limit=2, order="asc"), [0, 1], True),
    (Listing(limit=2, after="asst_4"), [3, 2], True),
    (Listing(limit=9, after="asst_4"), [3, 2, 1, 0], False),
    (Listing(limit=2, order="asc", after="asst_1"), [2, 3], True),
    (Listing(limit=2, before="asst_1"), [3, 2], True),
    (Listing(limit=9, before="asst_3"), [5, 4], False),
    (Listing(limit=2, order="asc", before="asst_3"), [1, 2], True),
    (Listing(limit=9, after="asst_5", before="asst_2"), [4, 3], False),
    (Listing(limit=9, after="asst_0"), [], False),
]


@pytest.mark.parametrize(("wanted", "numbers", "more"), PAGES)
def test_a_page_is_cut_at_its_cursors(
    tmp_path: Path, wanted: Listing, numbers: list[int], more: bool
) -> None:
    async def work(store: Store) -> Any:
        await fill(store, 6)
        return rows.listing(store, ASSISTANT, wanted)

    found = in_a_store(tmp_path / "db", work)
    ids = [f"asst_{number}" for number in numbers]
    assert [each["id"] for each in found["data"]] == ids
    assert found["has_more"] is more
    assert (found["first_id"], found["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


def test_walking_all_pages_gives_everything_once(tmp_path: Path) -> None:
    async def work(store: Store) -> Any:
        ids = await fill(store, 25)
        seen: list[str] = []
        after = None
        while True:
            page = rows.listing(store, ASSISTANT, Listing(limit=4, order="asc", after=after))
            seen += [each["id"] for each in page["data"]]
            if not page["has_more"]:
                return seen == ids
            after = page["last_id"]

    assert in_a_store(tmp_path / "db", work)


def test_a_cursor_that_is_not_there_is_a_404(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        rows.listing(store, ASSISTANT, Listing(after="asst_x"))

    with pytest.raises(WireError, match="No assistant found with id 'asst_x'") as caught:
        in_a_store(tmp_path / "db", work)
    assert caught.value.status == 404


def test_a_write_that_raises_takes_nothing_else_along(tmp_path: Path) -> None:
    async def work(store: Store) -> Any:
        def broken(writer: Writer) -> None:
            rows.insert(writer, ASSISTANT, {"id": "asst_half"})
            raise ValueError("stop")

        good, bad, last = fill(store, 1), store.write(broken), store.write(lambda w: 7)
        results = await asyncio.gather(good, bad, last, return_exceptions=True)
        return results, rows.find(store, ASSISTANT, "asst_half"), rows.find(store, ASSISTANT, "asst_0")

    (_, error, seven), half, whole = in_a_store(tmp_path / "db", work)
    assert isinstance(error, ValueError)
    assert (seven, half, whole["id"]) == (7, None, "asst_0")


def test_what_a_model_says_comes_back_as_it_was(tmp_path: Path) -> None:
    said = {"id": "asst_1", "text": "\x00 \ud83d \U0001f600 \x1b[31m 語"}

    async def work(store: Store) -> Any:
        await store.write(lambda writer: rows.insert(writer, ASSISTANT, said))
        return rows.get(store, ASSISTANT, "asst_1")

    assert in_a_store(tmp_path / "db", work) == said


def test_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    async def work(store: Store) -> list[int]:
        await fill(store, 1)
        return [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()]

    modes = in_a_store(tmp_path / "db", work)
    assert len(modes) == 3
    assert set(modes) == {0o600}


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "db"))
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()

    async def work(store: Store) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(ConfigError, match="newer asstream") as caught:
        in_a_store(tmp_path / "db", work)
    assert "ASSTREAM_HOME" in caught.value.remedy


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"not a database, " * 100)

    async def work(store: Store) -> None:
        raise AssertionError("it was opened")

    with pytest.raises(ConfigError, match="is damaged"):
        in_a_store(tmp_path / "db", work)


def test_a_full_disk_keeps_nothing_of_a_write_and_says_so(tmp_path: Path) -> None:
    async def work(store: Store) -> Any:
        await fill(store, 1)
        await store.write(lambda writer: writer.execute("PRAGMA max_page_count = 20"))
        big = {"id": "asst_big", "text": "x" * 1_000_000}
        try:
            await store.write(lambda writer: rows.insert(writer, ASSISTANT, big))
        except WireError as error:
            return error, rows.find(store, ASSISTANT, "asst_big")
        return None

    error, kept = in_a_store(tmp_path / "db", work)
    assert (error.status, error.code, kept) == (507, "storage_failed", None)
