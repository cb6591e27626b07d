"""The profile for macOS, as text: it denies what it does not name, and no path is part of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asstream.interpreter.protocol import Limits
from asstream.interpreter.sandbox.place import Place
from asstream.interpreter.sandbox.seatbelt import PROGRAM, Seatbelt, profile

PARAMETERS = ("DATA", "CONNECTION", "READ_0", "READ_1", "PARENT_0")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / 'da"ta)', tmp_path / "connection", Limits())
    place.data.mkdir()
    place.connection.mkdir()
    return place


def rules() -> dict[str, str]:
    """The rules by their operations."""
    flat = profile(PARAMETERS).replace("\n  ", " ").splitlines()
    return {
        line.split(" ", 1)[1].split(" (")[0].rstrip(")"): line for line in flat if line.startswith("(allow")
    }


def test_it_denies_by_default() -> None:
    assert profile(PARAMETERS).splitlines()[:2] == ["(version 1)", "(deny default)"]


def test_only_the_sessions_folders_and_the_void_are_written() -> None:
    writes = {operation: rule for operation, rule in rules().items() if "write" in operation}
    assert writes == {
        "file-write*": '(allow file-write* (subpath (param "DATA")) (subpath (param "CONNECTION")))',
        "file-write-data": '(allow file-write-data (literal "/dev/null"))',
    }


def test_no_home_and_no_configuration_is_read() -> None:
    for word in (
        "/Users",
        "/etc ",
        '"/etc"',
        '"/private/etc"',
        '(subpath "/")',
        '"/tmp"',
        '"/private/tmp"',
        '"/var"',
    ):
        assert word not in profile(PARAMETERS)


def test_folders_above_are_passed_but_not_listed() -> None:
    assert [name for name, rule in rules().items() if "PARENT_0" in rule] == ["file-read-metadata"]


def test_nothing_is_connected_to() -> None:
    text = profile(PARAMETERS)
    assert "network-outbound" not in text and "network*" not in text and "mach-lookup" not in text
    assert rules()["network-bind network-inbound"].endswith('(subpath (param "CONNECTION")))')


def test_processes_outside_are_out_of_reach() -> None:
    assert rules()["signal"] == "(allow signal (target same-sandbox))"
    assert "procargs" not in profile(PARAMETERS)
    assert "(allow sysctl-read)" not in profile(PARAMETERS)


def test_parentheses_and_quotes_are_balanced() -> None:
    text = profile(PARAMETERS)
    assert text.count("(") == text.count(")") and text.count('"') % 2 == 0


def test_paths_are_parameters(place: Place) -> None:
    launch = Seatbelt().prepare(place, [sys.executable, "-c", "pass"])
    assert launch.argv[:2] == [PROGRAM, "-p"]
    assert 'da"ta)' not in launch.argv[2]
    assert f"DATA={place.data.resolve()}" in launch.argv
    assert launch.argv[-3:] == [sys.executable, "-c", "pass"]
    named = {word.split("=")[0] for word in launch.argv if "=" in word}
    assert {f'(param "{name}")' in launch.argv[2] for name in named} == {True}


def test_it_says_that_it_is_untested() -> None:
    assert "not been tested" in Seatbelt().note
