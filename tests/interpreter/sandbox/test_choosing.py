"""The strongest sandbox that works is chosen; where none does, the reason and the remedy are told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asstream.interpreter.protocol import InterpreterUnavailableError, Limits
from asstream.interpreter.sandbox import choose, choosing, look, users
from asstream.interpreter.sandbox.landlock import Landlock
from asstream.interpreter.sandbox.none import NoSandbox
from asstream.interpreter.sandbox.place import Place, Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these mechanisms are of Linux")


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    choosing._tried.cache_clear()
    yield
    choosing._tried.cache_clear()


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What probing a mechanism says, instead of running it: nothing is wrong with one that is not named."""
    answers: dict[str, str] = {}
    monkeypatch.setattr(choosing, "probe", lambda sandbox: answers.get(sandbox.name, ""))
    monkeypatch.setattr(choosing, "landlock_abi", lambda: 6)
    monkeypatch.setattr(choosing, "_program", lambda name: f"/usr/bin/{name}")
    return answers


def test_bubblewrap_is_the_first_choice(probed: dict[str, str]) -> None:
    assert choose("auto").name == "bubblewrap"
    assert choose("auto").note == ""


def test_landlock_is_the_second_and_says_that_it_is_weaker(probed: dict[str, str]) -> None:
    probed["bubblewrap"] = "bwrap: No permissions to create new namespace"
    assert choose("auto").name == "landlock"
    assert "weaker" in choose("auto").note


def test_no_sandbox_is_never_chosen_unasked(probed: dict[str, str]) -> None:
    probed |= {"bubblewrap": "bwrap: setting up uid map: Permission denied", "landlock": "no such luck"}
    with pytest.raises(InterpreterUnavailableError) as raised:
        choose("auto")
    assert "setting up uid map: Permission denied" in raised.value.message
    assert "no such luck" in raised.value.message
    assert raised.value.remedy


def test_no_sandbox_is_had_by_name_and_says_so() -> None:
    assert isinstance(choose("none"), NoSandbox)
    assert "no sandbox" in choose("none").note


@pytest.mark.parametrize(("missing", "package"), [("bwrap", "bubblewrap"), ("setpriv", "util-linux")])
def test_a_missing_program_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, probed: dict[str, str], missing: str, package: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(choosing, "_program", lambda name: None if name == missing else f"/usr/bin/{name}")
    finding = look()[0]
    assert finding.sandbox is None
    assert missing in finding.reason and package in finding.remedy


@pytest.mark.parametrize(
    ("restricted", "namespaces", "reason", "remedy"),
    [
        (
            "1",
            "100",
            "bwrap: setting up uid map: Permission denied",
            "apparmor_restrict_unprivileged_userns=0",
        ),
        ("0", "0", "bwrap: No space left on device", "max_user_namespaces"),
        ("0", "100", "bwrap: Operation not permitted", "seccomp=unconfined"),
        ("0", "100", "bwrap: Unknown option --size", "0.8"),
    ],
)
def test_the_remedy_fits_the_reason(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    probed: dict[str, str],
    restricted: str,
    namespaces: str,
    reason: str,
    remedy: str,
) -> None:
    (tmp_path / "restricted").write_text(restricted + "\n")
    (tmp_path / "namespaces").write_text(namespaces + "\n")
    monkeypatch.setattr(choosing, "_RESTRICTED", tmp_path / "restricted")
    monkeypatch.setattr(choosing, "_NAMESPACES", tmp_path / "namespaces")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    probed["bubblewrap"] = reason
    assert remedy in look()[0].remedy


