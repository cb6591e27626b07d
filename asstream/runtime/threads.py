"""Threads and their messages."""

from __future__ import annotations

from pathlib import Path

from asstream.errors import WireError
from asstream.runtime import objects, recovery, rows, tool_stores
from asstream.runtime.core import Core
from asstream.runtime.images import refuse_wrong
from asstream.runtime.objects import Object
from asstream.runtime.rows import MESSAGE, RUN, THREAD, Listing
from asstream.runtime.states import ACTIVE
from asstream.runtime.store import Writer


class Threads:
    """The threads of a home."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, fields: Object) -> Object:
        """Make a thread, with its first messages. Raises WireError 404 for a file that is not there."""
        thread = objects.thread(fields)

        def work(writer: Writer) -> Object:
            add_thread(writer, self._core.files, thread, fields)
            return thread

        made = await self._core.store.write(work)
        self._core.ingesting.wake()
        return made

    def get(self, id: str) -> Object:
        """A thread. Raises WireError 404."""
        return rows.get(self._core.store, THREAD, id)

    def page(self, wanted: Listing) -> Object:
        """A page of threads. The service had no such list: an extension."""
        return rows.listing(self._core.store, THREAD, wanted)

    async def modify(self, id: str, fields: Object) -> Object:
        """Change a thread's metadata or tool resources; what is null stays."""

        def work(writer: Writer) -> Object:
            thread = rows.get(writer, THREAD, id)
            if fields.get("metadata") is not None:
                thread["metadata"] = fields["metadata"]
            if fields.get("tool_resources") is not None:
                thread["tool_resources"].update(tool_stores.resolve(writer, fields["tool_resources"]))
            rows.update(writer, THREAD, thread)
            return thread

        changed = await self._core.store.write(work)
        self._core.ingesting.wake()
        return changed

    async def delete(self, id: str) -> Object:
        """Delete a thread with all that is in it. A run at work on it is given up."""

        def work(writer: Writer) -> Object:
            rows.delete(writer, THREAD, id)
            runs = "SELECT id FROM runs WHERE thread_id = ?"
            for table in ("events", "turns", "steps"):
                writer.execute(f"DELETE FROM {table} WHERE run_id IN ({runs})", (id,))  # noqa: S608
            for table in ("messages", "runs"):
                writer.execute(f"DELETE FROM {table} WHERE thread_id = ?", (id,))  # noqa: S608
            return objects.deleted(id, "thread.deleted")

        answer = await self._core.store.write(work)
        await self._core.interpreter.end(id)
        return answer


class Messages:
    """The messages of a home's threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, thread_id: str, fields: Object) -> Object:
        """Add a message to a thread.

        Raises WireError 404 (no such thread or file) or 400 (an active run).
        """
        await recovery.clear_thread(self._core, thread_id)

        def work(writer: Writer) -> Object:
            rows.get(writer, THREAD, thread_id)
            refuse_if_active(writer, thread_id, "Can't add messages to {thread} while a run {run} is active.")
            return add_messages(writer, self._core.files, thread_id, [fields])[0]

        added = await self._core.store.write(work)
        self._core.ingesting.wake()
        return added

    def get(self, thread_id: str, id: str) -> Object:
        """A message. Raises WireError 404."""
        rows.get(self._core.store, THREAD, thread_id)
        return rows.get(self._core.store, MESSAGE, id, thread_id=thread_id)

    def page(self, thread_id: str, wanted: Listing, run_id: str | None = None) -> Object:
        """A page of a thread's messages, or of those that one run wrote."""
        rows.get(self._core.store, THREAD, thread_id)
        where = {"thread_id": thread_id, **({"run_id": run_id} if run_id else {})}
        return rows.listing(self._core.store, MESSAGE, wanted, **where)

    async def modify(self, thread_id: str, id: str, fields: Object) -> Object:
        """Change a message's metadata."""

        def work(writer: Writer) -> Object:
            rows.get(writer, THREAD, thread_id)
            message = rows.get(writer, MESSAGE, id, thread_id=thread_id)
            if fields.get("metadata") is not None:
                message["metadata"] = fields["metadata"]
                rows.update(writer, MESSAGE, message)
            # As recorded: this one answer of the service still had version 1's key.
            return {**message, "file_ids": []}

        return await self._core.store.write(work)

    async def delete(self, thread_id: str, id: str) -> Object:
        """Delete a message."""

        def work(writer: Writer) -> Object:
            rows.get(writer, THREAD, thread_id)
            rows.delete(writer, MESSAGE, id, thread_id=thread_id)
            return objects.deleted(id, "thread.message.deleted")

        return await self._core.store.write(work)


def add_thread(writer: Writer, folder: Path, thread: Object, fields: Object) -> None:
    """Add a thread with the first messages that `fields` have, inside a write.

    Its tool resources are completed with the vector stores that are made for it. Raises WireError 404 for a
    file or store that is not there, and as `add_messages`.
    """
    thread["tool_resources"] = tool_stores.resolve(writer, thread["tool_resources"])
    rows.insert(writer, THREAD, thread)
    add_messages(writer, folder, thread["id"], fields.get("messages") or [])
    thread.update(rows.get(writer, THREAD, thread["id"]))


def add_messages(writer: Writer, folder: Path, thread_id: str, several: list[Object]) -> list[Object]:
    """Add messages to a thread, inside a write; what they attach for search goes into the thread's store.

    `folder` has the contents of files.

    Raises WireError 400 for too many, and for images that can't be shown; 404 for a file that is not there.
    """
    if not several:
        return []
    count = writer.execute("SELECT count(*) FROM messages WHERE thread_id = ?", (thread_id,)).get
    if int(count) + len(several) > objects.MOST_MESSAGES:
        raise WireError(400, f"Thread {thread_id} can't have more than {objects.MOST_MESSAGES} messages.")
    added = [objects.message(thread_id, fields) for fields in several]
    for message in added:
        rows.require_files(writer, _files_of(message))
        refuse_wrong(writer, folder, message["content"])
        rows.insert(writer, MESSAGE, message, thread_id=thread_id)
    tool_stores.add_to_thread(writer, thread_id, added)
    return added


def refuse_if_active(writer: Writer, thread_id: str, message: str) -> None:
    """Raise WireError 400 with `message` (of `thread` and `run`) when the thread has an active run."""
    marks = ", ".join(f"'{status}'" for status in ACTIVE)
    found = writer.execute(
        f"SELECT id FROM {RUN.table} WHERE thread_id = ? AND status IN ({marks})",  # noqa: S608
        (thread_id,),
    ).fetchall()
    if found:
        raise WireError(400, message.format(thread=thread_id, run=found[0][0]))


def _files_of(message: Object) -> list[str]:
    attached = [attachment["file_id"] for attachment in message["attachments"]]
    return attached + [
        part["image_file"]["file_id"] for part in message["content"] if part["type"] == "image_file"
    ]
