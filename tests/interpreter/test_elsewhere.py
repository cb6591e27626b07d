"""The same behaviour as another user, and where the sandbox mounts nothing: /mnt/data is mapped there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.text import Cleaner, code_for
from tests.interpreter.cells import run
from tests.interpreter.sandbox.host import ROOT

USER = 3_000_000
TESTS = ("test_files.py", "test_limits.py")
CHOSEN = "input_file or comes_out or a_loop or GIL or catching or many_processes or named or disk or exit"


@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("user", [USER, 0], ids=["a user", "as we are"])
def test_it_is_the_same(sandbox: str, user: int) -> None:
    if user and os.geteuid() != 0:
        pytest.skip("only root can be another user")
    if sandbox == "bubblewrap" and not user:
        pytest.skip("is what all other tests run in")
    with tempfile.TemporaryDirectory(prefix="asstream-") as folder:
        Path(folder).chmod(0o711)
        if user:
            os.chown(folder, user, user)
        command = [
            sys.executable,
            "-m",
            "tests.interpreter.elsewhere",
            str(user),
            folder,
            sandbox,
            "-k",
            CHOSEN,
        ]
        done = subprocess.run(
            [*command, *(str(Path(__file__).with_name(name)) for name in TESTS)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


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
