"""Work that goes on in a thread while a person already types. Knows nothing of what the work is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Opening(Generic[T]):
    """One piece of work, started once, its result waited for.

    The thread is a daemon: leaving the program does not wait for it.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._started = False
        self._finished = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._result: list[T] = []
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether the work has ended, well or not."""
        return self._finished.is_set()

    @property
    def failed(self) -> bool:
        """Whether the work has ended with an error."""
        return self._error is not None

    def start(self) -> None:
        """Start the work; a second call does nothing."""
        with self._lock:
            if self._started:
                return
            self._started = True
        threading.Thread(target=self._run, name="asstream-opening", daemon=True).start()

    def when_done(self, listener: Callable[[], None]) -> None:
        """Call `listener` once the work has ended, from its thread; at once if it has ended already."""
        with self._lock:
            if not self._finished.is_set():
                self._listeners.append(listener)
                return
        listener()

    def wait(self) -> T:
        """The result of the work, started if it was not. Raises what the work raised."""
        self.start()
        while not self._finished.wait(0.5):  # a wait with a limit lets Ctrl-C through everywhere
            pass
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _run(self) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # it is raised again where the result is waited for
            self._error = error
        with self._lock:
            self._finished.set()
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()
