"""Files in and out of /mnt/data, with code that does to them what it likes."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from asstream.interpreter import session
from asstream.interpreter.data import DataFolder, printable
from asstream.interpreter.folders import remove_tree
from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import CellEvent, InputFile, Logs, ProducedFile, safe_name
from asstream.interpreter.watchdog import Watchdog
from tests.interpreter.cells import HANG, Cell, run


@pytest.fixture
def table(tmp_path: Path) -> InputFile:
    path = tmp_path / "stored"
    path.write_text("a,b\n1,2\n")
    return InputFile("file-1", "table.csv", path)


def test_an_input_file_is_there_under_its_name_and_its_id(
    interpreter: KernelInterpreter, table: InputFile
) -> None:
    code = "print(open('/mnt/data/table.csv').read() == open('/mnt/data/file-1').read() == 'a,b\\n1,2\\n')"
    cell = run(interpreter, code, "input", [table])
    assert cell.logs == "True\n"
    assert not cell.files


def test_a_file_that_code_changed_is_not_put_back_and_comes_out(
    interpreter: KernelInterpreter, table: InputFile
) -> None:
    changed = run(interpreter, "open('/mnt/data/table.csv', 'a').write('3,4\\n');", "change", [table])
    assert changed.files == {"table.csv": b"a,b\n1,2\n3,4\n"}
    again = run(interpreter, "print(open('/mnt/data/file-1').read())", "change", [table])
    assert "3,4" in again.logs and not again.files
    assert table.path.read_text() == "a,b\n1,2\n"


def test_two_files_of_one_name_are_two_files(interpreter: KernelInterpreter, tmp_path: Path) -> None:
    files = []
    for number in (1, 2):
        (tmp_path / str(number)).write_text(str(number))
        files.append(InputFile(f"file-{number}", "same.txt", tmp_path / str(number)))
    cell = run(interpreter, "import os; print(sorted(os.listdir()), open('file-2').read())", "same", files)
    assert cell.logs == "['file-1', 'file-2', 'same (2).txt', 'same.txt'] 2\n"


@pytest.mark.parametrize("change", ["", "open('same.txt', 'w').write('changed');"])
def test_a_newer_file_has_the_name_in_a_session_that_goes_on(
    interpreter: KernelInterpreter, tmp_path: Path, change: str
) -> None:
    (tmp_path / "1").write_text("one")
    (tmp_path / "2").write_text("two")
    first = InputFile("file-1", "same.txt", tmp_path / "1")
    run(interpreter, change, f"newer {change}", [first])
    older = InputFile("file-1", "file-1", tmp_path / "1")
    made = InputFile("file-3", "same.txt", tmp_path / "2", made=True)
    cell = run(interpreter, "print(open('same.txt').read())", f"newer {change}", [older, made])
    assert cell.logs == ("changed\n" if change else "one\n")
    files = [older, InputFile("file-2", "same.txt", tmp_path / "2")]
    look = "import os; print([(name, open(name).read()) for name in sorted(os.listdir())])"
    for _ in range(2):
        cell = run(interpreter, look, f"newer {change}", files)
        old = "changed" if change else "one"
        assert cell.logs == f"{[('file-1', old), ('file-2', 'two'), ('same.txt', 'two')]}\n"
        assert not cell.files


def test_a_newer_file_has_the_name_of_one_that_earlier_code_made(
    interpreter: KernelInterpreter, tmp_path: Path
) -> None:
    (tmp_path / "1").write_text("one")
    (tmp_path / "2").write_text("two")
    run(interpreter, "", "newer than made", [InputFile("file-1", "same.txt", tmp_path / "1", made=True)])
    look = "import os; print([(name, open(name).read()) for name in sorted(os.listdir())])"
    cell = run(interpreter, look, "newer than made", [InputFile("file-2", "same.txt", tmp_path / "2")])
    assert cell.logs == f"{[('file-1', 'one'), ('file-2', 'two'), ('same.txt', 'two')]}\n"
    assert not cell.files


def test_an_attached_file_has_its_name_where_code_had_it_and_what_had_it_comes_out_anew(
    interpreter: KernelInterpreter, table: InputFile
) -> None:
    make = "import os; os.mkdir('sub'); open('sub/x', 'w').write('x'); open('table.csv', 'w').write('made');"
    run(interpreter, make, "taken")
    folder = InputFile("file-2", "sub", table.path)
    cell = run(interpreter, "print(sorted(os.listdir()), open('file-1').read(3))", "taken", [table, folder])
    first, second, third = cell.logs.splitlines()
    assert first == "[sub is now the file that was attached; what had this name before is sub (2)]"
    assert second.endswith("what had this name before is table (2).csv]")
    assert third == "['file-1', 'file-2', 'sub', 'sub (2)', 'table (2).csv', 'table.csv'] a,b"
    assert cell.files == {"sub (2)/x": b"x", "table (2).csv": b"made"}
    assert cell.removed == ["sub/x"]
    again = run(interpreter, "print(open('table.csv').read(3))", "taken", [table, folder])
    assert (again.logs, again.files, again.removed) == ("a,b\n", {}, [])


def test_what_code_removed_is_said_and_stays_removed(
    interpreter: KernelInterpreter, table: InputFile, tmp_path: Path
) -> None:
    made = InputFile("file-2", "sub/made.txt", table.path, made=True)
    other = InputFile("file-3", "a\u202fb.txt", table.path)
    files = [table, made, other]
    cell = run(interpreter, "import os; open('temporary', 'w').write('1');", "removes", files)
    assert (list(cell.files), cell.removed) == (["temporary"], [])
    remove = "[os.remove(name) for name in ('table.csv', 'sub/made.txt', 'a\u202fb.txt', 'temporary')];"
    cell = run(interpreter, remove, "removes", files)
    assert cell.removed == ["a%u202fb.txt", "sub/made.txt", "table.csv", "temporary"]
    cell = run(
        interpreter,
        "print(sorted(os.listdir()), [os.path.exists(f'file-{n}') for n in (1, 2, 3)])",
        "removes",
        files,
    )
    assert cell.logs == "['file-1', 'file-2', 'file-3', 'sub'] [False, False, False]\n"
    assert not cell.removed
    newer = InputFile("file-4", "table.csv", table.path)
    cell = run(interpreter, "print(open('table.csv').read(3), os.listdir('sub'))", "removes", [made, newer])
    assert cell.logs == "a,b []\n"


def test_what_code_renamed_is_gone_under_its_old_name(interpreter: KernelInterpreter) -> None:
    run(interpreter, "open('old', 'w').write('1');", "renames")
    cell = run(interpreter, "import os; os.rename('old', 'new')", "renames")
    assert (cell.files, cell.removed) == ({"new": b"1"}, ["old"])


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..", "file__"),
        ("", "file"),
        ("a\x00b\n.csv", "a_b_.csv"),
        ("C:\\data\\x.csv", "x.csv"),
        ("täble 1.csv", "täble 1.csv"),
        ("\udc80.csv", "_.csv"),
    ],
)
def test_no_name_of_a_client_is_a_path(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_suffix() -> None:
    name = safe_name("ä" * 500 + ".csv")
    assert len(name.encode()) <= 200 and name.endswith(".csv")


def test_a_file_that_is_missing_on_the_host_is_said_to_be(
    interpreter: KernelInterpreter, tmp_path: Path
) -> None:
    cell = run(interpreter, "1", "missing", [InputFile("f", "lost.csv", tmp_path / "none")])
    assert cell.status == "ok" and "lost.csv is not in /mnt/data" in cell.logs


def test_a_file_that_is_touched_is_named_and_there(interpreter: KernelInterpreter) -> None:
    code = (
        "import pathlib, shutil\n"
        "pathlib.Path('touched').touch(); pathlib.Path('touched').touch()\n"
        "shutil.copy2('touched', 'copied'); print(sorted(map(str, pathlib.Path('.').iterdir())))"
    )
    cell = run(interpreter, code, "touched")
    assert cell.logs == "['copied', 'touched']\n"


def test_new_and_changed_files_come_out_once(interpreter: KernelInterpreter) -> None:
    code = (
        "import os\nos.makedirs('a/b')\n"
        "open('a/b/c.txt', 'w').write('deep')\nopen('top.bin', 'wb').write(b'\\0');"
    )
    assert run(interpreter, code, "out").files == {"a/b/c.txt": b"deep", "top.bin": b"\0"}
    assert run(interpreter, "1", "out").files == {}
    assert run(interpreter, "open('top.bin', 'wb').write(b'11');", "out").files == {"top.bin": b"11"}


def test_only_what_is_a_file_comes_out(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, socket\n"
        "os.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'folder'); os.symlink('.', 'loop')\n"
        "os.mkfifo('pipe')\n"
        "socket.socket(socket.AF_UNIX).bind('socket')\n"
        "open('run.sh', 'w').write('#!'); os.chmod('run.sh', 0o6777)"
    )
    cell = run(interpreter, code + ";", "special")
    assert cell.files == {"run.sh": b"#!"}, cell.logs


def test_a_copy_is_private_and_goes_when_the_next_event_is_asked_for(interpreter: KernelInterpreter) -> None:
    async def looked() -> list[Path]:
        paths = []
        async for event in interpreter.run(
            "private", "open('a', 'w').write('a'); open('b', 'w').write('b');"
        ):
            assert not any(path.exists() for path in paths)
            if isinstance(event, ProducedFile):
                assert event.path.stat().st_mode & 0o7777 == 0o600
                assert event.size == event.path.stat().st_size == 1
                paths.append(event.path)
        return paths

    paths = asyncio.run(looked())
    assert len(paths) == 2 and not any(path.exists() for path in paths)


def test_names_come_out_as_text_that_can_be_shown(interpreter: KernelInterpreter) -> None:
    code = "for name in (b'\\x80', b'\\x1b[31m', 'ä b'.encode()): open(b'/mnt/data/' + name, 'w').write('x')"
    names = set(run(interpreter, code, "names").files)
    assert names == {"%udc80", "%x1b[31m", "ä b"}
    for name in names:
        name.encode()
    assert printable("a\u202eb") == "a%u202eb"


def test_more_files_than_are_taken_are_counted(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "for n in range(150): open(f'{n}', 'w').write('x')", "count")
    assert len(cell.files) == 100 and "50 more files" in cell.logs


def test_a_folder_closed_to_its_owner_and_nested_without_end_can_be_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    here = os.open(root, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deeper", dir_fd=here)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    (root / "closed").mkdir()
    (root / "closed" / "file").touch()
    (root / "closed").chmod(0)
    (tmp_path / "kept").touch()
    (root / "link").symlink_to(tmp_path)
    remove_tree(root)
    assert not root.exists() and (tmp_path / "kept").exists()


def test_a_link_put_on_the_way_to_a_file_leads_nowhere(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    (data.path / "a").mkdir(parents=True)
    (data.path / "a" / "passwd").write_text("mine")
    assert data.changed() == (["a/passwd"], 0, [])
    (data.path / "a").rename(data.path / "b")
    (data.path / "a").symlink_to("/etc")
    assert data.copy_out("a/passwd", tmp_path / "copy", 1000) is None
    assert data.copy_out("b/passwd", tmp_path / "copy", 1000) == 4
    assert data.copy_out("b/passwd", tmp_path / "copy 2", 3) is None


def test_files_full_of_holes_are_not_copied_without_end_and_it_is_said(
    interpreter: KernelInterpreter,
) -> None:
    code = "for n in range(6):\n with open(f'/mnt/data/{n}', 'wb') as file: file.truncate(20 << 20)"
    cell = run(interpreter, code, "holes")
    assert len(cell.files) == 3  # of 20 MiB each, where 64 may be kept
    assert "3 more files were made or changed" in cell.logs


def interrupted(interpreter: KernelInterpreter, thread: str, code: str) -> Cell:
    """What is collected of a cell that is closed once it has printed something."""

    async def closed() -> Cell:
        async with aclosing(interpreter.run(thread, code)) as events:
            async for event in events:
                if isinstance(event, Logs):
                    break
        cell = Cell()
        async with asyncio.timeout(HANG):
            async for event in interpreter.collect(thread):
                cell.events.append(event)
                if isinstance(event, ProducedFile):
                    cell.files[event.name] = event.path.read_bytes()
        return cell

    return asyncio.run(closed())


STUBBORN = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"


@pytest.mark.parametrize("waits", ["while True: pass", STUBBORN], ids=["stopped", "killed"])
def test_what_an_interrupted_cell_made_can_be_collected(interpreter: KernelInterpreter, waits: str) -> None:
    thread = f"collected {len(waits)}"
    run(interpreter, "_ = open('before', 'w').write('1'); _ = open('old', 'w').write('1')", thread)
    code = (
        f"import os; os.remove('before')\n_ = open('old', 'a').write('2')\n"
        f"with open('new', 'w') as file: _ = file.write('content')\nprint('on')\n{waits}"
    )
    cell = interrupted(interpreter, thread, code)
    assert (cell.files, cell.removed, cell.logs) == ({"new": b"content", "old": b"12"}, ["before"], "")
    after = run(interpreter, "import os; print(sorted(os.listdir()))", thread)
    assert after.logs.endswith("['new', 'old']\n")
    assert (after.files, after.removed) == ({}, [])


def test_of_an_interrupted_cell_no_more_is_collected_than_is_quick_and_the_rest_comes_next(
    interpreter: KernelInterpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_COLLECT_BYTES", 5)
    code = "for n in (1, 2): _ = open(f'{n}', 'w').write('1234')\nprint('on')\nimport time; time.sleep(60)"
    cell = interrupted(interpreter, "quick", code)
    assert cell.files == {"1": b"1234"} and "1 more files" in cell.logs
    assert run(interpreter, "1", "quick").files == {"2": b"1234"}
    monkeypatch.setattr(session, "_COLLECT_SECONDS", 0.0)
    assert interrupted(interpreter, "quick", code).files == {}
    assert run(interpreter, "1", "quick").files == {"1": b"1234", "2": b"1234"}


def test_an_interrupted_cell_past_the_disk_is_ended_before_its_files_count(
    interpreter: KernelInterpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watchdog, "_reached", lambda *_: "")  # it looks every 0.1 s: it may come later
    code = "for n in range(9):\n with open(f'{n}', 'wb') as file: _ = file.write(b'x' * (8 << 20))"
    cell = interrupted(interpreter, "filled", f"{code}\nprint('on')\nimport time; time.sleep(60)")
    assert not cell.files and "interpreter.disk_mb is 64" in cell.logs


def test_files_that_nobody_took_come_with_the_next_cell(interpreter: KernelInterpreter) -> None:
    async def closed() -> list[str]:
        run_once = interpreter.run("untaken", "for n in (1, 2, 3): _ = open(f'{n}', 'w').write('x')")
        names = []
        async with aclosing(run_once) as events:
            async for event in events:
                if isinstance(event, ProducedFile):
                    names.append(event.name)
                if len(names) == 2:  # taken is what was asked past
                    break
        return names

    assert asyncio.run(closed()) == ["1", "2"]
    assert list(run(interpreter, "1", "untaken").files) == ["2", "3"]


def test_nothing_is_collected_where_there_is_no_session(interpreter: KernelInterpreter) -> None:
    async def collected() -> list[CellEvent]:
        return [event async for event in interpreter.collect("never was")]

    assert asyncio.run(collected()) == []


MADE = "with open('made', 'w') as file: _ = file.write('content')\n"
TOO_MUCH_MEMORY = (
    "import os, time\nfor _ in range(6):\n"
    "    if os.fork() == 0: big = bytearray(b'x') * (200 << 20); time.sleep(60)\n"
    "time.sleep(60)"
)


@pytest.mark.parametrize(
    "ends",
    ["exit()", "import os; os.kill(os.getpid(), 9)", TOO_MUCH_MEMORY],
    ids=["exit", "SIGKILL", "memory"],
)
def test_what_a_cell_made_whose_process_ended_comes_out(interpreter: KernelInterpreter, ends: str) -> None:
    cell = run(interpreter, MADE + ends, ends)
    assert (cell.status, cell.files) == ("died", {"made": b"content"})
    assert run(interpreter, "print(open('made').read())", ends).logs.endswith("]\ncontent\n")


def test_what_a_cell_made_that_ran_too_long_comes_out(short: KernelInterpreter) -> None:
    cell = run(short, f"{MADE}import time; time.sleep(60)")
    assert (cell.status, cell.files) == ("timeout", {"made": b"content"})
    assert run(short, "print(open('made').read())").logs == "content\n"
