"""Memory and files that neither a process nor a folder shows are held to the limits like others."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asstream.interpreter.hidden import Growth, Hidden
from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import Logs
from tests.interpreter.cells import run

MMAP = (
    "import ctypes, mmap, os, socket, time\n"
    "libc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p\n"
    "libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]\n"
    "def new():\n"
    "    file = os.open('/mnt/data/gone', os.O_CREAT | os.O_RDWR); os.unlink('/mnt/data/gone')\n"
    "    for _ in range(16): os.write(file, b'x' * (1 << 20))\n"
    "    return file\n"
)
HIDDEN_MEMORY = {
    "shared, not mapped": MMAP + "kept = []\nfor n in range(24):\n    kept.append(mmap.mmap(-1, 64 << 20))\n"
    "    for at in range(0, 64 << 20, 4096): kept[-1][at] = 1\n"
    "    kept[-1].madvise(mmap.MADV_DONTNEED)\ntime.sleep(60)",
    "tables of pages": MMAP + "at = libc.mmap(None, 1 << 39, 1, 0x4022, -1, 0)\n"
    "libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(1 << 39), 15)  # no large pages\n"
    "(ctypes.c_char * (1 << 39)).from_address(at)[:: 2 << 20]\ntime.sleep(60)",
    "buffers of sockets": MMAP + "kept = []\nfor n in range(8):\n    if not os.fork():\n"
    "        while True:\n            try: kept.append(socket.socketpair())\n"
    "            except OSError: time.sleep(60)\ntime.sleep(60)",
    "what is left of a piece": MMAP + "kept = []\nfor n in range(24):\n"
    "    at = libc.mmap(None, 64 << 20, 3, 0x21, -1, 0); ctypes.memset(at, 1, 64 << 20)\n"
    "    libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t((64 << 20) - 4096))\ntime.sleep(60)",
}
SENDING = (
    "import os, socket, time\n"
    "def fill(sender, size):\n"
    "    sender.setblocking(False)\n"
    "    try:\n"
    "        while True: sender.send(bytes(size))\n"
    "    except BlockingIOError: sender.close()\n"
)
CONNECTING = {
    "not accepted": SENDING
    + "there = socket.socket(socket.AF_UNIX); there.bind('\\0x'); there.listen(4096)\n"
    "for n in range(4096):\n    here = socket.socket(socket.AF_UNIX)\n"
    "    here.connect('\\0x'); fill(here, 65536)\n"
    "time.sleep(60)",
    "of datagrams": SENDING + "kept = []\nfor n in range(400):\n"
    "    kept.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)); kept[-1].bind(f'\\0y{n}')\n"
    "    for k in range(10):\n"
    "        here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "        here.connect(f'\\0y{n}'); here.send(bytes(200_000)); here.close()\n"
    "time.sleep(60)",
}
HIDDEN_FILES = {
    "mapped": MMAP + "for n in range(60):\n    file = new(); libc.mmap(None, 4096, 1, 1, file, 0)\n"
    "    os.close(file); time.sleep(0.02)\ntime.sleep(60)",
    "under way in a socket under way": MMAP + "here, there = socket.socketpair()\n"
    "far, near = socket.socketpair()\nsocket.send_fds(here, [b'x'], [near.fileno()]); near.close()\n"
    "for n in range(60):\n    file = new()\n"
    "    socket.send_fds(far, [b'x'], [file]); os.close(file); time.sleep(0.02)\ntime.sleep(60)",
    "under way": MMAP + "here, there = socket.socketpair()\nfor n in range(60):\n    file = new()\n"
    "    socket.send_fds(here, [b'x'], [file]); os.close(file); time.sleep(0.02)\ntime.sleep(60)",
}


@pytest.mark.parametrize("code", HIDDEN_MEMORY.values(), ids=HIDDEN_MEMORY)
def test_hidden_memory_counts(interpreter: KernelInterpreter, code: str) -> None:
    cell = run(interpreter, code, "hidden memory")
    assert cell.status == "died" and "interpreter.memory_mb is 512" in cell.logs


@pytest.mark.parametrize("code", CONNECTING.values(), ids=CONNECTING)
def test_what_waits_in_sockets_counts_in_bubblewrap(interpreter: KernelInterpreter, code: str) -> None:
    """Elsewhere nothing can connect."""
    cell = run(interpreter, code, "hidden in sockets")
    assert cell.status == "died" and "interpreter.memory_mb is 512" in cell.logs


@pytest.mark.parametrize("code", HIDDEN_FILES.values(), ids=HIDDEN_FILES)
def test_a_hidden_file_counts(interpreter: KernelInterpreter, code: str) -> None:
    cell = run(interpreter, code, "hidden files")
    assert cell.status == "died" and "interpreter.disk_mb is 64" in cell.logs


@pytest.mark.parametrize("kept", ["nothing", "a page of each"])
def test_hidden_memory_that_is_let_go_of_is_forgotten(interpreter: KernelInterpreter, kept: str) -> None:
    """To all but root a page that is left could be any size: what the machine has says how much it is not."""
    code = (
        "import mmap, time\nkept = []\nfor n in range(4):\n    memory = mmap.mmap(-1, 160 << 20)\n"
        "    for at in range(0, 160 << 20, 4096): memory[at] = 1\n"
        "    time.sleep(0.15)  # until it was seen\n"
        f"    if {kept != 'nothing'}: kept.append(mmap.mmap(-1, 4096)); kept[-1][0] = 1\n"
        "    memory.close()\nprint('done')"
    )
    assert run(interpreter, code, "let go").logs == "done\n"


def test_a_session_is_charged_for_what_came_while_it_ran_until_as_much_went() -> None:
    growth = Growth()
    charged = []
    for now, ran in ((100, True), (150, True), (250, False), (260, True), (230, True), (0, True), (5, True)):
        growth.sample(now, ran=ran)
        charged.append(growth.charged)
    assert charged == [0, 50, 50, 60, 30, 0, 5]


@pytest.mark.parametrize(
    ("ran", "unseen", "visible", "charged"),
    [
        (True, 1, 30, 10),  # what can't be looked at may be all that came, but for what is seen
        (True, 1, 50, 0),
        (False, 1, 30, 0),  # it did nothing while it came
        (True, 0, 30, 0),  # nothing is hidden: what came is another's
    ],
)
def test_a_session_is_charged_for_what_others_write_only_while_it_hides_something(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ran: bool, unseen: int, visible: int, charged: int
) -> None:
    used, real = iter((0, 40, 40)), os.statvfs

    def machine(
        path: Any,
    ) -> Any:  # of others, such as watchdogs that other tests have left, it says the truth
        if path != tmp_path:
            return real(path)
        return SimpleNamespace(f_blocks=next(used), f_bfree=0, f_frsize=1)

    monkeypatch.setattr(os, "statvfs", machine)
    hidden = Hidden()
    for _ in range(2):
        hidden.sample(tmp_path, ran=ran)
    assert hidden.disk([], set(), unseen, visible) == charged
    # What was another's then is not charged later.
    hidden.sample(tmp_path, ran=True)
    assert hidden.disk([], set(), 1, visible) == charged


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can see it")
def test_shared_memory_of_known_size_counts_though_another_let_go_of_as_much() -> None:
    code = (
        "import mmap, sys\nheld = mmap.mmap(-1, 64 << 20); held.write(bytes(64 << 20))\n"
        "print(1, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout and process.stdout.readline() == b"1\n"
        # As if nothing had come to the machine.
        assert Hidden().memory([process.pid]) == 64 << 20
        process.stdin.close()


def test_ordinary_code_is_not_suspected(interpreter: KernelInterpreter) -> None:
    """Little shared memory in many pieces, much that is not used, and sockets that forks inherit."""
    code = (
        "import mmap, os, socket, time\n"
        "pieces = [mmap.mmap(-1, 4096) for _ in range(100)]; unused = mmap.mmap(-1, 4 << 30)\n"
        "for piece in pieces: piece[0] = 1\n"
        "unused[0] = 1\n"
        "sockets = [socket.socketpair() for _ in range(25)]\n"
        "for _ in range(30):\n"
        "    if os.fork() == 0: time.sleep(2.5); os._exit(0)\n"
        "end = time.time() + 2.5\n"
        "while time.time() < end: open('/mnt/data/out', 'wb').write(bytes(8 << 20))\n"
        "print('done')"
    )
    assert run(interpreter, code, "not hidden").logs == "done\n"


def test_what_others_write_while_files_are_under_way_is_not_the_sessions(
    interpreter: KernelInterpreter, tmp_path: Path
) -> None:
    code = (
        MMAP + "here, there = socket.socketpair()\nsocket.send_fds(here, [b'x'], [new()])\n"
        "print('begun', flush=True)\nend = time.time() + 2\n"
        "while time.time() < end: os.getpid()\n"
        "print(there.recv(10))"
    )

    def write() -> None:
        for number in range(12):
            (tmp_path / str(number)).write_bytes(bytes(10 << 20))
            time.sleep(0.1)

    async def main() -> str:
        said, other = "", threading.Thread(target=write)
        async for event in interpreter.run("others write", code):
            if isinstance(event, Logs):
                said += event.text
                if said == "begun\n":
                    other.start()
        other.join()
        return said

    assert asyncio.run(main()) == "begun\nb'x'\n"


def test_a_process_that_is_hidden_is_ended(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, time\nprogram = os.open('/mnt/data/closed', os.O_CREAT | os.O_WRONLY, 0o111)\n"
        "os.write(program, open('/usr/bin/sleep', 'rb').read()); os.close(program)\n"
        "os.spawnl(os.P_NOWAIT, '/mnt/data/closed', 'closed', '60'); time.sleep(3); print('unseen')"
    )
    cell = run(interpreter, code, "closed")
    # To root every process is open.
    assert "could not be seen" in cell.logs if os.geteuid() else cell.logs == "unseen\n"
    run(interpreter, "pass", "closed")
