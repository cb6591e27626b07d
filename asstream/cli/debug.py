"""`--debug`: what goes over the wire, on stderr, without keys."""

from __future__ import annotations

import logging
import re

_SECRET = re.compile(
    r"(?i)(bearer\s+|(?:api[-_]key|authorization)['\"]?\s*[:=]\s*['\"]?(?:bearer\s+)?)[^\s'\",}]+"
)


class _Redacted(logging.Formatter):
    """A line without keys and without control characters: the endpoint wrote part of it."""

    def format(self, record: logging.LogRecord) -> str:
        from asstream.cli.output import cleaned

        return cleaned(_SECRET.sub(r"\1<redacted>", super().format(record)))


def log_the_wire() -> None:
    """Log the client's requests and answers to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacted("[%(asctime)s %(name)s] %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("openai")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    logger.propagate = False
