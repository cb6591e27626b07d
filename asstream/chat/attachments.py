"""What goes with the next message: files for the assistant's tools, and images.

Knows the `openai` client and the file system. What was uploaded and then not sent is deleted again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asstream.chat.find import DEFAULT_NAME
from asstream.chat.pictures import Picture, Waiting, send
from asstream.chat.stores import reason
from asstream.chat.uploads import upload
from asstream.render.clean import clean_line

if TYPE_CHECKING:
    import openai
    from openai.types.beta import Assistant

CODE: Final = "code_interpreter"
SEARCH: Final = "file_search"

_DOCUMENTS: Final = (b"%PDF-", b"PK\x03\x04")
"""How documents begin whose text is looked for; other files are searched if they are text."""
_HEAD: Final = 8192
_POLL: Final = 0.2  # seconds
_FORGET_SECONDS: Final = 2.0


@dataclass(frozen=True)
class FileWaiting:
    """A file that was uploaded.

    Attributes:
        id: the endpoint's id of it.
        shown: its name, fit for a terminal.
        size: in bytes.
        has_text: whether it looks like something that can be searched.
    """

    id: str
    shown: str
    size: int
    has_text: bool

    def tools(self, assistant: Assistant) -> list[str]:
        """The tools of the assistant that are given the file; none where none can read it."""
        had = (CODE, SEARCH) if assistant.name == DEFAULT_NAME else [t.type for t in assistant.tools or ()]
        return [tool for tool in (CODE, SEARCH) if tool in had and (tool == CODE or self.has_text)]

    def unread(self, assistant: Assistant) -> str:
        """A word where none of the assistant's tools can read it; else empty."""
        if self.tools(assistant):
            return ""
        name = clean_line(assistant.name or assistant.id)
        if any(tool.type == SEARCH for tool in assistant.tools or ()):
            return f"but {name} only searches files, and this one is no text"
        return f"but {name} has no {CODE} or {SEARCH} to read it with; /assistant picks another"


@dataclass
class Outgoing:
    """What waits for the next message of a chat.

    Attributes:
        files: uploaded files, in order.
        images: images, in order.
    """

    files: list[FileWaiting] = field(default_factory=list)
    images: list[Waiting] = field(default_factory=list)

    def add_file(self, client: openai.OpenAI, path: Path) -> FileWaiting:
        """Upload a file. Raises UsageError where it can't be read or sent, openai's errors."""
        searched = has_text(path)
        made = upload(client, path)
        self.files.append(FileWaiting(made.id, clean_line(made.filename or path.name), made.bytes, searched))
        return self.files[-1]

    def add_image(self, client: openai.OpenAI, picture: Picture) -> Waiting:
        """Upload an image, or note its address. Raises openai.OpenAIError."""
        self.images.append(send(client, picture))
        return self.images[-1]

    def attachments(self, assistant: Assistant) -> list[dict[str, Any]]:
        """The files as a message attaches them. One that no tool reads is kept where code would find it."""
        return [
            {
                "file_id": file.id,
                "tools": [{"type": tool} for tool in file.tools(assistant) or (CODE,)],
            }
            for file in self.files
        ]

    def shown(self) -> list[str]:
        """What each is called."""
        return [*(file.shown for file in self.files), *(image.shown for image in self.images)]

    def sent(self) -> None:
        """Note that a message took them all."""
        self.files.clear()
        self.images.clear()

    def forget(self, client: openai.OpenAI) -> None:
        """Delete what was uploaded and not sent, as far as the endpoint lets go of it in a moment."""
        ids = [file.id for file in self.files]
        ids += [image.part["image_file"]["file_id"] for image in self.images if "image_file" in image.part]
        self.sent()
        if not ids:
            return
        import openai

        once = client.with_options(max_retries=0, timeout=_FORGET_SECONDS)
        ends = time.monotonic() + _FORGET_SECONDS
        for id in ids:
            if time.monotonic() > ends:
                return
            with contextlib.suppress(openai.OpenAIError):
                once.files.delete(id)


def wait_until_read(
    client: openai.OpenAI, thread_id: str, ids: Sequence[str], say: Callable[[str], None]
) -> None:
    """Wait until the thread's vector store has read these files, and say which it could not.

    The run that comes would wait for them as well, and say nothing. An endpoint that does not tell is not
    asked on: this is for a person's sake alone.
    """
    import openai

    waiting = list(ids)
    with contextlib.suppress(openai.OpenAIError):
        resources = client.beta.threads.retrieve(thread_id).tool_resources
        search = resources.file_search if resources is not None else None
        for store_id in (search.vector_store_ids if search is not None else None) or ():
            while waiting:
                file = client.vector_stores.files.retrieve(waiting[0], vector_store_id=store_id)
                if file.status == "in_progress":
                    time.sleep(_POLL)
                    continue
                if file.status != "completed":
                    say(f"asstream: not to be searched: {clean_line(reason(file))}")
                waiting.pop(0)


def has_text(path: Path) -> bool:
    """Whether a file may hold text: a document, or bytes without a NUL."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head.startswith(_DOCUMENTS) or b"\x00" not in head or head[:2] in (b"\xff\xfe", b"\xfe\xff")
