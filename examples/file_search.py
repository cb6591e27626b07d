"""Questions about files of yours, answered with footnotes: the reply streams, its marks become numbers.

Start `asstream serve`, export the two variables that it prints, then

    python examples/file_search.py notes.md handbook.pdf

Each line is a question; an empty one, or the end of the input, leaves. What was made for it is deleted then.
"""

import sys
import warnings
from pathlib import Path

from openai import AssistantEventHandler, OpenAI

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

client = OpenAI()


class Footnotes(AssistantEventHandler):
    """Prints the text as it comes, and a numbered note for each place that it cites."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def on_text_delta(self, delta, snapshot):  # type: ignore[no-untyped-def]
        text = delta.value or ""
        # A mark comes whole, in one delta, together with the annotation that says what it stands for.
        for annotation in delta.annotations or ():
            if annotation.type == "file_citation":
                text = text.replace(annotation.text, f" [{self.number(annotation.file_citation)}]")
        print(text, end="", flush=True)

    def number(self, citation) -> int:  # type: ignore[no-untyped-def]
        """The number of a place; the same place has the same one."""
        name = client.files.retrieve(citation.file_id).filename
        quote = getattr(citation, "quote", None)  # the service gave one in the first version of the API only
        note = f"{name}: “{quote}”" if quote else name
        if note not in self.notes:
            self.notes.append(note)
        return self.notes.index(note) + 1

    def on_end(self):  # type: ignore[no-untyped-def]
        print()
        for number, note in enumerate(self.notes, start=1):
            print(f"[{number}] {note}")


def main() -> None:
    """Fill a store, answer, clean up."""
    store = client.vector_stores.create(name="examples/file_search.py")
    try:
        uploads = [Path(name) for name in sys.argv[1:]]
        batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=uploads)
        print(f"{batch.file_counts.completed} of {len(uploads)} files can be searched.", file=sys.stderr)
        assistant = client.beta.assistants.create(
            model="gpt-4o",
            instructions="Answer from the files, and cite them.",
            tools=[{"type": "file_search"}],
            tool_resources={"file_search": {"vector_store_ids": [store.id]}},
        )
        thread = client.beta.threads.create()
        for line in sys.stdin:
            if not line.strip():
                break
            client.beta.threads.messages.create(thread.id, role="user", content=line.strip())
            with client.beta.threads.runs.stream(
                thread_id=thread.id, assistant_id=assistant.id, event_handler=Footnotes()
            ) as stream:
                stream.until_done()
        client.beta.assistants.delete(assistant.id)
    finally:
        files = [file.id for file in client.vector_stores.files.list(store.id)]
        client.vector_stores.delete(store.id)
        for id in files:
            client.files.delete(id)


if __name__ == "__main__":
    main()
