"""One message as it streams: its content parts by index, each part's callbacks once and in order.

Knows the SDK's message models and calls a handler's `on_text_*`, `on_image_file_done`, `on_refusal_*` and
`on_message_*`; knows nothing of runs, steps or connections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openai.types.beta.threads import (
    ImageFileContentBlock,
    ImageURLContentBlock,
    Message,
    MessageDelta,
    RefusalContentBlock,
    TextContentBlock,
)

from asstream.handlers.merge import append, index_of, merge_annotation, place, plain, rest_of

if TYPE_CHECKING:
    from asstream.handlers.base import EventHandler


@dataclass(slots=True)
class Part:
    """A content part: its block in the snapshot, its annotations by the wire's index."""

    block: Any
    annotations: dict[int, Any] = field(default_factory=dict)
    done: bool = False


_EMPTY: Mapping[str, Callable[[int], Any]] = {
    "text": lambda index: TextContentBlock.construct(
        index=index, type="text", text={"value": "", "annotations": []}
    ),
    "refusal": lambda index: RefusalContentBlock.construct(index=index, type="refusal", refusal=""),
    "image_file": lambda index: ImageFileContentBlock.construct(
        index=index, type="image_file", image_file={"file_id": ""}
    ),
    "image_url": lambda index: ImageURLContentBlock.construct(
        index=index, type="image_url", image_url={"url": ""}
    ),
}


class MessageState:
    """A message of the stream: `snapshot` is what has come of it, in the end the finished object."""

    def __init__(self, handler: EventHandler, snapshot: Message) -> None:
        self.snapshot = snapshot
        self.parts: dict[int, Part] = {}
        self.ended = False
        self._handler = handler

    def apply(self, delta: MessageDelta) -> None:
        """One delta: callbacks of its parts, then `on_message_delta`."""
        for position, piece in enumerate(delta.content or ()):
            index = index_of(piece, position)
            part = self.parts.get(index) or self._open(index, piece)
            if part is not None and part.block.type == piece.type:
                _FEED[piece.type](self, part, piece)
        self._handler.on_message_delta(delta, self.snapshot)

    def reconcile(self, message: Message) -> None:
        """Give out, as one delta, what `message` holds beyond the deltas so far."""
        if content := missing_content(self, message):
            self.apply(MessageDelta.construct(content=content))

    def finish(self, message: Message) -> None:
        """The message is over: what is missing of it, each part's done, then `on_message_done`. Once."""
        if self.ended:
            return
        if message is not self.snapshot:
            self.reconcile(message)
        self.ended = True
        finished = dict(enumerate(message.content or ()))
        self._parts_done({index: finished.get(index, self.parts[index].block) for index in self.parts})
        self.snapshot = message
        self._handler.on_message_done(message)

    def _open(self, index: int, piece: Any) -> Part | None:
        make = _EMPTY.get(piece.type)
        if make is None:  # a kind of content newer than this code: on_message_delta still has it
            return None
        self._parts_done({other: part.block for other, part in self.parts.items()})
        part = Part(make(index))
        content = self.snapshot.content
        place(content, self.parts, index, part.block)
        self.parts[index] = part
        if piece.type == "text":
            self._handler.on_text_created(part.block.text)
        return part

    def _parts_done(self, blocks: Mapping[int, Any]) -> None:
        for index in sorted(blocks):
            part, block = self.parts[index], blocks[index]
            if part.done:
                continue
            part.done = True
            # A finished object may hold another kind at this index; the part that streamed is what is done.
            _DONE[part.block.type](self._handler, block if block.type == part.block.type else part.block)

    def _text(self, part: Part, piece: Any) -> None:
        delta = piece.text
        if delta is None:
            return
        text = part.block.text
        value = delta.value
        if value:
            append(text, "value", value)
        elif value is None:
            delta.__dict__["value"] = ""  # an annotation alone: nobody wants to print "None"
        if delta.annotations:
            self._annotate(part, text, delta.annotations)
        handler = self._handler
        if handler._text_values is not None and value:
            handler._text_values.append(value)
        handler.on_text_delta(delta, text)

    @staticmethod
    def _annotate(part: Part, text: Any, deltas: list[Any]) -> None:
        for position, delta in enumerate(deltas):
            index = index_of(delta, position)
            merged = merge_annotation(part.annotations.get(index), delta)
            if index in part.annotations:
                where = sum(1 for other in part.annotations if other < index)
                text.annotations[where] = merged
            else:
                place(text.annotations, part.annotations, index, merged)
            part.annotations[index] = merged

    def _refusal(self, part: Part, piece: Any) -> None:
        append(part.block, "refusal", piece.refusal or "")
        self._handler.on_refusal_delta(piece, part.block)

    def _image_file(self, part: Part, piece: Any) -> None:
        _replace(part.block.image_file, piece.image_file)

    def _image_url(self, part: Part, piece: Any) -> None:
        _replace(part.block.image_url, piece.image_url)


def _replace(known: Any, new: Any) -> None:
    known.__dict__.update(plain(new))
    known.__pydantic_fields_set__.update(plain(new))


_FEED: Mapping[str, Callable[[MessageState, Part, Any], None]] = {
    "text": MessageState._text,
    "refusal": MessageState._refusal,
    "image_file": MessageState._image_file,
    "image_url": MessageState._image_url,
}

_DONE: Mapping[str, Callable[[EventHandler, Any], None]] = {
    "text": lambda handler, block: handler.on_text_done(block.text),
    "refusal": lambda handler, block: handler.on_refusal_done(block),
    "image_file": lambda handler, block: handler.on_image_file_done(block.image_file),
    "image_url": lambda handler, block: None,
}


def missing_content(state: MessageState | None, message: Message) -> list[dict[str, Any]]:
    """What `message` holds beyond the deltas that `state` has seen, as the `content` of one delta."""
    parts = state.parts if state else {}
    pieces = (_missing(parts.get(index), index, block) for index, block in enumerate(message.content or ()))
    return [piece for piece in pieces if piece is not None]


def _missing(part: Part | None, index: int, block: Any) -> dict[str, Any] | None:
    if part is None:
        return _whole(index, block)
    if part.block.type != block.type:
        return None
    if block.type == "refusal":
        rest = rest_of(part.block.refusal, block.refusal)
        return {"index": index, "type": "refusal", "refusal": rest} if rest else None
    if block.type != "text":
        return None
    rest = rest_of(part.block.text.value, block.text.value)
    annotations = _numbered(block.text.annotations, len(part.annotations))
    if not rest and not annotations:
        return None
    return {"index": index, "type": "text", "text": _text_delta(rest, annotations)}


def _whole(index: int, block: Any) -> dict[str, Any]:
    wire = plain(block) | {"index": index}
    if block.type == "text":
        wire["text"] = _text_delta(block.text.value or "", _numbered(block.text.annotations, 0))
    return wire


def _text_delta(value: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"value": value, "annotations": annotations} if annotations else {"value": value}


def _numbered(annotations: list[Any] | None, start: int) -> list[dict[str, Any]]:
    return [
        plain(annotation) | {"index": index}
        for index, annotation in enumerate(annotations or ())
        if index >= start
    ]
