"""The first chat with no model anywhere: noticing it, and fetching the small one for this machine."""

from __future__ import annotations

from pathlib import Path

from asstream.config import EMBEDDED, Settings
from asstream.connect import is_spec


def check_model(settings: Settings) -> None:
    """Raise NeedsModel where the embedded runtime would have no model: none configured, answering or installed."""
    from asstream.chat.loop import NeedsModel
    from asstream.runtime.models import catalog

    chosen = settings.model
    if settings.kind != EMBEDDED or chosen.base_url is not None or is_spec(chosen.model):
        return
    if catalog.current(settings.home) is None:
        raise NeedsModel


def pull_default(home: Path) -> None:
    """Fetch the small model, with a progress bar on stderr. Raises AsstreamError."""
