"""What code tries is contained, and would not be without the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.interpreter.sandbox.attempts import ATTEMPTS, MODES, Attempt
from tests.interpreter.sandbox.conftest import HostProcess

_SIGSYS = 31

Results = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Results:
    """What came of every attempt in a mode, such as `landlock-user`: tried together, once."""
    tried: dict[str, dict[str, Any]] = {}

    def of(mode: str) -> dict[str, Any]:
        sandbox, who = mode.split("-")
        host: HostProcess = request.getfixturevalue(f"{who}_host")
        if mode not in tried:
            programs = {
                attempt.name: attempt.program
                for attempt in ATTEMPTS
                if (attempt.control == who if sandbox == "none" else mode in attempt.promised)
            }
            tried[mode] = host.run(sandbox, programs)
        assert tried[mode]["code"] == 0, tried[mode]["err"]
        found: dict[str, Any] = tried[mode]["results"]
        return found

    return of


def outcome(result: dict[str, Any]) -> str:
    """`CONTAINED …`, `ESCAPED …` or, by the filter, `KILLED`."""
    if result["code"] == -_SIGSYS:
        return "KILLED"
    assert result["code"] == 0, f"it did not run: {result}"
    return str(result["out"])


@pytest.mark.parametrize(
    ("mode", "attempt"),
    [
        pytest.param(mode, attempt, id=f"{mode}-{attempt.name}")
        for mode in MODES
        for attempt in ATTEMPTS
        if mode in attempt.promised
    ],
)
def test_it_is_contained(results: Results, mode: str, attempt: Attempt) -> None:
    assert outcome(results(mode)[attempt.name]).startswith(("CONTAINED", "KILLED"))


@pytest.mark.parametrize(
    "attempt",
    [pytest.param(attempt, id=attempt.name) for attempt in ATTEMPTS if attempt.control],
)
def test_it_succeeds_without_the_sandbox(results: Results, attempt: Attempt) -> None:
    assert outcome(results(f"none-{attempt.control}")[attempt.name]).startswith("ESCAPED")