@pytest.mark.parametrize(
    ("machines", "abi", "reason", "remedy"),
    [
        (True, 5, "bwrap: Creating new namespace failed: Operation not permitted", "SYS_ADMIN.*6[.]12"),
        (True, 6, "bwrap: Creating new namespace failed: Operation not permitted", "SYS_ADMIN(?!.*6[.]12)"),
        (True, 6, "root lacks CAP_KILL CAP_SETUID to run", "--user 1000.*--cap-add KILL --cap-add SETUID"),
        (True, 6, users.TOO_FEW, "map at least 1300 uids"),
        (False, 6, "bwrap: setting up uid map: Operation not permitted", "SETFCAP"),
        (False, 6, "bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "unmask=ALL"),
        (False, 6, "bwrap: No permissions to create new namespace", "seccomp=unconfined"),
    ],
)
def test_the_remedy_for_root_fits_the_reason_and_whose_root_it_is(
    monkeypatch: pytest.MonkeyPatch,
    probed: dict[str, str],
    machines: bool,
    abi: int,
    reason: str,
    remedy: str,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(choosing, "is_machines_root", lambda: machines)
    monkeypatch.setattr(choosing, "landlock_abi", lambda: abi)
    probed["bubblewrap"] = reason
    assert re.search(remedy, look()[0].remedy)


def test_what_would_mend_each_is_told_once(monkeypatch: pytest.MonkeyPatch, probed: dict[str, str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(choosing, "is_machines_root", lambda: True)
    probed |= {"bubblewrap": "root lacks CAP_CHOWN", "landlock": "root lacks CAP_CHOWN"}
    with pytest.raises(InterpreterUnavailableError) as raised:
        choose("auto")
    assert raised.value.remedy.count("--cap-add CHOWN") == 1
    probed["landlock"] = "/root is closed to other users"
    choosing._tried.cache_clear()
    with pytest.raises(InterpreterUnavailableError) as raised:
        choose("auto")
    assert "; or install asstream where other users may read it" in raised.value.remedy


@pytest.mark.parametrize(("machines", "asked"), [(True, ["dropped"]), (False, ["dropped", "as it is"])])
@pytest.mark.parametrize("mechanism", [0, 1], ids=["bubblewrap", "landlock"])
def test_root_of_a_container_that_cannot_be_dropped_is_held_as_a_user(
    monkeypatch: pytest.MonkeyPatch, probed: dict[str, str], mechanism: int, machines: bool, asked: list[str]
) -> None:
    tried: list[str] = []

    def works_as_it_is(sandbox: Sandbox) -> str:
        drops = getattr(sandbox, "setpriv", "") or getattr(sandbox, "drop", False)
        tried.append("dropped" if drops else "as it is")
        return users.TOO_FEW if drops else ""

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(choosing, "is_machines_root", lambda: machines)
    monkeypatch.setattr(choosing, "probe", works_as_it_is)
    found = choosing._MECHANISMS["linux"][mechanism]()
    assert tried == asked and (found.sandbox is None) is machines and bool(found.reason) is machines


def test_the_root_of_a_container_is_not_the_machines() -> None:
    code = "from asstream.interpreter.sandbox.users import is_machines_root as is_it; print(is_it())"
    user = [] if os.geteuid() else ["setpriv", "--reuid=2345678", "--regid=2345678", "--clear-groups"]
    assert users.is_machines_root() is (os.geteuid() == 0)
    if os.geteuid() == 0:
        same = subprocess.run(["unshare", "-Ur", sys.executable, "-c", code], capture_output=True, text=True)
        assert same.stdout in ("True\n", "")  # a namespace in which root is the machine's root all the same
    asked = [*user, "unshare", "-Ur", "stat", "-c", "%u", "/proc/sys/kernel"]
    ended = subprocess.run(asked, capture_output=True, text=True)
    if ended.returncode:
        pytest.skip(f"no namespace of users can be made here: {ended.stderr}")
    assert ended.stdout != "0\n"


def test_an_interpreter_that_a_dropped_user_cannot_reach_is_named(probed: dict[str, str]) -> None:
    probed["landlock"] = "/root is closed to other users, and /root/python is below it"
    assert "install asstream where" in look()[1].remedy


def test_an_old_landlock_is_not_enough(monkeypatch: pytest.MonkeyPatch, probed: dict[str, str]) -> None:
    monkeypatch.setattr(choosing, "landlock_abi", lambda: 5)
    assert "ABI 6" in look()[1].reason


def test_other_systems_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(InterpreterUnavailableError, match="win32"):
        choose("auto")


def test_architectures_without_a_filter_refuse(
    monkeypatch: pytest.MonkeyPatch, probed: dict[str, str]
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(InterpreterUnavailableError, match="riscv64"):
        choose("auto")


def test_each_is_tried_once_in_a_process(monkeypatch: pytest.MonkeyPatch, probed: dict[str, str]) -> None:
    tried: list[str] = []

    def works(sandbox: Sandbox) -> str:
        tried.append(sandbox.name)
        return ""

    monkeypatch.setattr(choosing, "probe", works)
    choose("auto")
    choose("auto")
    assert tried == ["bubblewrap"]  # what is weaker is not tried where it would not be used
    look()
    look()
    assert tried == ["bubblewrap", "landlock"]


def test_landlock_as_root_needs_folders_that_others_may_pass(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    place = Place(closed / "data", closed / "connection", Limits())
    place.data.mkdir(parents=True)
    place.connection.mkdir()
    closed.chmod(0o700)
    with pytest.raises(PermissionError, match="closed to other users"):
        Landlock(drop=True).prepare(place, [sys.executable])
