"""What the runtime has to say to a person (such as which model answers in place of another), on stderr."""

from __future__ import annotations

import logging
import sys

from asstream.cli.output import cleaned


class _Notices(logging.Handler):
    """A line on stderr for each record, wherever stderr then is."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(cleaned(f"asstream: {record.getMessage()}") + "\n")
        sys.stderr.flush()


def show_notices() -> None:
    """Show the warnings of asstream's own parts from now on. Twice is once."""
    logger = logging.getLogger("asstream")
    if not any(isinstance(handler, _Notices) for handler in logger.handlers):
        handler = _Notices(logging.WARNING)
        logger.addHandler(handler)
        logger.propagate = False
