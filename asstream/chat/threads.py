"""The client's index of threads: the API has no list of them, so what was chatted in is written down here.

A JSON file under the home folder (0600), changed under a lock, replaced atomically. One that can't be read
is set aside, never overwritten. Knows files and the `openai` client's plain `get`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asstream.errors import ConfigError

if TYPE_CHECKING:
    import openai

TITLE_LENGTH = 60


@dataclass(frozen=True)
class ThreadEntry:
    """What is known of a thread.

    Attributes:
        title: the start of its first message, or the name that its owner gave it.
        assistant: id of the assistant last used; None when unknown.
        endpoint: `embedded`, or the base URL.
        created_at, last_used: Unix seconds.
    """

    id: str
    title: str = ""
    assistant: str | None = None
    endpoint: str = "embedded"
    created_at: float = 0.0
    last_used: float = 0.0


class ThreadIndex:
    """The index of one home folder, seen from one endpoint."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self._path = home / "threads.json"
        self._lock = home / "threads.lock"
        self._endpoint = endpoint

    def entries(self) -> list[ThreadEntry]:
        """The endpoint's threads, last used first."""
        found = [entry for entry in self._read().values() if entry.endpoint == self._endpoint]
        return sorted(found, key=lambda entry: entry.last_used, reverse=True)

    def get(self, thread_id: str) -> ThreadEntry | None:
        """A thread's entry, if it has one."""
        return self._read().get(thread_id)

    def note_use(self, thread_id: str, assistant: str, first_words: str) -> None:
        """Write down that a message was sent. The first one gives the thread its title."""
        now = time.time()
        with self._changing() as entries:
            old = entries.get(thread_id) or ThreadEntry(thread_id, created_at=now)
            entries[thread_id] = ThreadEntry(
                thread_id, old.title or title_of(first_words), assistant, self._endpoint, old.created_at, now
            )

    def note_title(self, thread_id: str, first_words: str) -> None:
        """Give a thread that was made elsewhere its title; one that has a title keeps it."""
        entry = self.get(thread_id)
        if first_words and not (entry and entry.title):
            self.rename(thread_id, first_words)

    def rename(self, thread_id: str, title: str) -> None:
        """Give a thread a title."""
        with self._changing() as entries:
            old = entries.get(thread_id) or ThreadEntry(thread_id, last_used=time.time())
            entries[thread_id] = ThreadEntry(
                thread_id, title_of(title), old.assistant, self._endpoint, old.created_at, old.last_used
            )

    def forget(self, thread_id: str) -> None:
        """Leave a thread out from now on."""
        with self._changing() as entries:
            entries.pop(thread_id, None)

    def merged(self, client: openai.OpenAI) -> list[ThreadEntry]:
        """The index and the threads that the server itself lists (an extension), last used first."""
        known = {entry.id: entry for entry in self.entries()}
        for thread in server_threads(client):
            thread_id = str(thread["id"])
            if thread_id not in known:
                created = float(thread.get("created_at") or 0)
                known[thread_id] = ThreadEntry(
                    thread_id, endpoint=self._endpoint, created_at=created, last_used=created
                )
        return sorted(known.values(), key=lambda entry: entry.last_used, reverse=True)

    def _read(self) -> dict[str, ThreadEntry]:
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            return {item["id"]: ThreadEntry(**item) for item in stored["threads"]}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (ValueError, TypeError, KeyError):
            self._path.replace(self._path.with_suffix(".broken"))
            return {}
        except OSError as error:
            raise ConfigError(
                f"{self._path} can't be read: {error.strerror}", "mend its permissions"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ThreadEntry]]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self._lock):
                entries = self._read()
                yield entries
                self._write(entries)
        except OSError as error:
            raise ConfigError(
                f"{self._path} can't be written: {error.strerror}",
                "set ASSTREAM_HOME to a folder that can be",
            ) from error

    def _write(self, entries: dict[str, ThreadEntry]) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"threads": [asdict(entry) for entry in entries.values()]}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def server_threads(client: openai.OpenAI, limit: int = 1000) -> Iterator[dict[str, Any]]:
    """The newest threads that the server lists, at most `limit`; none where the endpoint has no such list."""
    import openai

    after: str | None = None
    for _ in range(max(1, limit // 100)):
        query = {"limit": 100, **({"after": after} if after else {})}
        try:
            page = client.get("/threads", cast_to=object, options={"params": query})
        except openai.APIStatusError:
            return
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            return
        yield from (
            item for item in page["data"] if isinstance(item, dict) and isinstance(item.get("id"), str)
        )
        after = page.get("last_id")
        if not page.get("has_more") or not after:
            return


def title_of(text: str) -> str:
    """A title out of a message: one line, at most 60 characters."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock, alone among processes; waits for it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
