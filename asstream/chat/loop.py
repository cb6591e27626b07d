"""The chat at a terminal, and the chat whose lines come through a pipe. Knows the session, not how it opens.

At a terminal the prompt comes first: the session opens in a thread while the person types. The header is
printed above the prompt once it is known; a first line entered earlier waits for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.chat import keys, slash
from asstream.chat.opening import Opening
from asstream.errors import UnreachableError

if TYPE_CHECKING:
    from openai.types.beta.threads import Run

    from asstream.chat.prompt import Prompt
    from asstream.chat.session import Session
    from asstream.chat.tab import Candidate

LEAVING = frozenset({"exit", "quit"})
LEAVE_SECONDS = 0.01
"""What was answered is stored and the model's process ends with this one: leaving waits for neither."""
EMPTY = "nothing to send: type a message, or exit"
NO_MODEL = UnreachableError(
    "there is no model to answer",
    "`asstream models pull` fetches a small one; or start Ollama, or set OPENAI_API_KEY"
    " or ASSTREAM_MODEL_BASE_URL",
)
UNDER_WAY = "a reply is under way: here it is from its beginning; Ctrl-C cancels it"
PULL_STOPPED = UnreachableError(
    "the pull was stopped, and nothing of it is kept", "`asstream chat` asks again"
)
ANSWERS = {"": True, "y": True, "yes": True, "n": False, "no": False}


class NeedsModel(Exception):
    """Raised by an opening: no model is configured, none answers, and this machine has none yet."""


