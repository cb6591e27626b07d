"""Tells whoever serves of the assistants that programs ask for and that are not here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from asstream.server.requests import ASSISTANT_ID

MOST_TOLD: Final = 1000
"""So many ids are told of and remembered: a client that tries ids must fill neither log nor memory."""

_COMMAND: Final = "asstream assistants create --id {id}"


class Missed:
    """Tells of each unknown assistant once, with the command that makes it."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def note(self, id: str) -> None:
        """An assistant was asked for that is not here. An id that can't be given to one is passed over."""
        # Nothing but letters, digits, _ and - gets past this: the line is safe to show and to paste.
        if not re.fullmatch(ASSISTANT_ID, id) or id in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told.add(id)
        command = _COMMAND.format(id=id)
        self._tell(f"a program asked for the assistant {id}, which is not here; this makes it: {command}")
