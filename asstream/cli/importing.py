"""Assistants from a file: as `assistants export` or the old service wrote them, all of them or none."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asstream.chat.find import DEFAULT_MODEL
from asstream.cli.output import warn
from asstream.errors import AsstreamError, UsageError, WireError

if TYPE_CHECKING:
    import openai
    from openai.types.beta import Assistant

    from asstream.cli.target import Target

PORTABLE = (
    "name",
    "description",
    "model",
    "instructions",
    "tools",
    "tool_resources",
    "metadata",
    "temperature",
    "top_p",
    "response_format",
    "reasoning_effort",
)
"""The fields of an assistant that can be given to another endpoint."""

_VERSION_1 = "file_ids"
_WANTED = "give an assistant's JSON object, a list of them, or what the old service's list gave"
_MOST_TOLD = 20
"""Of a file with many bad entries, so many are told."""


@dataclass(frozen=True)
class Entry:
    """An assistant of the file: how it is called when it is spoken of, its old id, what is sent."""

    label: str
    id: str | None
    fields: dict[str, Any]


def entries_of(file: str) -> list[Entry]:
    """The assistants of a file (`-`: stdin), checked. Says what is wrong with each; raises UsageError."""
    data = _read(file)
    if isinstance(data, dict) and isinstance(data.get("data"), list):
        if data.get("has_more"):
            warn(f"{file} is one page of a list: the old service had more assistants than these")
        data = data["data"]
    listed = data if isinstance(data, list) else [data]
    if not listed:
        raise UsageError(f"{file} holds no assistant", _WANTED)
    entries, faults, seen = [], [], set[str]()
    for number, value in enumerate(listed, start=1):
        label = _label(value, number)
        fault = _fault(value)
        if fault is None and value.get("id") in seen:
            fault = "the file has its id twice"
        if fault is not None:
            faults.append(f"{label}: {fault}")
            continue
        if value.get("id"):
            seen.add(value["id"])
        keys = (*PORTABLE, _VERSION_1)
        fields = {key: value[key] for key in keys if value.get(key) is not None}
        entries.append(Entry(label, value.get("id"), {"model": DEFAULT_MODEL, **fields}))
    if faults:
        raise _refused(file, faults, len(listed))
    return entries


def make(target: Target, file: str, entries: list[Entry], *, keep_id: bool) -> list[Assistant]:
    """Create the assistants of a file, under their own ids if these are kept.

    Files that the endpoint does not have are left out, and that is said. Where one can't be made, those made
    before are deleted again. Raises UsageError, openai's errors.
    """
    if keep_id:
        known = {each.id for each in target.client.beta.assistants.list(limit=100)}
        taken = [
            f"{entry.label}: there is one with this id already" for entry in entries if entry.id in known
        ]
        if taken:
            raise _refused(file, taken, len(entries))
    made: list[Assistant] = []
    entry = entries[0]
    try:
        for entry in entries:
            fields = _without_missing_files(target.client, entry)
            made.append(create_under(target, fields, entry.id if keep_id else None))
    except BaseException:
        warn(f"{entry.label}: it could not be made, and nothing was imported")
        for each in made:
            target.client.beta.assistants.delete(each.id)
        raise
    return made


def create_under(target: Target, fields: dict[str, Any], id: str | None) -> Assistant:
    """Create an assistant, under this id if there is one.

    Raises UsageError where the id is taken, malformed, or not honoured (what was made then is deleted).
    """
    import openai

    if id is not None and (fault := _fault({"id": id})) is not None:
        raise UsageError(f"an assistant can't have the id {id!r}: {fault}", "such as asst_abc123")
    try:
        known = {key: value for key, value in fields.items() if key != _VERSION_1}
        extra = {_VERSION_1: fields.get(_VERSION_1), "id": id}  # neither is known to the client
        made = target.once.beta.assistants.create(
            **known, extra_body={key: value for key, value in extra.items() if value is not None} or None
        )
    except openai.BadRequestError as error:
        if error.code == "already_exists":
            raise UsageError(
                f"there is an assistant {id} already",
                f"`asstream assistants update {id}` changes it, `delete` makes room",
            ) from error
        raise
    if id and made.id != id:
        target.client.beta.assistants.delete(made.id)
        raise UsageError(
            f"the endpoint chooses its ids itself: it made {made.id}, which is deleted again",
            "leave --id away; for an import, --new-id",
        )
    return made


def _read(file: str) -> Any:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}", _WANTED) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} can't be read as JSON: {error}", _WANTED) from error


def _label(value: Any, number: int) -> str:
    id, name = (value.get("id"), value.get("name")) if isinstance(value, dict) else (None, None)
    shown = " ".join([str(id)[:80]] * bool(id) + [repr(str(name)[:60])] * bool(name))
    return f"entry {number} ({shown})" if shown else f"entry {number}"


def _fault(value: Any) -> str | None:
    """What a server would say against an entry, or None."""
    from asstream.server.refusals import parse
    from asstream.server.requests import CreateAssistant

    if not isinstance(value, dict):
        return "it is no JSON object"
    if value.get("object", "assistant") != "assistant":
        return f"it is a {str(value['object'])[:40]!r}, not an assistant"
    taken = {key: value[key] for key in ("id", *PORTABLE, _VERSION_1) if value.get(key) is not None}
    try:
        parse(CreateAssistant, {"model": DEFAULT_MODEL, **taken})
    except WireError as error:
        return error.message
    return None


def _refused(file: str, faults: list[str], count: int) -> AsstreamError:
    warn(*faults[:_MOST_TOLD])
    if len(faults) > _MOST_TOLD:
        warn(f"… and {len(faults) - _MOST_TOLD} more")
    return UsageError(
        f"{file}: {len(faults)} of {count} can't be imported, and nothing was", "mend them, or take them out"
    )


def _without_missing_files(client: openai.OpenAI, entry: Entry) -> dict[str, Any]:
    """The fields of an entry without the files that this endpoint does not have."""
    fields: dict[str, Any] = json.loads(json.dumps(entry.fields))
    missing = []
    for holder in _holders(fields):
        there = [id for id in holder["file_ids"] if _has(client, id)]
        missing += [id for id in holder["file_ids"] if id not in there]
        holder["file_ids"] = there
    if missing:
        warn(f"{entry.label}: without {', '.join(missing)}, which this endpoint does not have")
    return fields


def _holders(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    code = (fields.get("tool_resources") or {}).get("code_interpreter") or {}
    yield from (holder for holder in (code, fields) if holder.get("file_ids"))


def _has(client: openai.OpenAI, id: str) -> bool:
    import openai

    try:
        client.files.retrieve(id)
    except (openai.NotFoundError, openai.BadRequestError, ValueError):
        return False
    return True
