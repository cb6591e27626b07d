"""Models for this machine: noticing that there is none, and fetching one with its progress on stderr."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.cli.output import cleaned, warn
from asstream.config import EMBEDDED, Settings
from asstream.endpoints import model_endpoint
from asstream.errors import ConfigError

if TYPE_CHECKING:
    from asstream.runtime.models.catalog import Installed
    from asstream.runtime.models.pull import Progress, Report


def check_model(settings: Settings) -> None:
    """Raise NeedsModel where the embedded runtime would have none: configured, answering or installed."""
    from asstream.chat.loop import NeedsModel
    from asstream.runtime.models.sources import needs_pull

    if settings.kind == EMBEDDED and needs_pull(
        settings.home, model_endpoint(settings), settings.model.model
    ):
        raise NeedsModel


def check_file(home: Path, described: Mapping[str, str], *, whole: bool = False) -> None:
    """Raise ConfigError where the model that answers is a damaged file of this machine.

    Args:
        described: as `Endpoint.describe_model` gives it.
        whole: whether each byte is looked at.
    """
    from asstream.runtime.models import catalog

    if described.get("kind") == "local":
        entry = catalog.find(home, described["model"])
        catalog.check(entry)
        if whole:
            catalog.check_whole(entry)


def pull_default(home: Path) -> None:
    """Fetch the small model for the first chat. Raises AsstreamError."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigError(
            "the model of this machine needs the engine xllamacpp, which is not installed",
            "pip install 'asstream[local]'; or set OPENAI_API_KEY or ASSTREAM_MODEL_BASE_URL",
        )
    warn("Pulling SmolLM2-135M (93 MB), a small model for this machine …")
    pull(home, "default")


def pull(home: Path, spec: str) -> Installed:
    """Fetch a model, its progress on stderr. Raises AsstreamError; Ctrl-C ends it, nothing is left behind."""
    from asstream.runtime.models.pull import pull as fetch

    if not sys.stderr.isatty():
        return fetch(home, spec, _lines())
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def tell(progress: Progress) -> None:
            bars.update(
                task, description=cleaned(progress.phase), completed=progress.done, total=progress.total
            )

        return fetch(home, spec, tell)


def _lines() -> Report:
    """Progress where stderr is no terminal: a line for each phase, and for each quarter."""
    told: set[tuple[str, int]] = set()

    def tell(progress: Progress) -> None:
        quarter = 4 * progress.done // progress.total if progress.total else 0
        if (progress.phase, quarter) not in told:
            told.add((progress.phase, quarter))
            amount = f": {progress.done / 1e6:.0f} of {progress.total / 1e6:.0f} MB" if progress.total else ""
            warn(f"{progress.phase}{amount}")

    return tell
