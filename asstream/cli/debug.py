"""`--debug`: what goes over the wire, on stderr, without keys."""

from __future__ import annotations

import logging
import re

from asstream.endpoints import WIRE

_SECRET = re.compile(r"(?i)(bearer\s+|api[-_]?key['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,}]+")


class _Redacted(logging.Formatter):
    """A line without keys and without control characters: the endpoint wrote part of it."""

    def format(self, record: logging.LogRecord) -> str:
        from asstream.cli.output import cleaned

        return cleaned(_SECRET.sub(r"\1<redacted>", super().format(record)))


def log_the_wire() -> None:
    """Log the requests and answers of every client to stderr, and what the SDK says of retries."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacted("[%(asctime)s %(name)s] %(message)s", "%H:%M:%S"))
    for name, level in ((WIRE, logging.DEBUG), ("openai", logging.INFO)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
        logger.propagate = False
