"""A launch: what it shows, what it leaves open, whose it is, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from asstream.interpreter.protocol import Limits
from asstream.interpreter.sandbox import look
from asstream.interpreter.sandbox.bubblewrap import Bubblewrap
from asstream.interpreter.sandbox.confine import ABI, landlock_abi
from asstream.interpreter.sandbox.none import NoSandbox
from asstream.interpreter.sandbox.place import Place
from asstream.interpreter.sandbox.probe import probe
from asstream.interpreter.sandbox.users import unused_user
from tests.interpreter.sandbox.attempt import MODES
from tests.interpreter.sandbox.conftest import HostProcess, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these sandboxes are of Linux")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "data", tmp_path / "connection", Limits())
    place.data.mkdir()
    place.connection.mkdir()
    return place


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_the_hosts_folders_are_on_no_command_line(place: Place) -> None:
    launch = Bubblewrap("/usr/bin/bwrap").prepare(place, [sys.executable, "-c", "pass"])
    launch.close()
    assert str(place.data.parent) not in " ".join(launch.argv)
    assert (launch.data, launch.connection) == ("/mnt/data", "/run/k")


def test_descriptors_are_let_go_of_and_not_inherited_by_others(place: Place) -> None:
    before = open_descriptors()
    launch = Bubblewrap("/usr/bin/bwrap").prepare(place, [sys.executable, "-c", "pass"])
    assert launch.pass_fds
    assert not any(os.get_inheritable(descriptor) for descriptor in launch.pass_fds)
    launch.close()
    launch.close()
    assert open_descriptors() == before


def test_a_launch_that_fails_leaves_nothing_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_descriptors()
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(KeyError):
        Bubblewrap("/usr/bin/bwrap").prepare(place, [sys.executable, "-c", "pass"])
    assert open_descriptors() == before


def test_the_environment_is_not_this_processs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a secret")
    for sandbox in (Bubblewrap("/usr/bin/bwrap"), NoSandbox()):
        launch = sandbox.prepare(place, [sys.executable, "-c", "pass"])
        launch.close()
        assert "a secret" not in launch.env.values()


def test_an_interpreter_that_was_started_by_a_path_with_dots_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = next((each.sandbox for each in look() if each.mechanism == "bubblewrap"), None)
    if sandbox is None:
        pytest.skip("bubblewrap can't be had here")
    project = Path(sys.prefix).parent
    python = Path(sys.executable).relative_to(project)
    monkeypatch.setattr(sys, "executable", f"{project}/../{project.name}/{python}")
    assert probe(sandbox) == ""


def test_sessions_of_root_have_users_of_their_own(root_host: HostProcess) -> None:
    found = {root_host.run("bubblewrap", {})["user"] for _ in range(2)}
    assert len(found) == 2 and not found & {0, None}


def test_the_files_in_memory_can_be_counted_from_the_host(user_host: HostProcess) -> None:
    program = """
import os, signal
for number in range(500):
    open(f"/tmp/{number}", "w").close()
usage = os.statvfs("/tmp")
print(usage.f_files - usage.f_ffree)
"""
    assert int(user_host.run("bubblewrap", {"fill": program})["results"]["fill"]["out"]) > 500


def family(pid: int) -> dict[int, str]:
    """The processes below one, each by its number and the time it started at."""
    found: dict[int, str] = {}
    parents: dict[int, tuple[int, str]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        if stat := status_of(int(name)):
            parents[int(name)] = (int(stat[1]), stat[19])
    wanted = {pid}
    while wanted:
        below = {child for child, (parent, _) in parents.items() if parent in wanted}
        found |= {child: parents[child][1] for child in below}
        wanted = below
    return found


def status_of(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none where it has ended, be it waited for or not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields


def alive(processes: dict[int, str]) -> list[int]:
    return [pid for pid, began in processes.items() if status_of(pid)[19:20] == [began]]


def until(condition: Callable[[], object], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("mode", MODES)
def test_a_session_ends_with_the_process_that_started_it(mode: str) -> None:
    sandbox, who = mode.split("-")
    if who == "root" and os.geteuid() != 0:
        pytest.skip("not root: run these tests as root too")
    with started(unused_user() if who == "user" and os.geteuid() == 0 else 0) as host:
        # In place of the kernel itself: what the runner does while it is asked for nothing.
        host.start(
            sandbox, {"wait": "import signal\nopen('alive', 'w').close()\nsignal.alarm(60)\nsignal.pause()"}
        )
        assert until(lambda: list(host.folder.glob("session-*/data/*/alive")))
        below = family(host.pid)
        assert len(below) >= 2
        host.kill()
        # Landlock has no namespace of processes: what the kernel started in turn is left, in its group.
        most = 1 if sandbox == "landlock" else 0
        ended = until(lambda: len(alive(below)) <= most)
        left = alive(below)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert ended, left


def test_a_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    program = "from asstream.interpreter.sandbox import look; look()"
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )
    assert list(tmp_path.iterdir()) == []


def test_landlock_leaves_root_of_a_namespace_no_capability_also_where_its_bounds_stay() -> None:
    code = (
        "from asstream.interpreter.sandbox.landlock import Landlock\n"
        "from asstream.interpreter.sandbox.probe import probe\n"
        "print(probe(Landlock(drop=False)))"
    )
    bounded = ["unshare", "-Ur", "setpriv", "--bounding-set=-setpcap", "--inh-caps=-setpcap"]
    if landlock_abi() < ABI or subprocess.run([*bounded, "true"], capture_output=True).returncode:
        pytest.skip("no namespace of users, or no Landlock, can be had here")
    done = subprocess.run([*bounded, sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "\n", done
