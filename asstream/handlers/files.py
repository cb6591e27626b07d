"""How a handler comes to files: the session gives it something of this shape. Knows no client and no disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from asstream.handlers.citations import Passages, file_of, name_said, text_of
from asstream.render.clean import clean_line
from asstream.render.footnotes import Footnote
from asstream.render.marks import BEGINS, cited, marks_of, name_of, raised

if TYPE_CHECKING:
    from openai.types.beta.threads import Message

MOST_UNLINKED = 10
"""Files that are listed though the message does not speak of them, or though they are not there."""

LONGEST_MARK = 40
"""Characters of what a footnote explains, where that is no number."""

MISSING = "the file is not there"
"""What is said of a file that a message links and nobody has."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was fetched.

    Attributes:
        data: its bytes; empty when it can't be shown.
        path: where it was saved; None when it was not.
        problem: why it can't be shown or was not saved; empty when all is well.
    """

    data: bytes = b""
    path: Path | None = None
    problem: str = ""


class Files(Protocol):
    """The files of a session's replies."""

    remedy: str
    """How a person saves a file, in a few words; empty where they can't."""

    def picture(self, file_id: str) -> Picture:
        """Fetch and save a picture; the same one twice is fetched once. Raises nothing."""
        ...

    def name(self, file_id: str) -> str:
        """The name that the endpoint has for a file, else its id. Raises nothing."""
        ...

    def keep(self, file_id: str, name: str) -> Path | None:
        """Save a file of a reply where all files are saved; None where they are not, or it failed."""
        ...


def file_name(mark: str) -> str:
    """The file's name in a text such as `sandbox:/mnt/data/x.csv`."""
    return name_of(mark.removeprefix(BEGINS)) or clean_line(mark)


def footnotes(
    message: Message,
    files: Files | None,
    numbers: Mapping[str, int] | None = None,
    passages: Passages | None = None,
) -> list[Footnote]:
    """Each marker of a message once, as it is shown, with what is to be said of its file.

    First those that are shown as numbers, in their order. One that no annotation explains has the name that
    it says itself. Last the files that the message links though they are not there, and those that its code
    made and it does not link.

    Args:
        numbers: citations that are shown as numbers, as the message has them.
        passages: what the run told of them.
    """
    numbers, passages = numbers or {}, passages or Passages()
    found: dict[tuple[str, str], Footnote] = {}
    for annotation in _annotations(message):
        text, file_id = text_of(annotation), file_of(annotation)
        if (text, file_id) not in found:
            found[text, file_id] = _note(annotation, files, numbers, passages)
    known = {text for text, _ in found}
    for text, number in numbers.items():
        if text not in known:
            found[text, ""] = Footnote(raised(number), cited(text))
    order = sorted(found, key=lambda marker: numbers.get(marker[0], len(numbers) + 1))
    notes = [found[marker] for marker in order]
    notes += [Footnote(name, MISSING) for name in missing(message)[:MOST_UNLINKED]]
    silent = unlinked(message)
    notes += [_file(_name(id, files), id, files) for id in silent[:MOST_UNLINKED]]
    if len(silent) > MOST_UNLINKED:
        more = f"… and {len(silent) - MOST_UNLINKED} more files"
        notes.append(Footnote(more, files.remedy if files else ""))
    return notes


def missing(message: Message) -> list[str]:
    """The names of files that a message links and that are not there: no annotation says which they are."""
    names: list[str] = []
    for block in message.content or ():
        if block.type != "text":
            continue
        text = block.text.value
        known = tuple(text_of(each) for each in block.text.annotations or () if each.type == "file_path")
        for begin, end, name in marks_of(text):
            cut = end == len(text) and message.status != "completed"  # its name may not be whole
            if not cut and not text.startswith(known, begin):
                names.append(name)
    return list(dict.fromkeys(names))


def unlinked(message: Message) -> list[str]:
    """The files that code made for a reply and that it does not speak of: attached to it, but not linked."""
    linked = {file_of(annotation) for annotation in _annotations(message)}
    attached = [each.file_id for each in message.attachments or () if message.role == "assistant"]
    return [id for id in dict.fromkeys(attached) if id and id not in linked]


def _annotations(message: Message) -> Iterator[Any]:
    for block in message.content or ():
        if block.type == "text":
            yield from block.text.annotations or ()


def _name(file_id: str, files: Files | None) -> str:
    return clean_line(files.name(file_id)) if files is not None else "file"


def _note(annotation: Any, files: Files | None, numbers: Mapping[str, int], passages: Passages) -> Footnote:
    text, file_id = text_of(annotation), file_of(annotation)
    if annotation.type == "file_path":
        return _file(file_name(text), file_id, files)
    passage = passages.of(annotation)
    name = files.name(file_id) if files is not None and file_id and not passage.name else passage.name
    # An endpoint that does not know the file's name gives its id back.
    name = clean_line(name if name != file_id else "") or name_said(annotation) or clean_line(file_id)
    said = [", ".join(filter(None, (name, passage.where))), f"“{passage.quote}”" if passage.quote else ""]
    mark = raised(numbers[text]) if text in numbers else clean_line(text, LONGEST_MARK)
    return Footnote(mark, " · ".join(filter(None, said)))


def _file(name: str, file_id: str, files: Files | None) -> Footnote:
    path = files.keep(file_id, name) if files is not None else None
    if path is not None:
        return Footnote(name, f"{file_id} · saved to {path}", path)
    return Footnote(name, " · ".join(filter(None, (file_id, files.remedy if files else ""))))
