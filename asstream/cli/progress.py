"""A bar on stderr for work of many steps; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asstream.cli.output import cleaned


@contextmanager
def bar(total: int) -> Iterator[Callable[[str, int], None]]:
    """Shows what goes on and how many of `total` are done; it is gone when the work is."""
    if not sys.stderr.isatty():
        yield lambda what, done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=total)
        yield lambda what, done: bars.update(task, description=cleaned(what)[:40], completed=done)
