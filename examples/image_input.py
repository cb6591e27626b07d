"""Pictures in a message, and what a run did step by step.

Start `asstream serve` with a model that can see behind it, export the two variables that it prints, then

    python examples/image_input.py photo.png https://example.com/other.png "What is different?"

Everything but the last word is a picture: a file is uploaded, an address is passed on.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

from openai import OpenAI

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

client = OpenAI()


def picture(source: str) -> Any:
    """A picture as a part of a message. `low` costs few tokens and shows the gist, `high` the details."""
    if source.startswith(("https://", "http://", "data:")):
        return {"type": "image_url", "image_url": {"url": source, "detail": "low"}}
    upload = client.files.create(file=Path(source), purpose="vision")
    return {"type": "image_file", "image_file": {"file_id": upload.id, "detail": "high"}}


def main() -> None:
    """Ask about pictures; print the reply, then the run's steps."""
    *sources, question = sys.argv[1:]
    content = [{"type": "text", "text": question}, *map(picture, sources)]
    assistant = client.beta.assistants.create(model="gpt-4o")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": content}])
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    for message in client.beta.threads.messages.list(thread.id, order="asc"):
        for part in message.content:
            shown = part.text.value if part.type == "text" else f"[{part.type}]"
            print(f"{message.role}: {shown}")
    for step in client.beta.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc"):
        tokens = step.usage.total_tokens if step.usage else 0
        print(f"-- {step.type}: {step.status}, {tokens} tokens")
    if run.status != "completed":
        sys.exit(f"The run ended as {run.status}: {run.last_error}")


if __name__ == "__main__":
    main()
