"""Sessions by thread: kept, apart, in turn, ended, stopped, and gone with the process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asstream.interpreter.folders import RunFolder
from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import CellStart, InterpreterUnavailableError, Limits, Logs
from tests.interpreter.cells import HANG, ran, run


@pytest.fixture
def two(tmp_path: Path) -> Iterator[KernelInterpreter]:
    """An interpreter with room for two sessions."""
    interpreter = KernelInterpreter(tmp_path, limits=Limits(seconds=30, sessions=2))
    yield interpreter
    asyncio.run(interpreter.close())


def test_variables_and_files_are_a_threads_own(interpreter: KernelInterpreter) -> None:
    run(interpreter, "x = 1; open('/mnt/data/x', 'w').write('1');", "mine")
    other = run(interpreter, "import os; print('x' in globals(), os.listdir('/mnt/data'))", "yours")
    assert other.fresh and other.logs == "False []\n"
    assert run(interpreter, "x", "mine").logs == "1\n"


def test_cells_of_one_thread_run_one_after_another(interpreter: KernelInterpreter) -> None:
    async def both() -> tuple[str, str]:
        await ran(interpreter, "n = 0", "turns")
        code = "import time\nbefore = n; time.sleep(0.1); n = before + 1; print(n)"
        cells = await asyncio.gather(*(ran(interpreter, code, "turns") for _ in range(3)))
        return tuple(cell.logs for cell in cells)

    assert sorted(asyncio.run(both())) == ["1\n", "2\n", "3\n"]


def test_eight_sessions_run_at_once(tmp_path: Path) -> None:
    interpreter = KernelInterpreter(tmp_path, limits=Limits(seconds=60))

    async def eight() -> list[str]:
        # Each waits for all the others: none of them would end if they took turns.
        code = "import time\nprint('in')\ntime.sleep(0.2)\nprint({})"
        cells = await asyncio.gather(*(ran(interpreter, code.format(n), f"{n}") for n in range(8)))
        await interpreter.close()
        return [cell.logs for cell in cells]

    assert asyncio.run(eight()) == [f"in\n{n}\n" for n in range(8)]


def test_the_session_idle_longest_makes_room_and_says_so(two: KernelInterpreter) -> None:
    for thread in ("a", "b", "c"):
        run(two, "x = 1", thread)
    assert not run(two, "x", "b").fresh
    cell = run(two, "'x' in globals()", "a")
    assert cell.fresh
    assert "interpreter.sessions is 2" in cell.logs and cell.logs.endswith("]\nFalse\n")


def test_a_session_more_than_all_that_are_busy_is_refused(two: KernelInterpreter) -> None:
    async def third() -> None:
        busy = [asyncio.create_task(ran(two, "import time; time.sleep(3)", name)) for name in "ab"]
        while two._sessions is None or len(two._sessions._sessions) < 2:
            await asyncio.sleep(0.01)
        with pytest.raises(InterpreterUnavailableError, match="all 2 sessions") as refused:
            await ran(two, "1", "c")
        assert "interpreter.sessions" in refused.value.remedy
        await asyncio.gather(*busy)

    asyncio.run(third())


def test_an_idle_session_ends_and_its_next_cell_says_so(tmp_path: Path) -> None:
    interpreter = KernelInterpreter(tmp_path, limits=Limits(idle_seconds=0.4))

    async def twice() -> str:
        await ran(interpreter, "x = 1")
        sessions = interpreter._sessions
        assert sessions is not None
        async with asyncio.timeout(HANG):
            while sessions._sessions:
                await asyncio.sleep(0.05)
        cell = await ran(interpreter, "'x' in globals()")
        await interpreter.close()
        assert cell.fresh
        return cell.logs

    logs = asyncio.run(twice())
    assert "interpreter.idle_seconds" in logs and "0.4 s" in logs and logs.endswith("]\nFalse\n")


def test_closing_a_cell_interrupts_it_and_the_session_goes_on(interpreter: KernelInterpreter) -> None:
    async def closed() -> str:
        await ran(interpreter, "x = 42", "closing")
        cell = interpreter.run("closing", "print('on')\nwhile True: pass")
        async for event in cell:
            if isinstance(event, Logs):
                break
        await cell.aclose()
        after = await ran(interpreter, "x", "closing")
        assert not after.fresh
        return after.logs

    assert asyncio.run(closed()) == "42\n"


def test_a_cell_whose_task_is_cancelled_is_interrupted(interpreter: KernelInterpreter) -> None:
    async def cancelled() -> None:
        started = asyncio.Event()

        async def forever() -> None:
            async for event in interpreter.run("cancelled", "while True: pass"):
                if isinstance(event, CellStart):
                    started.set()

        task = asyncio.create_task(forever())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ran(interpreter, "1", "cancelled")).logs == "1\n"

    asyncio.run(cancelled())


def test_a_cell_that_ignores_its_interrupt_is_ended_when_closed(interpreter: KernelInterpreter) -> None:
    async def closed() -> str:
        code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('on')\nwhile True: pass"
        cell = interpreter.run("stubborn", code)
        async for event in cell:
            if isinstance(event, Logs):
                break
        async with asyncio.timeout(HANG):
            await cell.aclose()
        after = await ran(interpreter, "1", "stubborn")
        assert after.fresh
        return after.logs

    assert "variables are gone" in asyncio.run(closed())


def test_a_cell_closed_while_it_waits_for_its_turn_never_runs(interpreter: KernelInterpreter) -> None:
    async def closed() -> str:
        first = asyncio.create_task(ran(interpreter, "import time; time.sleep(1); y = 1", "waits"))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(ran(interpreter, "y = 2", "waits"))
        await asyncio.sleep(0.1)
        second.cancel()
        await asyncio.wait({second})
        await first
        return (await ran(interpreter, "y", "waits")).logs

    assert asyncio.run(closed()) == "1\n"


@pytest.mark.parametrize(
    "leave",
    [
        "exit()",
        "def leave():\n    quit()\nleave()",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[100]).start()\nexit()",
    ],
)
def test_code_that_ends_its_session_is_told_so_at_once(interpreter: KernelInterpreter, leave: str) -> None:
    run(interpreter, "x = 1; open('kept', 'w').write('1');", leave)
    cell = run(interpreter, f"print('on', end='')\n{leave}", leave)
    assert (cell.status, cell.logs.startswith("on\n[")) == ("died", True)
    assert "exit() or quit()" in cell.logs and "its variables are gone" in cell.logs
    again = run(interpreter, "import os; print('x' in globals(), os.listdir())", leave)
    assert again.fresh and again.logs.splitlines()[-1] == "False ['kept']"


def test_code_that_leaves_but_keeps_its_session_is_not_ended(interpreter: KernelInterpreter) -> None:
    run(interpreter, "x = 1\nexit(keep_kernel=True)", "stays")
    assert run(interpreter, "print(x)", "stays").logs == "1\n"


def test_ending_a_session_removes_its_files(tmp_path: Path) -> None:
    interpreter = KernelInterpreter(tmp_path / "root")

    async def ended() -> None:
        await ran(interpreter, "open('/mnt/data/left-behind', 'w').write('x');")
        assert list(tmp_path.rglob("left-behind"))
        await interpreter.end("t")
        await interpreter.end("never was")
        assert not list(tmp_path.rglob("left-behind"))
        assert (await ran(interpreter, "1")).fresh
        for folder in (tmp_path / "root").rglob("*"):
            if folder.is_dir() and folder.parent.name.startswith(("root", "run-")):
                assert folder.stat().st_mode & 0o777 == 0o700
        await interpreter.close()
        assert list((tmp_path / "root").iterdir()) == []
        with pytest.raises(InterpreterUnavailableError, match="closed"):
            await ran(interpreter, "1")

    asyncio.run(ended())


def test_a_spare_session_is_taken_when_there_is_one(tmp_path: Path) -> None:
    interpreter = KernelInterpreter(tmp_path)

    async def taken() -> None:
        interpreter.warm()
        async with asyncio.timeout(HANG):
            while interpreter._sessions is None or interpreter._sessions._spare is None:
                await asyncio.sleep(0.02)
        spare = interpreter._sessions._spare
        cell = await ran(interpreter, "import sys; print('matplotlib' in sys.modules, 'numpy' in globals())")
        assert interpreter._sessions._sessions["t"] is spare
        assert cell.fresh and cell.logs == "True False\n"
        await interpreter.close()

    asyncio.run(taken())


PROGRAM = """
import asyncio, sys, pathlib
from asstream.interpreter.kernels import KernelInterpreter
async def main():
    interpreter = KernelInterpreter(pathlib.Path(sys.argv[1]), sys.argv[2])
    code = "import subprocess; subprocess.Popen(['sleep', '600']); print(1)"
    async for event in interpreter.run("t", code):
        pass
    kernel = interpreter._sessions._sessions["t"]._kernel
    print(*kernel.tree.pids(), flush=True)
    if sys.argv[3] == "stay":
        await asyncio.sleep(60)
