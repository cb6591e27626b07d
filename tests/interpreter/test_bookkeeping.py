"""What the system needs for areas and locks counts, and looking at it does not keep the watchdog from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asstream.interpreter.bookkeeping import AREA_BYTES, LOCK_BYTES, bytes_of_locks
from asstream.interpreter.hidden import Hidden
from asstream.interpreter.processes import PROC, Held, Tree
from asstream.interpreter.watchdog import EVERY_SECONDS, pause_after
from tests.interpreter.test_processes import started

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="there is no /proc")
CAP = 2**30
ON = "print('on', flush=True)\n"


def test_locks_and_areas_count(tmp_path: Path) -> None:
    code = (
        f"import fcntl, mmap, time\nfile = open({str(tmp_path / 'x')!r}, 'w')\n"
        "for n in range(2000): fcntl.lockf(file, fcntl.LOCK_EX, 1, 4000 - 2 * n)\n"
        "kept = [mmap.mmap(-1, 4096, prot=1 + n % 2 * 2) for n in range(1000)]\n"
        f"{ON}time.sleep(60)"
    )
    with started(code) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        assert bytes_of_locks([process.pid], CAP) == 2000 * LOCK_BYTES
        # Not looked at again, where that makes no difference.
        assert bytes_of_locks([process.pid, process.pid], LOCK_BYTES) == 2000 * LOCK_BYTES
        booked = Hidden().booked([process.pid], CAP)
        assert 2000 * LOCK_BYTES + 1000 * AREA_BYTES <= booked < 2000 * LOCK_BYTES + 1200 * AREA_BYTES


def test_the_areas_of_a_process_are_memory_of_its_session() -> None:
    code = (
        "import ctypes, time\nlibc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p\n"
        "libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]\n"
        "libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]\n"
        "at = libc.mmap(None, 60_000 << 12, 0, 0x22, -1, 0)\n"
        f"for n in range(0, 60_000, 2): libc.mprotect(at + (n << 12), 4096, 1)\n{ON}time.sleep(60)"
    )
    with started("import time; time.sleep(60)") as plain, started(code) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        sizes = [Tree(each.pid, None).memory(CAP) for each in (plain, process)]
        assert sizes[1] - sizes[0] > 59_000 * AREA_BYTES


def test_locks_of_a_file_under_way_count(tmp_path: Path) -> None:
    code = (
        "import fcntl, os, socket, struct, time\nhere, there = socket.socketpair()\n"
        f"file = os.open({str(tmp_path / 'x')!r}, os.O_CREAT | os.O_RDWR)\n"
        "for n in range(100): fcntl.fcntl(file, 37, struct.pack('hhqqi4x', 1, 0, 400 - 2 * n, 1, 0))  # OFD\n"
        "socket.send_fds(here, [b'x'], [file]); os.close(file)\n"
        f"{ON}time.sleep(60)"
    )
    with started(code) as process:
        assert process.stdout is not None and process.stdout.readline() == "on\n"
        tree = Tree(process.pid, None)
        held = tree.held(0)
        assert (held.underway, held.locks) == (1, 100)
        assert tree.memory(CAP, Held(locks=1000)) - tree.memory(CAP, Held()) == 1000 * LOCK_BYTES


@pytest.mark.parametrize(("spent", "pause"), [(0, EVERY_SECONDS), (0.1, 0.5), (0.5, 1), (60, 1)])
def test_the_watchdog_waits_a_second_at_most(spent: float, pause: float) -> None:
    assert pause_after(spent) == pause