class UnderWay(Exception):
    """Raised behind the prompt: the thread's run goes on, and is to be shown before anything is asked."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


@dataclass(frozen=True)
class Surroundings:
    """What a chat is given by whoever starts it.

    Attributes:
        open: opens the session; runs in a thread. May raise NeedsModel.
        pull: fetches the model of this machine, showing its progress on stderr.
        explain: the lines that tell a person of an error.
        clean: takes out of a text whatever a terminal would act on.
        show_past: prints what was said in a session's thread, but for a run that is under way.
        history: the file of the prompt's history.
        asks: the question before a model is fetched.
    """

    open: Callable[[], Session]
    pull: Callable[[], None]
    explain: Callable[[BaseException], list[str]]
    clean: Callable[[str], str]
    show_past: Callable[[Session], None]
    history: Path | None
    asks: str


class TerminalChat:
    """A chat with a person at a terminal."""

    def __init__(self, around: Surroundings, prompt: Prompt) -> None:
        self._around = around
        self._prompt = prompt
        prompt.complete = self._complete
        self._opening = Opening(self._open)
        self._announced = False
        self._default = ""

    def run(self, session: Session | None = None) -> int:
        """Chat until the person leaves; returns the exit code. Raises what opening the session raised.

        Args:
            session: a session that is open already (and announced); None opens one while the person types.
        """
        if session is not None:
            self._opening = Opening(lambda: session)
            self._opening.wait()
            self._announced = True
        try:
            keys.hold()
            if session is not None:
                with suppress(KeyboardInterrupt):  # it cancelled the run; the chat goes on
                    self._join(session)
            while self._turn():
                pass
        finally:
            keys.take_prompt_away()
            self._leave()
            keys.release()
        return 0

    def _turn(self) -> bool:
        """One line from the person. False when they leave."""
        try:
            line = self._ask()
        except EOFError:
            return False
        except KeyboardInterrupt:  # a second Ctrl-C, between a reply and the prompt
            return True
        text = line.strip()
        if text.lower() in LEAVING:
            return False
        if not text:
            self._show([EMPTY])
            return True
        try:
            session = self._session()
        except KeyboardInterrupt:  # Ctrl-C while it opens: the line comes back to be changed
            self._default = line
            return True
        return self._act(session, line)

    def _ask(self) -> str:
        from asstream.chat.prompt import Interrupted

        default, self._default = self._default, ""
        waiting = None if self._announced else self._opening
        try:
            return self._prompt.ask(default, waiting, self._announce)
        except Interrupted as interrupted:
            self._default = str(interrupted.args[0])
            self._session()
            return self._ask()

    def _open(self) -> Session:
        session = self._around.open()
        if session.live is not None:
            raise UnderWay(session)
        return session

    def _complete(self, text: str) -> tuple[int, Sequence[Candidate]]:
        from asstream.chat.completion import complete

        opened = self._opening.done and not self._opening.failed
        return complete(slash.COMMANDS, self._opening.wait() if opened else None, text)

    def _session(self) -> Session:
        """The session, waited for. When it needs a model first, that is asked about and fetched.

        A run of its thread that is under way is shown to its end; raises KeyboardInterrupt if it was stopped.
        """
        try:
            session = self._opened()
        except UnderWay as found:
            session = found.session
            self._opening = Opening(lambda: session)
            self._opening.wait()
            self._around.show_past(session)
            self._announce()
            self._join(session)
        self._announce()
        return session

    def _opened(self) -> Session:
        try:
            return self._opening.wait()
        except NeedsModel:
            self._fetch_model()
            self._opening = Opening(self._open)
            return self._opening.wait()

    def _join(self, session: Session) -> None:
        """Show the run that is under way, if one is. Raises KeyboardInterrupt if it was stopped."""
        if session.live is not None:
            self._show([UNDER_WAY], sys.stderr)
            self._do(session, lambda: self._settle(session, session.join()))

    def _fetch_model(self) -> None:
        with keys.normal():
            agreed = self._asked()
        if not agreed:
            raise NO_MODEL
        try:
            self._around.pull()
        except KeyboardInterrupt:
            raise PULL_STOPPED from None

    def _asked(self) -> bool:
        """Whether the person wants the model. What answers nothing is their message: it is kept for later."""
        try:
            question = f"{self._around.asks} [Y/n] "
            while (answer := keys.ask(question)).strip().lower() not in ANSWERS:
                self._default += ("\n" if self._default else "") + answer
                question = f"That is kept for later. {self._around.asks} Type y or n: [Y/n] "
        except (EOFError, KeyboardInterrupt):
            return False
        return ANSWERS[answer.strip().lower()]

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self._show(self._opening.wait().header())

    def _act(self, session: Session, line: str) -> bool:
        command = slash.split(line)

        def act() -> None:
            if command is None:
                self._settle(session, session.send(line))
            else:
                self._show(slash.run(session, *command))

        try:
            self._do(session, act)
            if session.live is not None:
                if command is None:  # the run was in the message's way: it comes back, to be sent after that
                    self._default = line
                self._join(session)
        except slash.Leave:
            return False
        except slash.Draft as draft:
            self._default = draft.text
            self._show(draft.problem, sys.stderr)
        except KeyboardInterrupt:
            pass
        return True

    def _do(self, session: Session, act: Callable[[], None]) -> None:
        """Do something in a session and tell of what goes wrong. Raises KeyboardInterrupt, slash.Leave."""
        # A handler of the person's own may ask something: it finds the terminal as it expects it.
        mode = nullcontext() if session.handler_is_ours else keys.normal()
        try:
            with mode:
                act()
        except (slash.Leave, slash.Draft):
            raise
        except KeyboardInterrupt:
            self._show(["stopped"], sys.stderr)
            raise
        except Exception as error:
            if session.live is not None:  # what is wrong is about to be shown
                return
            # Where a handler of the person's own left its line is not known: an empty line harms less.
            ends = [] if session.handler_is_ours else [""]
            self._show([*ends, *self._around.explain(error)], sys.stderr)

    def _settle(self, session: Session, run: Run) -> None:
        self._show(session.outcome(run), sys.stderr)

    def _show(self, lines: Iterable[str], stream: object = None) -> None:
        sys.stdout.flush()
        out = sys.stdout if stream is None else sys.stderr
        for line in lines:
            out.write(self._around.clean(line) + "\n")
        out.flush()

    def _leave(self) -> None:
        if not self._opening.done or self._opening.failed:
            return
        session = self._opening.wait()
        if session.used:
            self._show([f"asstream resume {session.thread_id}"])
        session.close(LEAVE_SECONDS)


def run_piped(around: Surroundings, lines: Iterable[str]) -> int:
    """Send each line, one after another; the reply's text alone goes to stdout.

    Returns:
        0, or 1 when a run did not complete.

    Raises:
        AsstreamError, openai.OpenAIError: the endpoint fails; the chat ends with it.
        KeyboardInterrupt: Ctrl-C; the run has been cancelled.
    """
    session = open_unasked(around)
    code = 0
    try:
        if session.live is not None:
            _note(around, [UNDER_WAY])
            code = settle(around, session, session.join())
        for line in lines:
            text = line.strip()
            if text.lower() in LEAVING:
                break
            if not text:
                _note(around, [EMPTY])
                continue
            command = slash.split(line)
            try:
                if command is not None and command[0] in slash.COMMANDS:
                    _note(around, slash.run(session, *command))
                else:
                    code = max(code, _sent(around, session, line.rstrip("\r\n")))
            except slash.Leave:
                break
    finally:
        session.close()
    return code


def _sent(around: Surroundings, session: Session, text: str) -> int:
    """Send a line of a pipe, after the run that is in its way where there is one; 0 or 1."""
    import openai

    try:
        return settle(around, session, session.send(text))
    except openai.BadRequestError:
        if session.live is None:
            raise
    _note(around, [UNDER_WAY])
    joined = settle(around, session, session.join())
    return max(joined, settle(around, session, session.send(text)))


def open_unasked(around: Surroundings) -> Session:
    """The session, opened here and now; a model that it needs is fetched without a question."""
    try:
        return around.open()
    except NeedsModel:
        around.pull()
        return around.open()


def settle(around: Surroundings, session: Session, run: Run) -> int:
    """Say on stderr how a run ended, unless well; 0 or 1."""
    _note(around, session.outcome(run))
    return 0 if run.status == "completed" else 1


def _note(around: Surroundings, lines: Iterable[str]) -> None:
    sys.stdout.flush()
    for line in lines:
        sys.stderr.write(around.clean(line) + "\n")
    sys.stderr.flush()
