"""The terminal's keyboard during a chat, and the prompt before anything is imported. Knows nothing.

From the first prompt to the last the terminal neither echoes nor edits: what is typed while the line editor
loads, or during a reply, is kept for the next prompt, shown there once, and mixed into nothing. The line
editor sets its own mode and comes back to this one.
"""

import sys

PROMPT = "> "

_original: list[list[object]] = []
_prompt_shown: list[bool] = []


def hold() -> bool:
    """Keep what is typed for the next prompt, until `release`. False where this is no chat at a terminal."""
    if sys.platform == "win32" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    import termios

    if not _original:
        _original.append(termios.tcgetattr(sys.stdin.fileno()))
    _quiet(signals=True)
    return True


def show_prompt() -> None:
    """Show the prompt before the line editor is there; until then Ctrl-C is a key like any other."""
    if hold():
        _quiet(signals=False)
        _prompt_shown.append(True)
        sys.stdout.write(PROMPT)
        sys.stdout.flush()


def take_prompt_away() -> None:
    """Make room for the line editor, or for an error. Twice is once."""
    if _prompt_shown:
        _prompt_shown.clear()
        sys.stdout.write("\r\x1b[K")
        sys.stdout.flush()
        _quiet(signals=True)


def release() -> None:
    """Give the terminal back as it was. Twice is once."""
    take_prompt_away()
    if _original:
        import termios

        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, _original.pop())  # type: ignore[arg-type]


def ask(question: str) -> str:
    """An answer, typed and edited in the terminal's own way.

    Raises EOFError, KeyboardInterrupt: there is none; what follows begins on a line of its own.
    """
    try:
        return input(question)
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        sys.stdout.flush()
        raise


class normal:
    """While this is open the terminal is as before the chat: for a question, or somebody else's code."""

    def __enter__(self) -> None:
        self._held = bool(_original)
        release()

    def __exit__(self, *_: object) -> None:
        if self._held:
            hold()


def _quiet(*, signals: bool) -> None:
    import termios

    attributes = termios.tcgetattr(sys.stdin.fileno())
    attributes[3] &= ~(termios.ECHO | termios.ICANON)
    attributes[3] = attributes[3] | termios.ISIG if signals else attributes[3] & ~termios.ISIG
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, attributes)
