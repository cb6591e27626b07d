"""The line editor: keys, paste of many lines. Knows prompt_toolkit and nothing of the API."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_toolkit.data_structures import Size
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import PromptSession
from prompt_toolkit.utils import get_term_environment_variable

from asstream.chat import keys
from asstream.chat.prompt_history import history as kept_history
from asstream.chat.tab import Complete, bind, print_above

if TYPE_CHECKING:
    from asstream.chat.opening import Opening


class Prompt:
    """One line (or several, pasted or with Alt-Enter) at a time from the person at the terminal.

    Args:
        history: the history's file; made readable by its owner alone. None keeps the history in memory.

    Attributes:
        complete: what Tab puts in or lists.
    """

    def __init__(self, history: Path | None) -> None:
        self.complete: Complete = lambda _: (0, ())
        self._session: PromptSession[str] = PromptSession(
            keys.PROMPT,
            history=kept_history(history),
            key_bindings=_bindings(lambda text: self.complete(text)),
            reserve_space_for_menu=0,
            enable_suspend=True,
            output=_output(),
        )

    def ask(
        self,
        default: str = "",
        opening: Opening[Any] | None = None,
        announce: Callable[[], None] | None = None,
    ) -> str:
        """The next line.

        Args:
            default: what stands at the prompt already.
            opening: work that goes on meanwhile; it is started once the prompt is on the screen. When it
                fails the prompt ends with `Interrupted`.
            announce: called, with the terminal free above the prompt, when the opening has succeeded.

        Raises:
            EOFError: Ctrl-D on an empty line.
            Interrupted: the opening failed; holds what had been typed.
        """
        watch = _Watch(self._session, opening, announce)
        keys.take_prompt_away()
        self._session.app.erase_when_done = False
        line = self._session.prompt(default=default, pre_run=watch.start)
        if watch.failed:
            raise Interrupted(line)
        return line


class Interrupted(Exception):
    """The prompt was ended from outside. `args[0]` is the text that had been typed."""


class _Watch:
    """Follows an opening while the prompt is on the screen."""

    def __init__(
        self,
        session: PromptSession[str],
        opening: Opening[Any] | None,
        announce: Callable[[], None] | None,
    ) -> None:
        self._session = session
        self._opening = opening
        self._announce = announce
        self.failed = False

    def start(self) -> None:
        """Called by the line editor as it begins: start the work after the first rendering."""
        opening = self._opening
        if opening is None:
            return
        application = self._session.app
        loop = application.loop
        assert loop is not None

        def tell() -> None:
            try:
                loop.call_soon_threadsafe(self._settle)
            except RuntimeError:  # the line was entered meanwhile: whoever waits for the opening tells of it
                return

        def begin(_: object) -> None:
            application.after_render -= begin
            opening.start()
            opening.when_done(tell)

        application.after_render += begin

    def _settle(self) -> None:
        application = self._session.app
        if not application.is_running or application.is_done or self._opening is None:
            return
        if self._opening.failed:
            self.failed = True
            application.erase_when_done = not self._session.default_buffer.text
            application.exit(result=self._session.default_buffer.text)
        elif self._announce is not None:
            print_above(application, self._announce)


def _output() -> Output | None:
    """The terminal, never asked where its cursor is: a chat that is left would leave the answer behind."""
    if sys.platform == "win32":
        return None

    def size() -> Size:
        columns, rows = shutil.get_terminal_size()
        return Size(rows=rows, columns=columns)

    return Vt100_Output(sys.stdout, size, term=get_term_environment_variable(), enable_cpr=False)


def _bindings(complete: Complete) -> KeyBindings:
    bindings = KeyBindings()
    bind(bindings, complete)

    @bindings.add("c-c")
    def clear(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    @bindings.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings
