"""The files of a thread as its code sees them: what it finds, and what is kept of what it makes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Final, Literal

from asstream.interpreter.protocol import InputFile, safe_name
from asstream.runtime import objects, rows
from asstream.runtime.context import recorded_turns
from asstream.runtime.objects import Object
from asstream.runtime.reply import Made
from asstream.runtime.store import Store

Keep = Callable[[str, str, BinaryIO], Awaitable[Object]]
"""Keeps a file of a purpose, under a name; answers its object."""

LastCode = Literal["here", "elsewhere"] | None
"""In which process it was, seen from this one; None where there was no code."""

_PURPOSE: Final = "assistants_output"

_RAN: Final = '*"type":"code_interpreter","code_interpreter":{"input":"[^"]*'
"""How a step with code looks in the store. Inside a text the quotes would be escaped."""


class Workspace:
    """The files of a run's thread, as code sees them.

    Args:
        folder: where files' contents are, each under its id.
        keep: keeps a file.
    """

    def __init__(self, store: Store, folder: Path, run: Object, keep: Keep) -> None:
        self._store = store
        self._folder = folder
        self._run = run
        self._keep = keep

    def exists(self) -> bool:
        """Whether the thread is there: it may have been deleted while its code ran."""
        return self._store.row("SELECT 1 FROM threads WHERE id = ?", [self._run["thread_id"]]) is not None

    def inputs(self) -> list[InputFile]:
        """The files that code finds, oldest first.

        Those of the assistant, the thread and the run, those that came with messages for code, and what
        earlier code made, but for what code removed. Of several with one name the newest has it, also when it
        was removed; the others are there by their ids.
        """
        made, removed = self._made_and_removed()
        ids = list(dict.fromkeys([*self._given_ids(), *made]))
        marks = ", ".join("?" * len(ids))
        found = self._store.read(f"SELECT body FROM files WHERE id IN ({marks}) ORDER BY seq", ids)  # noqa: S608
        files = [file for (body,) in found if not _expired(file := rows.load(body))]
        names = {file["id"]: _name(file, made=file["id"] in made) for file in files}
        newest = {name: id for id, name in names.items()}
        inputs = []
        for id, name in names.items():
            path, older = self._folder / id, newest[name] != id
            if path.is_file() and id not in removed and not (older and id in made):
                inputs.append(InputFile(id, id if older else name, path, made=id in made))
        return inputs

    def names(self) -> dict[str, str]:
        """File ids by the names below /mnt/data under which a reply may speak of them."""
        files = self.inputs()
        return {file.id: file.id for file in files} | {file.name: file.id for file in files}

    def _made_and_removed(self) -> tuple[set[str], set[str]]:
        """The files that code of this thread made, and those that it removed."""
        found = self._store.read(
            "SELECT turns.body FROM turns JOIN runs ON runs.id = turns.run_id WHERE runs.thread_id = ? "
            'AND (turns.body LIKE \'%"files":["%\' OR turns.body LIKE \'%"removed":["%\')',
            [self._run["thread_id"]],
        )
        turns = [rows.load(body) for (body,) in found]
        made, removed = ({id for turn in turns for id in turn.get(key, ())} for key in ("files", "removed"))
        return made, removed

    def _given_ids(self) -> list[str]:
        """The files that were given to it."""
        store, run = self._store, self._run
        ids: list[str] = []
        for table, id in (("assistants", run["assistant_id"]), ("threads", run["thread_id"])):
            found = store.row(f"SELECT body FROM {table} WHERE id = ?", [id])  # noqa: S608
            ids += objects.code_files(rows.load(found[0])["tool_resources"]) if found is not None else []
        ids += objects.code_files(run["tool_resources"])
        thread = [run["thread_id"]]
        for (body,) in store.read(
            "SELECT body FROM messages WHERE thread_id = ? AND body LIKE '%code_interpreter%' ORDER BY seq",
            thread,
        ):
            ids += [
                each["file_id"]
                for each in rows.load(body)["attachments"]
                if any(tool["type"] == "code_interpreter" for tool in each.get("tools") or ())
            ]
        return ids

    def made(self) -> Made:
        """What code of this run made since the run's last message, but for files that are gone."""
        figures: list[str] = []
        files: list[str] = []
        removed: set[str] = set()
        for turn in recorded_turns(self._store, self._run["id"]):
            if turn["message_ids"]:
                figures, files = [], []
            figures += turn.get("figures", [])
            files += turn.get("files", [])
            removed.update(turn.get("removed", ()))
        return Made(figures, [id for id in dict.fromkeys(files) if id not in removed])

    def last_code(self, step_id: str) -> LastCode:
        """Where code of this thread ran last, before the step with this id."""
        found = self._store.row(
            "SELECT steps.body FROM steps JOIN runs ON runs.id = steps.run_id "
            "WHERE runs.thread_id = ? AND steps.id != ? AND steps.body GLOB ? "
            "ORDER BY steps.seq DESC LIMIT 1",
            [self._run["thread_id"], step_id, _RAN],
        )
        if found is None:
            return None
        return "here" if rows.load(found[0]).get("_process") == self._run["_process"] else "elsewhere"

    async def keep(self, name: str, content: BinaryIO) -> str:
        """Keep what code made; its id. Raises WireError when the disk takes no more."""
        made = await self._keep(_PURPOSE, name, content)
        return str(made["id"])


def _name(file: Object, *, made: bool) -> str:
    """The path below /mnt/data. What code made has it for a name."""
    name: str = file["filename"]
    return name if made else safe_name(name)


def _expired(file: Object) -> bool:
    return file["expires_at"] is not None and file["expires_at"] <= objects.now()
