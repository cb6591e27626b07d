"""What code tries is contained, and would not be without the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interpreter.sandbox.attempt import MODES, Attempt
from tests.interpreter.sandbox.attempts import ATTEMPTS
from tests.interpreter.sandbox.conftest import Results

_SIGSYS = 31


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
    programs = {each.name: each.program for each in ATTEMPTS if mode in each.promised}
    assert outcome(results("attempts", mode, programs)[attempt.name]).startswith(("CONTAINED", "KILLED"))


@pytest.mark.parametrize(
    "attempt", [pytest.param(attempt, id=attempt.name) for attempt in ATTEMPTS if attempt.control]
)
def test_it_succeeds_without_the_sandbox(results: Results, attempt: Attempt) -> None:
    if not Path(attempt.needs).exists():
        pytest.skip(f"this kernel has no {attempt.needs}")
    programs = {each.name: each.program for each in ATTEMPTS if each.control == attempt.control}
    mode = "bare-user" if attempt.control == "bare" else f"none-{attempt.control}"
    assert outcome(results("attempts", mode, programs)[attempt.name]).startswith("ESCAPED")
