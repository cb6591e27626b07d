"""The files that code finds: what was removed is not among them, and names are those that the session has."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from asstream.interpreter.protocol import CellEnd, CellEvent, CellStart, ProducedFile, RemovedFiles
from asstream.runtime import Runtime, open_runtime
from asstream.runtime.models.protocol import Message, ModelEvent, ModelRequest, ToolCallDelta, TurnEnd, Usage
from asstream.runtime.objects import Object
from asstream.runtime.rows import Listing
from tests.runtime.opened import PlayedModel, bounded, ended, says
from tests.support.cells import PlayedInterpreter

TOOL: Object = {"type": "code_interpreter"}


async def wants(codes: Sequence[str]) -> AsyncIterator[ModelEvent]:
    """A turn that runs pieces of code."""
    made = []
    for index, code in enumerate(codes):
        arguments = json.dumps({"code": code})
        yield ToolCallDelta(index, arguments, f"call_{index}", "python")
        function = {"name": "python", "arguments": arguments}
        made.append({"id": f"call_{index}", "type": "function", "function": function})
    message: Message = {"role": "assistant", "content": None, "tool_calls": made}
    yield TurnEnd("tool_calls", Usage(2, 3), message)


class Played:
    """A model that runs what the user's message says, a cell a line; and cells `make NAME`, `remove NAME`."""

    def __init__(self, path: Path) -> None:
        self._copy = path / "copy"
        self._copy.write_text("made")
        self.model = PlayedModel(self._play)
        self.cells = PlayedInterpreter(self._run)

    def _play(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        last = request.messages[-1]
        return says("Done.") if last["role"] == "tool" else wants(str(last["content"]).split("\n"))

    async def _run(self, code: str) -> AsyncIterator[CellEvent]:
        verb, _, name = code.partition(" ")
        yield CellStart(False)
        if verb == "make":
            yield ProducedFile(name, self._copy, 4)
        elif verb == "remove":
            yield RemovedFiles((name, "never kept"))
        yield CellEnd("ok")

    def found(self) -> list[tuple[str, bool]]:
        """What the last cell found: (name, made)."""
        return [(file.name, file.made) for file in self.cells.asked[-1][2]]


async def said(runtime: Runtime, thread_id: str, text: str, *file_ids: str) -> Object:
    """The assistant's message after one of the user's, with files for code."""
    attachments = [{"file_id": id, "tools": [TOOL]} for id in file_ids]
    message = {"role": "user", "content": text, "attachments": attachments}
    await runtime.messages.create(thread_id, message)
    assistant = await runtime.assistants.create({"model": "m", "tools": [TOOL]})
    run = await ended(runtime, await runtime.runs.create(thread_id, {"assistant_id": assistant["id"]}))
    assert run["status"] == "completed", run["last_error"]
    newest: Object = runtime.messages.page(thread_id, Listing(limit=1))["data"][0]
    return newest


async def upload(runtime: Runtime, name: str) -> str:
    return str((await runtime.files.create("assistants", name, io.BytesIO(b"given")))["id"])


def test_what_code_made_and_removed_is_not_found_again(tmp_path: Path) -> None:
    async def main() -> None:
        played = Played(tmp_path)
        async with open_runtime(tmp_path / "home", played.model, played.cells.options) as runtime:
            thread_id = (await runtime.threads.create({}))["id"]
            reply = await said(runtime, thread_id, "make a.txt\nmake b.txt\nmake a.txt\nremove a.txt")
            names = [runtime.files.get(each["file_id"])["filename"] for each in reply["attachments"]]
            assert names == ["a.txt", "b.txt"]  # the older one was overwritten, not removed
            await said(runtime, thread_id, "look")
            assert played.found() == [("b.txt", True)]
            description = played.model.asked[-1].tools[0]["function"]["description"]
            assert description.endswith("There now: b.txt.")
            await said(runtime, thread_id, "remove b.txt")
            await said(runtime, thread_id, "make a.txt\nlook")
            assert played.found() == []
            await said(runtime, thread_id, "look")
            assert played.found() == [("a.txt", True)]

    bounded(main())


def test_an_upload_that_code_removed_is_not_found_again_and_a_newer_one_is(tmp_path: Path) -> None:
    async def main() -> None:
        played = Played(tmp_path)
        async with open_runtime(tmp_path / "home", played.model, played.cells.options) as runtime:
            thread_id = (await runtime.threads.create({}))["id"]
            old = await upload(runtime, "d\u202f1.txt")
            newer = await upload(runtime, "d\u202f1.txt")
            await said(runtime, thread_id, "remove d%u202f1.txt", old, newer)
            assert played.found() == [(old, False), ("d\u202f1.txt", False)]
            await said(runtime, thread_id, "look")
            assert played.found() == [(old, False)]  # where it was: the name was not its own
            await said(runtime, thread_id, f"remove {old}")
            newest = await upload(runtime, "d\u202f1.txt")
            await said(runtime, thread_id, "look", newest)
            assert played.found() == [("d\u202f1.txt", False)]

    bounded(main())
