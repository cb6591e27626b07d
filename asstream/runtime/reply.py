"""A message that the model is writing, as the wire tells it: figures first, then text with its annotations.

Pure: no I/O, no clock but the objects' own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from asstream.runtime import objects
from asstream.runtime.markers import Mark, Marker, Pattern
from asstream.runtime.objects import Object
from asstream.runtime.wire_events import (
    Ending,
    Event,
    delta,
    finished_step,
    incomplete_message,
    stopped_message,
    text_part,
)


@dataclass(frozen=True, slots=True)
class Made:
    """What code made since the run's last message: figures, and files that go with the next one, by id."""

    figures: Sequence[str] = ()
    files: Sequence[str] = ()


@dataclass(slots=True)
class _Part:
    kind: str
    pieces: list[str] = field(default_factory=list)
    annotations: list[Object] = field(default_factory=list)
    length: int = 0


class Reply:
    """One message with its step.

    Args:
        run: the run, as it is on the wire.
        patterns: the marks that become annotations.
        made: what the message begins with, and what is attached to it.
    """

    def __init__(self, run: Object, patterns: Sequence[Pattern] = (), made: Made | None = None) -> None:
        made = made or Made()
        self.message = objects.reply(run)
        self.message["attachments"] = [
            {"file_id": id, "tools": [{"type": "code_interpreter"}]} for id in made.files
        ]
        self.step = objects.step(run, "message_creation", {"message_id": self.message["id"]})
        self._figures = [{"type": "image_file", "image_file": {"file_id": id}} for id in made.figures]
        self._parts: list[_Part] = []
        self._marker = Marker(*patterns)

    def open(self) -> Iterator[Event]:
        """Its first events."""
        yield Event("thread.run.step.created", self.step)
        yield Event("thread.run.step.in_progress", self.step)
        yield Event("thread.message.created", self.message)
        yield Event("thread.message.in_progress", self.message)
        for index, figure in enumerate(self._figures):
            yield self._delta({"index": index, **figure})

    def text(self, text: str) -> Iterator[Event]:
        """A piece of text; the end of it may be held back."""
        return self._say(self._marker.feed(text))

    def refusal(self, text: str) -> Iterator[Event]:
        """A piece of a refusal."""
        yield from self._say(self._marker.end())
        part, place, _ = self._part("refusal")
        part.pieces.append(text)
        yield self._delta({"index": place, "type": "refusal", "refusal": text})

    def close(self, reason: str | None, usage: Object) -> Iterator[Event]:
        """Its last events; `reason`: why it is incomplete."""
        yield from self._say(self._marker.end())
        self.message["content"] = self._content()
        if reason is None:
            self.message.update(status="completed", completed_at=objects.now())
            yield Event("thread.message.completed", self.message)
        else:
            yield incomplete_message(self.message, reason)
        yield finished_step(self.step, "completed", usage=usage)

    def stop(self, ending: Ending) -> Iterator[Event]:
        """The last events of a message whose run ends here. Its step stays open."""
        yield from self._say(self._marker.end())
        self.message["content"] = self._content()
        yield stopped_message(self.message, ending)

    def _say(self, pieces: Iterable[str | Mark]) -> Iterator[Event]:
        for piece in pieces:
            part, place, opening = self._part("text")
            text = piece if isinstance(piece, str) else piece.text
            told: Object = {"value": text}
            if isinstance(piece, Mark):
                annotation = {
                    "type": piece.kind,
                    "text": text,
                    "start_index": part.length,
                    "end_index": part.length + len(text),
                    piece.kind: piece.details,
                }
                told["annotations"] = [{"index": len(part.annotations), **annotation}]
                part.annotations.append(annotation)
            elif opening:
                # As recorded: the first delta of a text carries the empty list, the others do not.
                told["annotations"] = []
            part.pieces.append(text)
            part.length += len(text)
            yield self._delta({"index": place, "type": "text", "text": told})

    def _part(self, kind: str) -> tuple[_Part, int, bool]:
        """The part of this kind that is being written, its place, and whether it begins now."""
        opening = not self._parts or self._parts[-1].kind != kind
        if opening:
            self._parts.append(_Part(kind))
        return self._parts[-1], len(self._figures) + len(self._parts) - 1, opening

    def _delta(self, part: Object) -> Event:
        return delta(self.message["id"], "thread.message.delta", {"content": [part]})

    def _content(self) -> list[Object]:
        return [*self._figures, *map(_whole, self._parts or [_Part("text")])]


def _whole(part: _Part) -> Object:
    text = "".join(part.pieces)
    return (
        {"type": "refusal", "refusal": text} if part.kind == "refusal" else text_part(text, part.annotations)
    )
