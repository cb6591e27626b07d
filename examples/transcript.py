"""Keeps what is said: `asstream chat --handler examples/transcript.py:Transcript`.

The conversation is written to THREAD_ID.md in the folder TRANSCRIPT_DIR (here, when that is not set) while
it streams: what you asked, the replies with their notes, code with its outputs, function calls.
"""

import os
import re
from pathlib import Path

from openai import APIConnectionError, OpenAI

from asstream import ConsoleHandler
from asstream.handlers.files import footnotes
from asstream.render.clean import Cleaner, clean, clean_line


class Transcript(ConsoleHandler):
    """Shows the reply as ever, and appends it to a Markdown file."""

    def __init__(self):  # type: ignore[no-untyped-def]
        super().__init__()
        self.thread_id, self.file, self.cleaner = "", None, Cleaner()

    def on_event(self, event):  # type: ignore[no-untyped-def]
        super().on_event(event)
        self.thread_id = getattr(event.data, "thread_id", None) or self.thread_id
        if event.event == "thread.run.created":
            for words in asked(event.data):
                self.write(f"\n## User\n\n{clean(words)}\n")

    def on_message_created(self, message):  # type: ignore[no-untyped-def]
        super().on_message_created(message)
        self.write("\n## Assistant\n\n")

    def on_text_delta(self, delta, snapshot):  # type: ignore[no-untyped-def]
        super().on_text_delta(delta, snapshot)
        self.write(self.cleaner.feed(delta.value or ""))

    def on_text_done(self, text):  # type: ignore[no-untyped-def]
        super().on_text_done(text)
        self.write(self.cleaner.flush() + "\n")

    def on_refusal_done(self, refusal):  # type: ignore[no-untyped-def]
        super().on_refusal_done(refusal)
        self.write(clean(refusal.refusal) + "\n")

    def on_message_done(self, message):  # type: ignore[no-untyped-def]
        super().on_message_done(message)
        notes = footnotes(message, self.files)
        self.write("".join(f"\n- {clean_line(f'{note.mark} {note.note}')}" for note in notes))
        self.write("\n" * bool(notes))

    def on_tool_call_done(self, tool_call):  # type: ignore[no-untyped-def]
        super().on_tool_call_done(tool_call)
        if tool_call.type == "code_interpreter":
            self.write("\n## Code\n\n" + fenced(tool_call.code_interpreter.input, "python"))
            for output in tool_call.code_interpreter.outputs or ():
                if output.type == "logs":
                    self.write("\n" + fenced(output.logs, "text"))
                else:
                    self.write(f"\n[image {clean_line(output.image.file_id)}]\n")
        elif tool_call.type == "function":
            function = tool_call.function
            called = f"{function.name}({function.arguments})\n→ {function.output or ''}"
            self.write("\n## Function\n\n" + fenced(called, "text"))

    def on_run_done(self, run):  # type: ignore[no-untyped-def]
        super().on_run_done(run)
        if run.status != "completed":
            self.write(f"\n*{clean_line(run.status)}*\n")

    def on_end(self):  # type: ignore[no-untyped-def]
        super().on_end()
        if self.file is not None:
            self.file.close()
            self.file = None

    def write(self, text):  # type: ignore[no-untyped-def]
        """Append a text that is harmless already."""
        if self.file is None:
            # The id is the endpoint's word: it names a file of this folder and no other.
            name = re.sub(r"[^\w-]", "_", self.thread_id)[:100] or "thread"
            path = Path(os.environ.get("TRANSCRIPT_DIR", ".")) / f"{name}.md"
            self.file = path.open("a", encoding="utf-8")
        self.file.write(text)
        self.file.flush()


def asked(run):  # type: ignore[no-untyped-def]
    """What the person has said since the reply before this run's, oldest first."""
    words = []
    try:
        for message in OpenAI(max_retries=0).beta.threads.messages.list(run.thread_id, limit=20):
            if message.run_id == run.id:  # it goes on while this asks
                continue
            if message.role != "user":
                break
            words.append("\n".join(part.text.value for part in message.content if part.type == "text"))
    except APIConnectionError:  # a replay has no endpoint to ask
        pass
    return reversed(words)


def fenced(text, language):  # type: ignore[no-untyped-def]
    """A block of text as it is: its fence is longer than any in it."""
    text = clean(text).rstrip("\n")
    fence = "`" * max([3, *(len(each) + 1 for each in re.findall("`{3,}", text))])
    return f"{fence}{language}\n{text}\n{fence}\n"
