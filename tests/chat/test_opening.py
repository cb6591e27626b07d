"""Work that goes on while a person types."""

from __future__ import annotations

import threading

import pytest

from asstream.chat.opening import Opening


def test_the_work_is_done_once_and_its_result_waited_for() -> None:
    calls: list[int] = []

    def work() -> str:
        calls.append(1)
        return "ready"

    opening = Opening(work)
    opening.start()
    opening.start()
    assert opening.wait() == "ready"
    assert opening.wait() == "ready"
    assert calls == [1]
    assert opening.done and not opening.failed


def test_an_error_of_the_work_is_raised_where_it_is_waited_for() -> None:
    def work() -> None:
        raise ValueError("no")

    opening = Opening(work)
    with pytest.raises(ValueError, match="no"):
        opening.wait()
    assert opening.failed


def test_listeners_are_told_whether_they_come_before_or_after_the_end() -> None:
    go, told = threading.Event(), threading.Semaphore(0)
    opening = Opening(go.wait)
    opening.start()
    opening.when_done(told.release)
    assert not told.acquire(blocking=False)
    go.set()
    opening.wait()
    assert told.acquire(timeout=10)
    opening.when_done(told.release)
    assert told.acquire(timeout=10)
