"""The files of vector stores, and the batches that they come in."""

from __future__ import annotations

from functools import partial

from asstream.errors import WireError
from asstream.runtime import attaching, objects, rows, store_objects
from asstream.runtime.core import Core
from asstream.runtime.objects import Object
from asstream.runtime.rows import FILE_BATCH, STORE_FILE, VECTOR_STORE, Listing
from asstream.runtime.store import Store, Writer


class StoreFiles:
    """The files of a home's vector stores."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, store_id: str, fields: Object) -> Object:
        """Put a file into a store; it is read in the background. Raises WireError 404 or 400."""
        [file] = await self._core.store.write(partial(attaching.attach, store_id=store_id, entries=[fields]))
        self._core.ingesting.wake()
        return file

    def get(self, store_id: str, id: str) -> Object:
        """A file of a store. Raises WireError 404."""
        return _get(self._core.store, store_id, id)

    def page(self, store_id: str, wanted: Listing, status: str | None = None) -> Object:
        """A page of a store's files, or of those with a status."""
        rows.get(self._core.store, VECTOR_STORE, store_id)
        where = {"vector_store_id": store_id, **({"status": status} if status else {})}
        return rows.listing(self._core.store, STORE_FILE, wanted, **where)

    async def modify(self, store_id: str, id: str, attributes: Object) -> Object:
        """Give a file of a store other attributes. Raises WireError 404."""

        def work(writer: Writer) -> Object:
            file = _get(writer, store_id, id)
            file["attributes"] = attributes
            sql = "UPDATE vector_store_files SET body = ? WHERE vector_store_id = ? AND id = ?"
            writer.execute(sql, (rows.dump(file), store_id, id))
            return file

        file = await self._core.store.write(work)
        await self._core.library.call(lambda made: made.set_attributes(store_id, id, attributes))
        return file

    async def delete(self, store_id: str, id: str) -> Object:
        """Take a file out of a store. The file itself stays. Raises WireError 404."""

        def work(writer: Writer) -> None:
            _get(writer, store_id, id)
            attaching.detach(writer, store_id, id)

        await self._core.store.write(work)
        self._core.ingesting.wake()
        return objects.deleted(id, "vector_store.file.deleted")

    async def content(self, store_id: str, id: str) -> Object:
        """The text of a file as it was read. Raises WireError 404, or 400 where it was not read (yet)."""
        file = _get(self._core.store, store_id, id)
        attaching.living_store(self._core.store, store_id)
        if file["status"] != "completed":
            message = (
                f"File '{id}' in vector store '{store_id}' has no content: its status is '{file['status']}'."
            )
            raise WireError(400, message, param="file_id")
        pieces = await self._core.library.call(lambda made: made.content(store_id, id))
        return store_objects.content_page(pieces)


class FileBatches:
    """The batches of files of a home's vector stores."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def create(self, store_id: str, fields: Object) -> Object:
        """Put files into a store together; a file that is named twice is taken once.

        With `file_ids` all have the batch's `attributes` and `chunking_strategy`; `files` have their own.
        Raises WireError 404 (store, file) or 400.
        """
        shared = {key: fields.get(key) for key in ("attributes", "chunking_strategy")}
        listed = fields.get("files") or [{"file_id": id, **shared} for id in fields["file_ids"]]
        entries = list({entry["file_id"]: entry for entry in reversed(listed)}.values())[::-1]
        batch = store_objects.file_batch(store_id, len(entries))

        def work(writer: Writer) -> None:
            rows.get(writer, VECTOR_STORE, store_id)
            rows.insert(writer, FILE_BATCH, batch, vector_store_id=store_id)
            attaching.attach(writer, store_id, entries, batch["id"])

        await self._core.store.write(work)
        self._core.ingesting.wake()
        return batch

    def get(self, store_id: str, id: str) -> Object:
        """A batch. Raises WireError 404."""
        rows.get(self._core.store, VECTOR_STORE, store_id)
        return rows.get(self._core.store, FILE_BATCH, id, vector_store_id=store_id)

    async def cancel(self, store_id: str, id: str) -> Object:
        """Cancel what of a batch is not done. One that is done is answered as it is. Raises WireError 404."""

        def work(writer: Writer) -> Object:
            rows.get(writer, VECTOR_STORE, store_id)
            batch = rows.get(writer, FILE_BATCH, id, vector_store_id=store_id)
            if batch["status"] == "in_progress":
                rows.update(writer, FILE_BATCH, {**batch, "status": "cancelled"})
                attaching.cancel(writer, "batch_id", id)
            return rows.get(writer, FILE_BATCH, id)

        batch = await self._core.store.write(work)
        self._core.ingesting.wake()
        return batch

    def files(self, store_id: str, id: str, wanted: Listing, status: str | None = None) -> Object:
        """A page of the files that came in a batch, and are in the store as they came in it."""
        self.get(store_id, id)
        where = {"vector_store_id": store_id, "batch_id": id, **({"status": status} if status else {})}
        return rows.listing(self._core.store, STORE_FILE, wanted, **where)


def _get(source: Store | Writer, store_id: str, id: str) -> Object:
    rows.get(source, VECTOR_STORE, store_id)
    found = rows.find(source, STORE_FILE, id, vector_store_id=store_id)
    if found is None:
        raise WireError(404, f"No file found with id '{id}' in vector store '{store_id}'.")
    return found
