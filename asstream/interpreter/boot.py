"""The first code in a kernel's process: limits, then ipykernel with our output.

A copy of it and of what it imports lies in the connection folder, so that it runs where this package is not
to be seen. `main(folder)` reads `settings.json` and `kernel.json` there and writes `ready` when its sockets
listen.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

PRELOADED = ("numpy", "pandas", "matplotlib.pyplot")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def set_limits(settings: dict[str, Any]) -> None:
    """Limits of this process and its children that the kernel of the system holds.

    A single process that takes too much memory gets a MemoryError it can survive: its limit is a little below
    that of all processes together, at which they are killed.
    """
    mib = 2**20
    for name, most in (
        ("RLIMIT_DATA", settings["memory_mb"] * mib * 7 // 8),
        ("RLIMIT_FSIZE", settings["disk_mb"] * mib),
        ("RLIMIT_NOFILE", 512),
        ("RLIMIT_CORE", 0),
        # Where the uid is shared with others, theirs would count too: there only the watchdog counts.
        ("RLIMIT_NPROC", settings["processes"] if settings["own_uid"] else None),
    ):
        if most is not None and hasattr(resource, name):
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(kind, (most, most))


def tie_to_parent(settings: dict[str, Any]) -> None:
    """End with the host; where no process namespace does it, collect orphans so that they can be found."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if not settings["own_processes"]:
            libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def mend_utime() -> None:
    """Let a file that is not there be missed, where the sandbox answers a change of times without doing it.

    `Path.touch` makes a file only when changing its times failed.
    """
    change = os.utime

    def utime(path: Any, *times: Any, **options: Any) -> None:
        change(path, *times, **options)
        if not isinstance(path, int):
            os.stat(  # noqa: PTH116 - it takes the same options
                path, **{name: options[name] for name in ("dir_fd", "follow_symlinks") if name in options}
            )

    for supported in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        if change in supported:
            supported.add(utime)
    os.utime = utime


def preload() -> None:
    """Import what most cells use, and draw once: the first figure is the slow one."""
    for name in PRELOADED:
        with contextlib.suppress(Exception):
            __import__(name)
    with contextlib.suppress(Exception):
        import io

        from matplotlib.figure import Figure

        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, 1])
        figure.savefig(io.BytesIO(), format="png")


def main(folder: str) -> None:
    """Run the kernel whose connection folder, as seen from here, is `folder`."""
    complaints = os.dup(2)  # who started it reads there why it could not
    try:
        app = prepare(folder)
    except BaseException as error:
        os.write(complaints, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
        os._exit(1)
    if abandoned(complaints):
        os._exit(1)
    os.close(complaints)
    app.start()


def abandoned(complaints: int) -> bool:
    """Whether the host ended before anything was tied to its end: nobody has the other end of its pipe."""
    poll = select.poll()
    poll.register(complaints, 0)
    return bool(poll.poll(0))


def prepare(folder: str) -> Any:
    """The application, its sockets listening and its limits set."""
    sys.path.remove(folder)
    place = Path(folder)
    settings = json.loads((place / "settings.json").read_text(encoding="utf-8"))
    os.chdir(settings["data"])
    tie_to_parent(settings)
    set_limits(settings)
    if not settings["own_processes"]:
        mend_utime()
    # Not at the top: the limits come first, and the libraries start threads.
    from asstream.interpreter import last_words
    from asstream.interpreter.boot_app import make_app

    words = last_words.Words(place / last_words.NAME)
    app, output = make_app(str(place / "kernel.json"), words, settings)
    for name in [name for name in sys.modules if name.split(".")[0] == "asstream"]:
        del sys.modules[name]  # a cell that imports asstream means the real one, or none
    if settings["preload"]:
        preload()
    leave, pid = os._exit, os.getpid()

    def leave_after_output(status: int) -> None:
        """`os._exit`, after what the cell said is on its way."""
        if pid == os.getpid():
            output.end()
            time.sleep(0.1)  # the text goes 20 ms later, by two threads
        leave(status)

    os._exit = leave_after_output  # type: ignore[assignment]
    (place / "ready").write_text("")
    return app
