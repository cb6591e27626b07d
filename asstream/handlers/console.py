"""ConsoleHandler: the reply and its tools' work on a terminal, as they come.

Turns the stream's callbacks into calls of `render.transcript`, which knows how things look.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import Console
from typing_extensions import override

from asstream.handlers import activity
from asstream.handlers.base import EventHandler
from asstream.handlers.citations import Passages
from asstream.handlers.files import footnotes
from asstream.handlers.outcome import EMPTY, outcome_lines, says_nothing
from asstream.render.code import CodeStyler
from asstream.render.images.kinds import kind_of
from asstream.render.lines import Plain
from asstream.render.logs import LogStyler
from asstream.render.marks import Marks
from asstream.render.transcript import Transcript

if TYPE_CHECKING:
    from openai.types.beta import AssistantStreamEvent
    from openai.types.beta.threads import (
        ImageFile,
        Message,
        RefusalContentBlock,
        RefusalDeltaBlock,
        Run,
        Text,
        TextDelta,
    )
    from openai.types.beta.threads.runs import ToolCall, ToolCallDelta

    from asstream.render.images.viewer import Viewer
    from asstream.render.markdown.runs import Highlight

_LONGEST_OUTPUT = 200


class ConsoleHandler(EventHandler):
    """Text, code, logs, function calls, citations; at the end tokens, seconds, model, and what went wrong.

    A subclass changes one thing by one method: `reply_text`, `highlight`, `heading`, `closing_line`.

    Args:
        console: for the reply; standard output when left out.
        errors: for what went wrong; standard error when left out.

    Raises BrokenPipeError through the stream when nobody reads the output any more.
    """

    explains_outcome: ClassVar[bool] = True

    viewer: Viewer | None = None
    """Draws pictures; a session sets it. Without it their paths are shown."""

    def __init__(self, *, console: Console | None = None, errors: Console | None = None) -> None:
        super().__init__()
        self._console = console or Console()
        self._transcript = Transcript(self._console, errors or Console(stderr=True))
        self._started = time.monotonic()
        self._marks = Marks(links=self._transcript.pen.live)
        self._passages = Passages()
        self._pictures: set[str] = set()
        own = type(self).highlight is not ConsoleHandler.highlight
        self._highlight: Highlight | None = self.highlight if own else None
        # The methods of a subclass may print, where a line of ours stands.
        ours = type(self) is ConsoleHandler
        self._way: AbstractContextManager[None] = (
            nullcontext() if ours else activity.GivesWay(self._transcript.idle)
        )

    # what a subclass may change

    def reply_text(self, text: str) -> str:
        """What is shown of a piece of the reply: Markdown, in which citations are numbers already.

        Pieces are cut anywhere. What comes back is made harmless for the terminal.
        """
        return text

    def highlight(self, row: str) -> Iterable[tuple[int, int, str]]:
        """Styles beyond Markdown's in a row of the reply: where each begins and ends, a style of Rich's.

        Asked again as the row grows, on a terminal that has colours; never for code.
        """
        return ()

    def heading(self, what: str) -> str:
        """The line before `code`, its `output`, or a `function NAME`; empty for none."""
        return what

    def closing_line(self, run: Run) -> str:
        """The line that ends a reply; empty for none."""
        # A run that ends before its model is known names the one that stands for any.
        model = run.model if run.model != "default" else ""
        return " · ".join(part for part in (_tokens(run), self._took(run), model) if part)

    @override
    def _emit_sse_event(self, event: AssistantStreamEvent) -> None:
        if event.event == "thread.run.requires_action":  # whoever has the function runs it in here
            self._transcript.close()
            self._transcript.busy(activity.waiting_for(event.data))
        with self._way:
            super()._emit_sse_event(event)
        if what := activity.AFTER.get(event.event):
            self._transcript.busy(what)

    # the reply

    @override
    def on_text_delta(self, delta: TextDelta, snapshot: Text) -> None:
        self._transcript.open(id(snapshot), markdown=True, highlight=self._highlight)
        self._say(self._marks.feed(delta.value or ""))
        self._passages.note(delta.annotations)

    @override
    def on_text_done(self, text: Text) -> None:
        self._end_text()

    @override
    def on_refusal_delta(self, delta: RefusalDeltaBlock, snapshot: RefusalContentBlock) -> None:
        self._transcript.open(id(snapshot))
        self._transcript.add(delta.refusal or "")

    @override
    def on_refusal_done(self, refusal: RefusalContentBlock) -> None:
        self._transcript.close()

    @override
    def on_image_file_done(self, image_file: ImageFile) -> None:
        self._picture(image_file.file_id)

    @override
    def on_message_done(self, message: Message) -> None:
        notes = footnotes(message, self.files, self._marks.numbers, self._passages)
        self._transcript.footnotes(notes)
        self._marks = Marks(links=self._transcript.pen.live)
        if says_nothing(message):
            self._transcript.notice(EMPTY)

    def _say(self, text: str) -> None:
        if text:
            self._transcript.add(self.reply_text(text))

    def _end_text(self) -> None:
        self._say(self._marks.flush())
        self._transcript.close()

    def _picture(self, file_id: str) -> None:
        """Show a picture, once: a message often holds what its code has shown before."""
        if file_id in self._pictures:
            return
        self._pictures.add(file_id)
        self._transcript.close()
        if self.files is None:
            self._transcript.line(f"image {file_id}")
            return
        picture = self.files.picture(file_id)
        if self.viewer is not None and picture.data:
            self._transcript.picture(self.viewer.draw(picture.data, kind_of(picture.data), self._console))
        where = f"image {picture.path or file_id}"
        self._transcript.line(f"{where} ({picture.problem})" if picture.problem else where)

    # tools

    @override
    def on_tool_call_created(self, tool_call: ToolCall) -> None:
        if tool_call.type == "file_search":
            self._transcript.line("file search")
            self._transcript.busy(activity.SEARCHING)
        elif tool_call.type == "function":
            self._function(tool_call.id, tool_call.function.name)

    @override
    def on_tool_call_delta(self, delta: ToolCallDelta, snapshot: ToolCall) -> None:
        if delta.type == "function" and delta.function and delta.function.arguments:
            self._function(snapshot.id, snapshot.function.name if snapshot.type == "function" else "")
            self._transcript.add(delta.function.arguments)
        elif delta.type == "code_interpreter" and delta.code_interpreter:
            self._code(snapshot, delta.code_interpreter)

    def _function(self, call_id: str, name: str) -> None:
        self._transcript.open(("call", call_id), self.heading(f"function {name}"), styler=Plain("dim"))

    def _code(self, call: Any, code: Any) -> None:
        call_id = call.id
        if code.input:
            self._transcript.open(("code", call_id), self.heading("code"), styler=CodeStyler())
            self._transcript.add(code.input)
        for output in code.outputs or ():
            if output.type == "logs" and output.logs and not call.code_interpreter.input:
                self._transcript.line(output.logs)  # a word of the interpreter's own
            elif output.type == "logs" and output.logs:
                section = ("logs", call_id, output.index)
                heading = self.heading("output")
                self._transcript.open(section, heading, styler=LogStyler(), redraws=True, goes_on=True)
                self._transcript.add(output.logs)
            elif output.type == "image" and output.image:
                self._picture(output.image.file_id)
        # Outputs, be they none yet, say that it runs. Before them no event tells whether it is still written:
        # but that comes piece by piece, and code that runs says nothing for a while.
        runs = code.outputs is not None and not code.input and call.code_interpreter.input
        if runs:
            self._transcript.busy(activity.RUNNING_CODE)
        else:
            silent = activity.RUNNING_CODE if call.code_interpreter.input else ""
            self._transcript.busy(activity.WRITING_CODE, silent)

    @override
    def on_tool_call_done(self, tool_call: ToolCall) -> None:
        self._transcript.close()
        if tool_call.type == "file_search":
            self._passages.found(getattr(tool_call.file_search, "results", None))
        if tool_call.type == "function" and tool_call.function.output is not None:
            output = tool_call.function.output
            shown = output if len(output) <= _LONGEST_OUTPUT else output[:_LONGEST_OUTPUT] + "…"
            self._transcript.line(f"{tool_call.function.name} → {shown}")

    # the end

    @override
    def on_run_done(self, run: Run) -> None:
        self._transcript.close()
        if line := self.closing_line(run):
            self._transcript.line(line)
        if lines := outcome_lines(run):
            self._transcript.notice(*lines)

    @override
    def on_end(self) -> None:
        """A stream that broke off still ends its line; a reader that has gone is no news here."""
        if not self._transcript.broken:
            self._end_text()

    def _took(self, run: Run) -> str:
        """How long the reply took: as seen live, else as the run has it (recorded, waited for, joined)."""
        stream = self._feed.stream if self._feed is not None else None
        if getattr(stream, "response", None) is not None and not getattr(stream, "joined", False):
            return f"{time.monotonic() - self._started:.1f} s"
        ended = run.completed_at or run.failed_at or run.cancelled_at
        if ended is None:
            return ""
        seconds = ended - (run.started_at or run.created_at)
        return f"{seconds} s" if seconds > 0 else "under 1 s"


def _tokens(run: Run) -> str:
    """The tokens of a run; nothing where the endpoint does not count them: some say 0."""
    tokens = getattr(run.usage, "total_tokens", None)
    return f"{tokens} token{'s' * (tokens != 1)}" if isinstance(tokens, int) and tokens > 0 else ""
