"""Telling a person who answers in place of a model that was asked for and is not there."""

from __future__ import annotations

import logging

from asstream.runtime.models.endpoint import printable

logger = logging.getLogger("asstream.models")


class StandIns:
    """Tells who answers in place of a name that nobody here has: once a name, since each run asks for it."""

    def __init__(self) -> None:
        self._told: set[str | None] = set()

    def tell(self, asked: str | None, answers: str, where: str) -> None:
        """Say it, unless it was said. `asked` is None where nothing was named."""
        if asked in self._told:
            return
        self._told.add(asked)
        what = f"{printable(asked, 80)} is not among the models of" if asked else "no model was named for"
        logger.warning("%s %s: %s answers", what, where, printable(answers, 80))
