"""The same behaviour as another user, and where the sandbox mounts nothing: /mnt/data is mapped there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.text import Cleaner, code_for
from tests.interpreter.cells import run
from tests.interpreter.sandbox.host import ROOT

USER = 3_000_000
TESTS = ("test_files.py", "test_hidden.py", "test_hostile.py", "test_limits.py", "test_output.py")
BASIC = ("under_its_name", "ended_comes_out[exit]", "data_that", "lives_on and last", "child_processes")
HIDDEN = (
    *(
        "memory_counts and (shared or tables or buffers)",
        "a_hidden_file and (mapped or socket)",
        "let_go and page",
    ),
    *("ordinary", "that_is_hidden_is"),
)
CHOSEN = {
    (USER, "bubblewrap", "basic"): (*BASIC, "does_not_end and loop", "many_processes"),
    (USER, "bubblewrap", "hidden"): HIDDEN,
    (USER, "landlock", ""): (
        *BASIC,
        "memory_counts and (shared or buffers)",
        "lets_nothing and flush",
        "in_the_home",
    ),
    (0, "landlock", ""): (*BASIC, "only_what", "in_the_home"),
}
"""What may be different there, one of each kind: a session for each takes a second."""


@pytest.fixture(scope="module")
def started() -> Iterator[dict[tuple[int, str, str], subprocess.Popen[str]]]:
    """All of them at once: they wait more than they work."""
    with contextlib.ExitStack() as stack:
        processes = {}
        for (user, sandbox, part), chosen in CHOSEN.items():
            if user and os.geteuid() != 0:
                continue
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="asstream-"))
            Path(folder).chmod(0o711)
            if user:
                os.chown(folder, user, user)
            tests = [str(Path(__file__).with_name(name)) for name in TESTS]
            command = [sys.executable, "-m", "tests.interpreter.elsewhere", str(user), folder, sandbox]
            processes[user, sandbox, part] = stack.enter_context(
                subprocess.Popen(
                    [*command, "-k", " or ".join(chosen), *tests],
                    cwd=ROOT,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        yield processes


@pytest.mark.timeout(400)  # the tests of several files, each with kernels of its own
@pytest.mark.parametrize(("user", "sandbox", "part"), CHOSEN)
def test_it_is_the_same(
    started: dict[tuple[int, str, str], subprocess.Popen[str]], user: int, sandbox: str, part: str
) -> None:
    if user and os.geteuid() != 0:
        pytest.skip("only root can be another user")
    said, _ = started[user, sandbox, part].communicate()
    assert started[user, sandbox, part].returncode == 0, said


def test_without_mounts_the_data_folder_has_its_name_in_code_and_output(tmp_path: Path) -> None:
    interpreter = KernelInterpreter(tmp_path, "none")
    code = (
        "import os\nopen('/mnt/data/a', 'w').write('1')\nprint(os.getcwd(), os.listdir('/mnt/data'), end='')"
    )
    cell = run(interpreter, code)
    assert cell.logs == "/mnt/data ['a']" and cell.files == {"a": b"1"}
    asyncio.run(interpreter.close())


def test_a_name_in_pieces_is_still_mapped() -> None:
    for cut in range(1, 12):
        cleaner = Cleaner("/h/data-123")
        whole = "x/h/data-123/a /h/data-12"
        assert cleaner.feed(whole[:cut]) + cleaner.feed(whole[cut:]) + cleaner.flush() == (
            "x/mnt/data/a /h/data-12"
        )
    assert code_for("'/mnt/data/a' '/mnt/database'", "/h") == "'/h/a' '/mnt/database'"
