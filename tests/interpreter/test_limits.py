"""What code may use: every limit is held, named where it was reached, and the session goes on afterwards."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import InputFile
from tests.interpreter.cells import run

GIL_HOLDING = "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')"
IGNORES_SIGINT = (
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(0.01)"
)
CATCHES_ALL = "import time\nwhile True:\n try: time.sleep(9)\n except BaseException: pass"


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("while True: pass", True),
        (GIL_HOLDING, True),
        ("import subprocess; subprocess.run(['sleep', '60'])", True),
        (IGNORES_SIGINT, False),
        (CATCHES_ALL, False),
    ],
    ids=["a loop", "a regex that holds the GIL", "a child", "ignoring SIGINT", "catching everything"],
)
def test_a_cell_that_does_not_end_is_stopped(short: KernelInterpreter, code: str, kept: bool) -> None:
    run(short, "x = 42")
    cell = run(short, code)
    assert cell.status == "timeout"
    assert "interpreter.seconds" in cell.logs and "1 s" in cell.logs
    after = run(short, "print(x)")
    assert after.fresh is not kept
    if kept:
        assert after.logs == "42\n"
    else:
        assert "variables are gone" in cell.logs
        assert "variables are gone" in after.logs and "NameError" in after.logs


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("import ctypes; ctypes.string_at(0)", "segmentation fault"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import os; os.abort()", "SIGABRT"),
    ],
)
def test_a_process_that_dies_ends_its_cell_and_says_why(
    interpreter: KernelInterpreter, code: str, said: str
) -> None:
    run(interpreter, "x = 42", "dies")
    cell = run(
        interpreter, f"open('/mnt/data/kept', 'a').write('1'); print('before', flush=True)\n{code}", "dies"
    )
    assert cell.status == "died"
    assert said in cell.logs and "variables are gone" in cell.logs
    after = run(interpreter, "import os; print(os.path.exists('/mnt/data/kept'), 'x' in globals())", "dies")
    assert after.fresh
    assert after.logs.endswith("]\nTrue False\n")


def test_what_was_printed_before_an_exit_is_shown(interpreter: KernelInterpreter) -> None:
    assert run(interpreter, "import os; print('last words'); os._exit(0)", "exits").logs.startswith(
        "last words\n["
    )


def test_one_process_that_takes_too_much_memory_gets_an_error(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "x = 1; big = bytearray(2 << 30)", "memory")
    assert cell.status == "error"
    assert "MemoryError" in cell.logs and "512 MiB" in cell.logs and "interpreter.memory_mb" in cell.logs
    assert run(interpreter, "x", "memory").logs == "1\n"


def test_many_processes_that_take_too_much_memory_are_ended(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        big = bytearray(b'x') * (200 << 20); time.sleep(60); os._exit(0)\n"
        "time.sleep(60)"
    )
    cell = run(interpreter, code, "memories")
    assert cell.status == "died"
    assert "512 MiB" in cell.logs and "interpreter.memory_mb" in cell.logs
    assert run(interpreter, "1", "memories").fresh


def test_files_in_memory_count_with_the_rest_in_bubblewrap(interpreter: KernelInterpreter) -> None:
    """Elsewhere there are none."""
    fill = "[open(f'{folder}/x', 'wb').write(bytes(60 << 20)) for folder in ('/tmp', '/dev/shm')]; "
    code = (
        "import os, time\nfor n in range(3):\n"
        "    if not os.fork(): big = bytearray(b'x') * (120 << 20); time.sleep(60)\n"
    )
    cell = run(interpreter, f"{code}time.sleep(1); print('yet'); {fill}time.sleep(60)", "in memory")
    assert cell.status == "died" and "interpreter.memory_mb is 512" in cell.logs
    assert cell.logs.startswith("yet\n")


def test_forks_that_share_their_memory_count_once(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, time\n"
        "big = bytearray(b'x') * (150 << 20)\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0: time.sleep(1); os._exit(0)\n"
        "time.sleep(0.6); print('done')"
    )
    assert run(interpreter, code, "sharing").logs == "done\n"


def test_forks_are_limited(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, time\n"
        "for made in range(300):\n"
        "    try: pid = os.fork()\n"
        "    except OSError: break\n"
        "    if pid == 0: time.sleep(30); os._exit(0)\n"
        "print(made < 60)"
    )
    cell = run(interpreter, code, "forks")
    assert cell.logs == "True\n" or "interpreter.processes" in cell.logs


def test_data_that_grow_too_large_end_the_process_and_go(interpreter: KernelInterpreter) -> None:
    run(interpreter, "open('/mnt/data/small', 'w').write('1')", "disk")
    code = (
        "for n in range(99):\n open(f'/mnt/data/{n}', 'wb').write(b'x' * (8 << 20))\n"
        "import time; time.sleep(60)"
    )
    cell = run(interpreter, code, "disk")
    assert cell.status == "died"
    assert "interpreter.disk_mb is 64" in cell.logs
    after = run(interpreter, "import os; print(os.listdir('/mnt/data'))", "disk")
    assert after.fresh and after.logs.endswith("['small']\n")


@pytest.mark.parametrize("error", ["", "\n1 / 0"], ids=["ends well", "ends with an error"])
def test_a_cell_that_ends_before_anybody_looks_is_held_to_the_disk(
    interpreter: KernelInterpreter, error: str
) -> None:
    code = "for n in range(2):\n with open(f'/mnt/data/{n}', 'wb') as file: file.truncate(40 << 20); " + (
        "os.posix_fallocate(file.fileno(), 0, 40 << 20)"
    )
    thread = f"quick{len(error)}"
    cell = run(interpreter, f"import os\n{code}{error}", thread)
    assert cell.status == "died" and not cell.files
    assert "interpreter.disk_mb is 64" in cell.logs
    after = run(interpreter, "import os, time; time.sleep(0.5); print(os.listdir('/mnt/data'))", thread)
    assert after.status == "ok" and after.logs.endswith("[]\n")


def test_given_files_are_as_they_were_after_a_cell_that_filled_the_disk(
    interpreter: KernelInterpreter, tmp_path: Path
) -> None:
    (tmp_path / "stored").write_text("given")
    files = [InputFile(f"file-{name}", name, tmp_path / "stored") for name in ("changed", "kept", "removed")]
    run(interpreter, "import os; os.remove('removed')", "given", files)
    code = "open('changed', 'a').write('!')\nwith open('big', 'wb') as file: " + (
        "os.posix_fallocate(file.fileno(), 0, 60 << 20); open('more', 'wb').write(b'x' * (30 << 20))"
    )
    assert run(interpreter, code, "given", files).status == "died"
    look = "import os; print([(name, open(name).read()) for name in sorted(os.listdir())])"
    after = run(interpreter, look, "given", files)
    there = [(name, "given") for name in ("changed", "file-changed", "file-kept", "kept")]
    assert after.logs.endswith(f"]\n{there}\n")


def test_a_file_that_has_no_name_any_more_counts(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, time\nkept = []\n"
        "for n in range(99):\n"
        "    kept.append(open('/mnt/data/gone', 'wb', 0)); os.unlink('/mnt/data/gone')\n"
        "    kept[-1].write(b'x' * (8 << 20))\n"
        "time.sleep(60)"
    )
    cell = run(interpreter, code, "unlinked")
    assert cell.status == "died" and "interpreter.disk_mb is 64" in cell.logs


@pytest.mark.parametrize(
    "code",
    [
        "import os, time\nif not os.fork():\n    if not os.fork(): time.sleep(60)\n    os._exit(0)\n"
        "os.kill(os.getpid(), 9)",
        "import os, time\nif not os.fork():\n    while True:\n"
        "        if os.fork(): os._exit(0)\ntime.sleep(0.5)",
    ],
    ids=["made in the last moment", "another each moment"],
)
def test_nothing_lives_on_when_a_session_ended(interpreter: KernelInterpreter, code: str) -> None:
    mark = f"on-{time.monotonic_ns() % 10**12}"
    shown = f"import ctypes\nctypes.CDLL(None).prctl(15, b'{mark}')\nprint('named')\n{code}"
    assert run(interpreter, shown, "lives on").logs.startswith("named\n")
    asyncio.run(interpreter.end("lives on"))
    time.sleep(0.2)
    assert not [each for each in Path("/proc").glob("[0-9]*") if _name(each) == mark]


def _name(process: Path) -> str:
    with suppress(OSError, IndexError):
        name, _, rest = (process / "stat").read_text().partition("(")[2].rpartition(")")
        return "" if rest.split()[0] in "ZX" else name
    return ""


@pytest.mark.parametrize("nested", [False, True])
def test_too_many_files_end_the_process(interpreter: KernelInterpreter, nested: bool) -> None:
    code = "import os, time\nfor n in range(2000):\n    os.mkdir(str(n))" + (
        "; os.chdir(str(n))" if nested else ""
    )
    cell = run(interpreter, f"{code}\ntime.sleep(60)", f"files {nested}")
    assert cell.status == "died"
    assert "interpreter.files is 300" in cell.logs
    assert run(interpreter, "print(1)", f"files {nested}").logs.endswith("]\n1\n")


def test_a_single_file_is_limited_like_the_disk(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "open('/mnt/data/big', 'wb').write(b'x' * (100 << 20))", "one file")
    assert cell.status == "died"
    assert "interpreter.disk_mb is 64" in cell.logs
    assert run(interpreter, "import time; time.sleep(0.5)", "one file").status == "ok"
