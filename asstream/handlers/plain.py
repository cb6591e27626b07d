"""PlainHandler: the reply's text on standard output, nothing else there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar, TextIO

from typing_extensions import override

from asstream.handlers.base import EventHandler
from asstream.handlers.files import footnotes
from asstream.handlers.outcome import EMPTY, outcome_lines, says_nothing
from asstream.render.clean import Cleaner, clean_line
from asstream.render.output import Output

if TYPE_CHECKING:
    from openai.types.beta.threads import (
        ImageFile,
        Message,
        RefusalContentBlock,
        RefusalDeltaBlock,
        Run,
        Text,
    )
    from openai.types.beta.threads import TextDelta as Delta
    from openai.types.beta.threads.runs import ToolCall


class PlainHandler(EventHandler):
    """The reply as it was written, piece by piece; each message ends with a newline.

    Tool activity (where a person reads it) and why a run did not complete go to standard error.

    Args:
        output: for the reply; standard output when left out.
        errors: for the rest; standard error when left out.

    Raises BrokenPipeError through the stream when nobody reads the output any more.
    """

    explains_outcome: ClassVar[bool] = True

    def __init__(self, *, output: TextIO | None = None, errors: TextIO | None = None) -> None:
        super().__init__()
        self._output = Output(output)
        self._errors = Output(errors if errors is not None else sys.stderr)
        self._cleaner = Cleaner()
        self._line_open = False
        self._images: set[str] = set()

    @override
    def on_text_delta(self, delta: Delta, snapshot: Text) -> None:
        self._say(self._cleaner.feed(delta.value or ""))

    @override
    def on_refusal_delta(self, delta: RefusalDeltaBlock, snapshot: RefusalContentBlock) -> None:
        self._say(self._cleaner.feed(delta.refusal or ""))

    @override
    def on_text_done(self, text: Text) -> None:
        self._end_part()

    @override
    def on_refusal_done(self, refusal: RefusalContentBlock) -> None:
        self._end_part()

    @override
    def on_message_done(self, message: Message) -> None:
        self._end_part()
        if says_nothing(message):
            self._errors.write(f"asstream: {EMPTY}\n")
        for mark, note, _ in footnotes(message, self.files):
            self._activity(f"{mark} {note}")

    @override
    def on_tool_call_created(self, tool_call: ToolCall) -> None:
        if tool_call.type == "function":
            self._activity(f"function {tool_call.function.name}")
        else:
            self._activity(tool_call.type.replace("_", " "))

    @override
    def on_tool_call_done(self, tool_call: ToolCall) -> None:
        if tool_call.type == "code_interpreter":
            for output in tool_call.code_interpreter.outputs or ():
                if output.type == "image":
                    self._image(output.image.file_id)
                elif not tool_call.code_interpreter.input:  # a word of the interpreter's own
                    self._activity(output.logs.strip("[]\n"))

    @override
    def on_image_file_done(self, image_file: ImageFile) -> None:
        self._image(image_file.file_id)

    @override
    def on_run_done(self, run: Run) -> None:
        self._errors.write("".join(f"{line}\n" for line in outcome_lines(run)))

    @override
    def on_end(self) -> None:
        """A stream that broke off still ends its line; a reader that has gone is no news here."""
        if not self._output.broken:
            self._end_part()

    def _say(self, text: str) -> None:
        if text:
            self._output.write(text)
            self._line_open = not text.endswith("\n")

    def _end_part(self) -> None:
        self._say(self._cleaner.flush())
        if self._line_open:
            self._say("\n")

    def _image(self, file_id: str) -> None:
        """An image, once: a message holds what its code has shown before."""
        if file_id not in self._images:
            self._images.add(file_id)
            self._activity(f"image {file_id}")

    def _activity(self, what: str) -> None:
        if self._errors.stream.isatty():
            from rich.console import Console

            from asstream.render.pen import Pen

            pen = Pen(Console(file=self._errors.stream))
            self._errors.write(pen.paint(f"[{clean_line(what, 200)}]", "dim") + "\n")
