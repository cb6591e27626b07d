"""What a process said before its death is there for the host, whatever became of the messages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.last_words import NAME, Reader, Words, ring_bytes
from tests.interpreter.cells import run

HELD_BACK = """import os, sys, time
sys.stdout.pub_thread.schedule(lambda: time.sleep(60))
print('lost ', end='', flush=True); print('on the way'); sys.stdout.write('half a line')
os.kill(os.getpid(), 9)"""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path, 1)
    yield reader
    reader.close()


def test_what_the_sending_thread_had_not_sent_comes_once(interpreter: KernelInterpreter) -> None:
    run(interpreter, "print('before')", "held back")
    cell = run(interpreter, f"print('heard')\nimport time; time.sleep(0.3)\n{HELD_BACK}", "held back")
    assert cell.status == "died"
    assert cell.logs.startswith("heard\nlost on the way\nhalf a line\n[the process was ended by SIGKILL")
    assert run(interpreter, "print('after')", "held back").logs.endswith("]\nafter\n")


def test_what_was_heard_does_not_come_again(interpreter: KernelInterpreter) -> None:
    code = "print('a' * 3000)\nimport os, time; time.sleep(0.5); os.kill(os.getpid(), 9)"
    assert run(interpreter, code, "heard").logs.count("a" * 3000) == 1


def test_a_fork_says_nothing_in_its_parents_name(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, sys, time\nprint('parent'); time.sleep(0.3)\n"
        "if not os.fork():\n    sys.stdout.output.write_block('fork'); os._exit(0)\n"
        "os.wait(); os.kill(os.getpid(), 9)"
    )
    assert run(interpreter, code, "fork's words").logs.startswith("parent\n[the process was ended")


@pytest.mark.parametrize("done", ["os.truncate(path, 0)", "open(path, 'r+b').write(b'\\xff' * 5000)"])
def test_a_process_that_spoils_the_file_harms_itself_alone(interpreter: KernelInterpreter, done: str) -> None:
    path = (
        "path = next(p for p in ('/run/k/words', *glob.glob(sys.argv[-1] + '/words')) if os.path.exists(p))"
    )
    code = f"import glob, os, sys\n{path}\n{done}\nprint('on')\nos.kill(os.getpid(), 9)"
    cell = run(interpreter, code, done)
    assert cell.status == "died" and len(cell.logs) < 100_000
    assert run(interpreter, "print(1)", done).logs.endswith("]\n1\n")


def test_a_text_is_read_from_where_it_was_heard(tmp_path: Path, reader: Reader) -> None:
    words = Words(tmp_path / NAME)
    words.say("of the cell before")
    words.begin()
    assert reader.unheard(0) == ""
    words.say("one ")
    words.say("two")
    begun = len("of the cell before")
    assert [reader.unheard(heard) for heard in (0, begun + 4, begun + 7, begun + 99)] == [
        "one two",
        "two",
        "",
        "",
    ]


@pytest.mark.parametrize("sizes", [[1000, 30], [1024, 1], [700, 700, 700], [5000], [10, 3000, 5]])
def test_of_a_long_text_the_end_is_there(tmp_path: Path, reader: Reader, sizes: list[int]) -> None:
    words, said = Words(tmp_path / NAME), ""
    for number, size in enumerate(sizes):
        piece = (chr(ord("a") + number) + "0123456789" * (size // 10 + 1))[:size]
        words.say(piece)
        said += piece
    assert reader.unheard(0) == said[-ring_bytes(1) :]


@pytest.mark.parametrize("content", [b"", b"\xff" * 16, b"\xff" * 1040, b"\x05" + bytes(1039), bytes(9000)])
def test_whatever_is_in_the_file_it_is_read_within_bounds(
    tmp_path: Path, reader: Reader, content: bytes
) -> None:
    os.truncate(tmp_path / NAME, 0)
    with (tmp_path / NAME).open("r+b") as file:
        file.write(content)
    assert all(len(reader.unheard(heard)) <= ring_bytes(1) for heard in (0, 3, -5, 2**70))


def test_a_name_that_leads_elsewhere_is_not_followed(tmp_path: Path, reader: Reader) -> None:
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).symlink_to("/etc/passwd")
    assert reader.unheard(0) == ""
