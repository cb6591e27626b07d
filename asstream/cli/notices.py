"""What the runtime has to say to a person (such as which model answers in place of another), on stderr."""

from __future__ import annotations

import logging
import sys

from asstream.cli.output import cleaned, note


class _Notices(logging.Handler):
    """A line on stderr for each record, wherever stderr then is."""

    def __init__(self, *, serving: bool) -> None:
        super().__init__(logging.WARNING)
        self._serving = serving

    def filter(self, record: logging.LogRecord) -> bool:
        # What the readers of a run are told anyway is news only where they are elsewhere.
        return self._serving or not getattr(record, "readers_told", False)

    def emit(self, record: logging.LogRecord) -> None:
        line = f"asstream: {record.getMessage()}"
        # Where no reply was shown there is none to disturb.
        live = sys.modules.get("asstream.render.transcript")
        if live is None or not live.say_aside(cleaned(line)):
            note(line)


def show_notices(*, serving: bool = False) -> None:
    """Show the warnings of asstream's own parts from now on. Twice is once.

    Args:
        serving: whether the readers of this process's runs are other programs.
    """
    logger = logging.getLogger("asstream")
    if not any(isinstance(handler, _Notices) for handler in logger.handlers):
        handler = _Notices(serving=serving)
        logger.addHandler(handler)
        logger.propagate = False
