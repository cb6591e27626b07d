"""The host that code tries to get at, as a process of its own: `host USER FOLDER`.

It has a home with a key, a secret in its environment, listeners of every kind, and a process beside it. Each
line of its stdin names a sandbox and programs to run in it, by name, in JSON: `{"sandbox", "programs"}`; each
of its stdout is what came of them: `{"code", "err", "user", "results": {name: {"code", "out"}}}`.
Where it is root, USER is the uid to be (0: stay); it then has its mounts for itself, in which an interpreter
below a closed home can be reached, as an installed one could. With `contained` at the end it is then root of
a container that has no uid but this.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from asstream.interpreter.protocol import Limits
from asstream.interpreter.sandbox.bubblewrap import Bubblewrap
from asstream.interpreter.sandbox.landlock import Landlock
from asstream.interpreter.sandbox.none import NoSandbox
from asstream.interpreter.sandbox.place import Launch, Place, Sandbox
from asstream.interpreter.sandbox.probe import probe
from asstream.interpreter.sandbox.seccomp import ABSENT, LANDLOCK_WEIGHED, REFUSED, WEIGHED
from asstream.interpreter.sandbox.users import is_machines_root

ROOT = Path(__file__).parents[3]
NO_NAMESPACE = "no namespace of users can be made here"
_libc = ctypes.CDLL(None, use_errno=True)

_VICTIM = """
import ctypes, sys
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # whoever may trace at all may trace this
buffer = ctypes.create_string_buffer(b"in memory", 16)
print(ctypes.addressof(buffer), flush=True)
sys.stdin.read()
"""


_RUNNER = """
import ctypes, errno, json, os, resource, signal, socket, stat, struct, subprocess, sys
asked = json.load(open("asked.json"))
results = {}
for number, (name, (program, facts)) in enumerate(asked.items()):
    os.mkdir(str(number))
    child = os.fork()
    if not child:
        os.chdir(str(number))
        out = os.open("out", os.O_CREAT | os.O_WRONLY)
        os.dup2(out, 1)
        os.close(out)
        signal.alarm(20)
        sys.argv = ["attempt", json.dumps(facts)]
        try:
            exec(compile(program, name, "exec"), {"__name__": "__main__"})
            sys.stdout.flush()
        except BaseException as error:
            os.write(1, repr(error).encode())
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    results[name] = {"code": code, "out": open(f"{number}/out").read()}
json.dump(results, sys.stdout)
"""
"""Each program in a process and a folder of its own, one sandbox around them all."""


class Bare(NoSandbox):
    """As a program starts another without a thought: with all that it has."""

    def prepare(self, place: Place, command: list[str]) -> Launch:
        # A copy that is no descriptor of the standard streams, nor the one that a list of them is read by.
        kept = fcntl.fcntl(sys.__stdin__.fileno(), fcntl.F_DUPFD, 16)  # type: ignore[union-attr]
        launch = super().prepare(place, command)
        return replace(launch, env=dict(os.environ), pass_fds=(kept,), close=lambda: os.close(kept))


def sandboxes() -> dict[str, Sandbox]:
    root = is_machines_root()
    setpriv = shutil.which("setpriv") or "setpriv"
    return {
        "bubblewrap": Bubblewrap(shutil.which("bwrap") or "bwrap", setpriv if root else ""),
        "landlock": Landlock(drop=root),
        "none": NoSandbox(),
        "bare": Bare(),
    }


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    words = [word.encode() if word else None for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), b"mode=755" if kind else None):
        raise OSError(ctypes.get_errno(), f"mount {source} {target}")


def uncover(trees: Iterable[Path]) -> None:
    """Have trees below folders that are closed to others reachable, for this process and its children."""
    closed: dict[Path, list[Path]] = {}
    for tree in trees:
        parents = [parent for parent in reversed(tree.parents) if not parent.stat().st_mode & 0o001]
        for parent in parents[:1]:
            closed.setdefault(parent, []).append(tree)
    if not closed:
        return
    if _libc.unshare(0x00020000):  # CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    _mount("none", "/", None, 0x4000 | 0x40000)  # MS_REC | MS_PRIVATE: nothing of it is seen outside
    for folder, below in closed.items():
        opened = [(tree, os.open(tree, os.O_PATH)) for tree in below]
        _mount("none", str(folder), "tmpfs", 0)
        for tree, descriptor in opened:
            tree.mkdir(parents=True, exist_ok=True)
            _mount(f"/proc/self/fd/{descriptor}", str(tree), None, 0x1000 | 0x4000)  # MS_BIND | MS_REC
            os.close(descriptor)


def become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as it is for a process that never was root


def be_contained() -> bool:
    """Become root of a namespace of users that has no other; whether that can be."""
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(0x10000000):  # CLONE_NEWUSER
        return False
    try:
        for name, content in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(content)
    except OSError:
        return False
    return True


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process, and see that nothing of its group is left; its number is not free until then."""
    descriptor = os.pidfd_open(process.pid)
    select.select([descriptor], [], [], 30)
    os.close(descriptor)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Host:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home = folder / "home" / ".ssh"
        home.mkdir(parents=True)
        (home / "id_ed25519").write_text("a key")
        self.victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _VICTIM, os.environ["HOST_TOKEN"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.victim.stdout is not None
        address = int(self.victim.stdout.readline())
        self.listeners = [
            self._listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            self._listener(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            self._listener(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{folder.name}"),
            self._listener(socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "stream")),
            self._listener(socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "datagram")),
        ]
        (folder / "stream").chmod(0o666)
        (folder / "datagram").chmod(0o666)
        tables: list[dict[str, Any]] = [REFUSED, ABSENT]
        column = ("x86_64", "aarch64").index(os.uname().machine)
        numbers = {name: each[column] for table in tables for name, each in table.items()}
        numbers |= {name: each[0][column] for name, each in (WEIGHED | LANDLOCK_WEIGHED).items()}
        self.facts = {
            "secret": str(home / "id_ed25519"),
            "site": site.getsitepackages()[0],
            "token": os.environ["HOST_TOKEN"],
            "victim": self.victim.pid,
            "address": address,
            "host": os.getpid(),
            "tcp": self.listeners[0].getsockname()[1],
            "udp": self.listeners[1].getsockname()[1],
            "abstract": folder.name,
            "path": str(folder / "stream"),
            "datagram": str(folder / "datagram"),
            "numbers": numbers,
        }

    def _listener(self, family: int, kind: int, address: Any) -> socket.socket:
        listener = socket.socket(family, kind)
        listener.bind(address)
        if kind == socket.SOCK_STREAM:
            listener.listen(64)
        return listener

    def run(self, sandbox: Sandbox, programs: dict[str, str]) -> dict[str, Any]:
        """Run programs in a new place, each with a file of the host to get at."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="session-") as name:
            session = Path(name)
            session.chmod(0o711)
            place = Place(session / "data", session / "connection", Limits())
            place.data.mkdir()
            place.connection.mkdir()
            script = session / "script.py"
            script.write_text(_RUNNER)
            launch = sandbox.prepare(place, [sys.executable, "-I", "-S", str(script)])
            asked = {}
            for number, (title, program) in enumerate(programs.items()):
                target = session / f"target-{number}"
                target.write_text("of the host")
                own = {
                    "target": str(target),
                    "script": str(script),
                    "data": launch.data,
                    "connection": launch.connection,
                }
                asked[title] = (program, self.facts | own)
            (place.data / "asked.json").write_text(json.dumps(asked))
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                process = subprocess.Popen(
                    launch.argv,
                    env=launch.env,
                    pass_fds=launch.pass_fds,
                    cwd=place.data,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
                launch.close()
                end(process)
                out.seek(0)
                err.seek(0)
                printed = out.read().decode()
                answer = {"code": process.returncode, "user": launch.user, "err": err.read().decode()}
            return {**answer, "results": json.loads(printed or "{}")}

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self.victim.kill()
        self.victim.communicate()


def main() -> None:
    user = int(sys.argv[1])
    folder = Path(sys.argv[2])
    if os.geteuid() == 0:
        uncover({Path(sys.base_prefix), Path(sys.prefix), ROOT})
        if user:
            become(user)
    contained = sys.argv[3:] == ["contained"]
    missing = NO_NAMESPACE if contained and not be_contained() else ""
    available = sandboxes()
    host = Host(folder)
    try:
        broken = {
            name: "" if isinstance(each, NoSandbox) else missing or probe(each)
            for name, each in available.items()
        }
        print(json.dumps(broken), flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            print(json.dumps(host.run(available[asked["sandbox"]], asked["programs"])), flush=True)
    finally:
        host.close()


if __name__ == "__main__":
    main()