asyncio.run(main())
"""


def of_sandboxes(folder: Path) -> list[int]:
    """Processes that have a folder below `folder` mounted, or in their command."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and alive(int(entry.name)) and int(entry.name) != os.getpid():
                seen = (entry / "mountinfo").read_text() + (entry / "cmdline").read_bytes().decode()
                found += [int(entry.name)] if f"{folder}/run-" in seen else []
        except OSError:
            continue
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("choice", ["auto", "none"])
@pytest.mark.parametrize("way", ["leave", "kill"])
def test_nothing_is_left_when_the_process_ends(tmp_path: Path, choice: str, way: str) -> None:
    stay = "stay" if way == "kill" else "go"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), choice, stay], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) >= 2
        if way == "kill":
            process.send_signal(signal.SIGKILL)
        process.wait(HANG)
    # Without a sandbox nothing ends the children of a kernel whose host was killed.
    ended = pids if choice == "auto" or way == "leave" else pids[:1]
    end = time.monotonic() + HANG
    while any(map(alive, ended)) and time.monotonic() < end:
        time.sleep(0.05)
    assert [pid for pid in ended if alive(pid)] == []
    for pid in filter(alive, pids):
        os.kill(pid, signal.SIGKILL)
    # The spare one was just being started.
    while of_sandboxes(tmp_path) and time.monotonic() < end:
        time.sleep(0.05)
    assert of_sandboxes(tmp_path) == []
    if way == "leave":
        assert list(tmp_path.iterdir()) == []


def test_folders_of_the_dead_go_when_the_next_begins_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead = tmp_path / "run-dead"
    (dead / "data-1" / "x").mkdir(parents=True)
    (dead / "lock").touch()
    living, next_one = RunFolder(tmp_path), RunFolder(tmp_path)
    assert not dead.exists() and living.path.exists()
    living.remove()
    next_one.remove()
    assert list(tmp_path.iterdir()) == []


def test_sockets_have_a_short_path_below_any_root(tmp_path: Path) -> None:
    interpreter = KernelInterpreter(tmp_path / ("long" * 30))
    assert run(interpreter, "1").logs == "1\n"
    asyncio.run(interpreter.close())
