"""What a cell says reaches its reader as it is said: clean, in order, no more than was asked for."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from contextlib import aclosing

import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import CellEnd, CellStart, Image, Logs
from tests.interpreter.cells import ran, run
from tests.interpreter.conftest import SMALL


def test_a_cell_starts_says_and_ends(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "print('hello')\n1 + 1", "plain")
    assert isinstance(cell.events[0], CellStart) and cell.fresh
    assert cell.logs == "hello\n2\n"
    assert cell.status == "ok"
    assert [event for event in cell.events if isinstance(event, CellEnd)] == cell.events[-1:]
    assert not run(interpreter, "1", "plain").fresh


def test_a_result_stands_on_a_line_of_its_own(interpreter: KernelInterpreter) -> None:
    assert run(interpreter, "print('a', end='')\n'b'", "lines").logs == "a\n'b'\n"


def test_an_error_is_a_traceback_without_colours(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "print('a')\n1/0", "error")
    assert cell.status == "error"
    assert cell.logs.startswith("a\n---") and cell.logs.endswith("ZeroDivisionError: division by zero\n")
    assert "\x1b" not in cell.logs


def test_a_message_of_an_exception_as_long_as_memory_is_cut(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "raise ValueError('x' * (20 << 20))", "long error")
    assert cell.status == "error"
    assert len(cell.logs) < 70 * 1024 and "interpreter.output_kb is 64" in cell.logs


def test_logs_come_while_the_cell_runs(interpreter: KernelInterpreter) -> None:
    async def two_steps() -> list[str]:
        code = "import os, time\nprint('one')\nwhile not os.path.exists('/mnt/data/go.txt'): time.sleep(0.01)"
        seen = []
        async for event in interpreter.run("live", code):
            if isinstance(event, Logs):
                seen.append(event.text)
                # The cell only ends when it is stopped: what was printed came before its end.
                break
        return seen

    assert "".join(asyncio.run(two_steps())).startswith("one")


@pytest.mark.parametrize("said", ["print('before')", "print('before', end='', flush=True)"])
def test_what_was_printed_comes_before_code_that_lets_nothing_else_run(
    interpreter: KernelInterpreter, said: str
) -> None:
    async def first_words() -> str:
        await ran(interpreter, "import re", "held")
        code = f"{said}\nre.match(r'(a+)+$', 'a' * 40 + 'b')"
        # Long before the cell's own time is over: when that stops it, the text comes in any case.
        async with asyncio.timeout(SMALL.seconds / 2), aclosing(interpreter.run("held", code)) as events:
            async for event in events:
                if isinstance(event, Logs):
                    return event.text
        return ""

    assert asyncio.run(first_words()).strip() == "before"


def test_text_that_waited_once_does_not_make_all_later_text_wait(interpreter: KernelInterpreter) -> None:
    code = (
        "import time\nprint(); time.sleep(0.005); print()\n"
        "for _ in range(20): time.sleep(0.03); print(time.monotonic())"
    )

    async def lateness() -> list[float]:
        late = []
        async for event in interpreter.run("waited", code):
            if isinstance(event, Logs):
                now = time.monotonic()
                late += [now - float(word) for word in event.text.split()]
        return late

    assert min(asyncio.run(lateness())[10:-1]) < 0.015  # the last goes with the end


def test_the_last_words_of_a_process_that_is_killed_come(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "import os\nprint('last words')\nos.kill(os.getpid(), 9)", "killed")
    assert cell.status == "died"
    assert cell.logs.startswith("last words\n")


def test_all_output_of_many_short_cells_comes(interpreter: KernelInterpreter) -> None:
    for number in range(60):
        assert run(interpreter, f"print({number})", "many").logs == f"{number}\n"


def test_everything_printed_in_order_comes_in_order(interpreter: KernelInterpreter) -> None:
    code = (
        "import sys, subprocess\n"
        "print(1); print(2, file=sys.stderr); print(3)\n"
        "from IPython.display import display\n"
        "display(4); print(5, flush=True); display('6')"
    )
    assert run(interpreter, code, "order").logs == "1\n2\n3\n4\n5\n'6'\n"


def test_output_of_child_processes_is_output_of_the_cell(interpreter: KernelInterpreter) -> None:
    code = (
        "import os, subprocess, multiprocessing\n"
        "subprocess.run(['echo', 'child']); os.write(1, 'ä\\n'.encode())\n"
        "p = multiprocessing.get_context('fork').Process(target=print, args=('fork',)); p.start(); p.join()\n"
        "os.system('echo shell >&2')"
    )
    assert run(interpreter, code + ";", "children").logs == "child\nä\nfork\nshell\n"


def test_fifty_thousand_flushed_prints_all_come(long_output: KernelInterpreter) -> None:
    cell = run(long_output, "for n in range(50_000): print(n, flush=True)")
    assert cell.logs == "".join(f"{n}\n" for n in range(50_000))


def test_the_middle_of_long_output_is_cut_and_its_end_comes(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "for n in range(100_000): print(n)", "long")
    head, _, rest = cell.logs.partition("\n[…")
    note, _, tail = rest.partition("]\n")
    whole = "".join(f"{n}\n" for n in range(100_000))
    assert "interpreter.output_kb is 64" in note
    assert len(head) == len(tail) == 32 * 1024
    assert whole.startswith(head) and whole.endswith(tail)
    assert f"{len(whole) - len(head) - len(tail):,} characters" in note


def test_the_traceback_is_not_what_is_cut(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "for n in range(100_000): print(n)\n1/0", "long and wrong")
    assert cell.logs.endswith("ZeroDivisionError: division by zero\n") and cell.status == "error"


def test_a_process_that_dies_in_a_flood_says_that_output_is_missing(interpreter: KernelInterpreter) -> None:
    cell = run(
        interpreter,
        "import os, signal\nfor n in range(100_000): print(n)\nos.kill(os.getpid(), 9)",
        "flood dies",
    )
    assert cell.status == "died"
    assert "the end of the output was lost" in cell.logs or "100,000" in cell.logs


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\\x1b[31mred\\x1b[0m", "red"),
        ("\\x1b]52;c;aGk=\\x07x", "x"),
        ("a\\rb\\r\\nc", "a\rb\nc"),
        ("\\r\\r1%\\r\\x1b[2K2%\\r\\r", "\r1%\r2%"),
        ("\\x00\\x08\\x7f\\x9b1mx", "x"),
        ("a\\u202eb", "ab"),
        ("\\ud800x", "\ufffdx"),
    ],
)
def test_output_holds_nothing_that_could_move_a_terminal(
    interpreter: KernelInterpreter, printed: str, shown: str
) -> None:
    assert run(interpreter, f"print('{printed}')", "clean").logs == f"{shown}\n"


def test_a_sequence_cut_in_two_is_still_one(interpreter: KernelInterpreter) -> None:
    code = "import time\nprint('a\\x1b', end=''); time.sleep(0.1); print('[31mb')"
    assert run(interpreter, code, "two halves").logs == "ab\n"


def test_figures_are_shown_as_png(interpreter: KernelInterpreter) -> None:
    pytest.importorskip("matplotlib")
    cell = run(
        interpreter,
        "import matplotlib.pyplot as plt\nprint('before')\nplt.plot([1, 2]); plt.show()\nprint('after')",
        "figure",
    )
    assert [image.format for image in cell.images] == ["png"]
    assert cell.images[0].data.startswith(b"\x89PNG")
    kinds = [type(event).__name__ for event in cell.events]
    assert kinds.index("Image") > kinds.index("Logs")
    assert cell.logs == "before\nafter\n"


def test_text_and_figures_come_in_the_order_in_which_they_were_made(interpreter: KernelInterpreter) -> None:
    figure = b64encode(b"\x89PNG\r\n\x1a\n").decode()
    code = (
        "from IPython.display import publish_display_data as show\n"
        "for n in range(20):\n"
        f"    print('before', n); show({{'image/png': '{figure}'}}); print('after', n)"
    )
    events = run(interpreter, code, "by turns").events
    said = [
        "*" if isinstance(event, Image) else event.text for event in events if isinstance(event, Logs | Image)
    ]
    assert "".join(said) == "".join(f"before {n}\n*after {n}\n" for n in range(20))


def test_a_figure_left_open_is_shown_at_the_end(interpreter: KernelInterpreter) -> None:
    pytest.importorskip("matplotlib")
    assert len(run(interpreter, "import matplotlib.pyplot as p; p.plot([1]);", "figure").images) == 1


def test_html_is_not_shown_but_its_text_is(interpreter: KernelInterpreter) -> None:
    code = "class A:\n def _repr_html_(self): return '<script>'\n def __repr__(self): return 'text'\nA()"
    assert run(interpreter, code, "html").logs == "text\n"


def test_an_image_that_is_none_or_too_large_is_not_shown(interpreter: KernelInterpreter) -> None:
    code = "from IPython.display import publish_display_data as show\nshow({'image/png': %s})"
    lying = run(interpreter, code % "'aGVsbG8='", "lying")
    assert not lying.images and "not shown" in lying.logs
    large = run(interpreter, code % "'A' * (8 << 20)", "lying")
    assert not large.images and "larger than 4 MiB" in large.logs
    assert run(interpreter, "1", "lying").logs == "1\n"


def test_nobody_answers_input(interpreter: KernelInterpreter) -> None:
    for code in ("input('name? ')", "import getpass; getpass.getpass()"):
        cell = run(interpreter, code, "input")
        assert cell.status == "error" and "input() is not available here" in cell.logs


def test_nothing_is_left_in_the_home(interpreter: KernelInterpreter) -> None:
    cell = run(interpreter, "get_ipython().history_manager.enabled", "history")
    assert cell.logs == "False\n"
