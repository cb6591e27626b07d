"""The code interpreter at work on a file of yours: its code as it is written, its output, what it made.

Start `asstream serve`, export the two variables that it prints, then

    python examples/code_interpreter.py sales.csv "Plot the sales by month and save the totals."

Figures and files come into the current folder, none over one that is there.
"""

import sys
import warnings
from pathlib import Path

from openai import AssistantEventHandler, OpenAI

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

client = OpenAI()


class Shown(AssistantEventHandler):
    """Prints code, output and text as they come."""

    def on_tool_call_created(self, tool_call):  # type: ignore[no-untyped-def]
        print(f"-- {tool_call.type} --")

    def on_tool_call_delta(self, delta, snapshot):  # type: ignore[no-untyped-def]
        if delta.type != "code_interpreter" or delta.code_interpreter is None:
            return
        print(delta.code_interpreter.input or "", end="", flush=True)
        for output in delta.code_interpreter.outputs or ():
            print(f"\n-- {output.type} --\n{output.logs if output.type == 'logs' else ''}", end="")

    def on_text_created(self, text):  # type: ignore[no-untyped-def]
        print("\n-- reply --")

    def on_text_delta(self, delta, snapshot):  # type: ignore[no-untyped-def]
        print(delta.value or "", end="", flush=True)


def keep(file_id: str) -> None:
    """Download a file into the current folder."""
    # The name may be the model's: of a path only its last part counts, and nothing here is written over.
    path = Path(Path(client.files.retrieve(file_id).filename).name)
    with path.open("xb") as file:
        file.write(client.files.content(file_id).read())
    print(f"saved {path}")


def main() -> None:
    """Upload, ask, show, and download."""
    source, question = Path(sys.argv[1]), sys.argv[2]
    upload = client.files.create(file=source, purpose="assistants")
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        instructions="Write and run Python to answer.",
        tools=[{"type": "code_interpreter"}],
        tool_resources={"code_interpreter": {"file_ids": [upload.id]}},
    )
    thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
    with client.beta.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id, event_handler=Shown()
    ) as stream:
        messages = stream.get_final_messages()
    print()
    for part in [part for message in messages for part in message.content]:
        if part.type == "image_file":
            keep(part.image_file.file_id)
        elif part.type == "text":
            for note in part.text.annotations:
                if note.type == "file_path":
                    keep(note.file_path.file_id)


if __name__ == "__main__":
    main()
