"""The prompt's first appearance, before anything is imported. Knows nothing.

The line editor takes over a moment later. Until then the terminal keeps what is typed without echoing it; the
editor reads it and shows it, so that nothing is lost and nothing shows twice.
"""

import sys

PROMPT = "> "

_saved: list[object] = []


def show() -> None:
    """Show the prompt and stop the terminal's echo. Does nothing where this is not a chat at a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    try:
        import termios
    except ImportError:  # no POSIX terminal: the line editor's own first prompt has to do
        return
    descriptor = sys.stdin.fileno()
    attributes = termios.tcgetattr(descriptor)
    _saved.append(attributes)
    silent = attributes[:]
    silent[3] = attributes[3] & ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, silent)
    sys.stdout.write(PROMPT)
    sys.stdout.flush()


def withdraw() -> None:
    """Take the prompt away again and give the terminal its echo back. Twice is once."""
    if not _saved:
        return
    import termios

    attributes = _saved.pop()
    sys.stdout.write("\r\x1b[K")
    sys.stdout.flush()
    termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, attributes)  # type: ignore[arg-type]
