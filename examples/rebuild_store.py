"""Make the vector store of an assistant anew once it has expired; its files are still there.

A store with `expires_after` ends so many days after its last use, and an assistant that searches it can't
run any more. Start `asstream serve`, export the two variables that it prints, then

    python examples/rebuild_store.py asst_abc123
"""

import sys
import warnings

from openai import OpenAI

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

client = OpenAI()

BATCH = 500  # files, the API's most


def rebuilt(store_id: str) -> str:
    """The id of a new store with the name, the lifetime and the files of an old one, which is deleted."""
    old = client.vector_stores.retrieve(store_id)
    files = list(client.vector_stores.files.list(store_id, limit=100))
    new = client.vector_stores.create(
        name=old.name or "",
        metadata=old.metadata,
        expires_after={
            "anchor": "last_active_at",
            "days": old.expires_after.days if old.expires_after else 7,
        },
    )
    for start in range(0, len(files), BATCH):
        ids = [file.id for file in files[start : start + BATCH]]
        batch = client.vector_stores.file_batches.create_and_poll(new.id, file_ids=ids)
        print(f"{batch.file_counts.completed} of {len(ids)} files read", file=sys.stderr)
    for file in files:  # attributes are a file's own in each store
        if file.attributes:
            client.vector_stores.files.update(file.id, vector_store_id=new.id, attributes=file.attributes)
    client.vector_stores.delete(store_id)
    return new.id


def main() -> None:
    """Look at the assistant's stores, and replace those that have expired."""
    assistant = client.beta.assistants.retrieve(sys.argv[1])
    search = assistant.tool_resources.file_search if assistant.tool_resources else None
    ids = (search.vector_store_ids if search else None) or []
    expired = [id for id in ids if client.vector_stores.retrieve(id).status == "expired"]
    if not expired:
        print("No store of this assistant has expired.")
        return
    now = {id: rebuilt(id) for id in expired}
    client.beta.assistants.update(
        assistant.id,
        tool_resources={"file_search": {"vector_store_ids": [now.get(id, id) for id in ids]}},
    )
    for old, new in now.items():
        print(f"{old} has expired and is now {new}")


if __name__ == "__main__":
    main()
