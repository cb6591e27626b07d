"""Tests of this folder run as another user, or in another sandbox: `elsewhere USER FOLDER SANDBOX TEST…`.

USER is the uid to be (0: stay), FOLDER is theirs, SANDBOX one of `sandbox.host.sandboxes`.
"""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

import pytest

from asstream.interpreter import kernels
from tests.interpreter.sandbox.host import ROOT, become, sandboxes, uncover


def main(user: int, folder: str, sandbox: str, tests: list[str]) -> int:
    if os.geteuid() == 0:
        trees = {ROOT, Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())}
        uncover(sorted(trees))
        os.chdir(ROOT)
        if user:
            become(user)
    os.environ["HOME"] = folder
    kernels.choose = lambda choice: sandboxes()[sandbox]  # type: ignore[assignment]
    return pytest.main(["-q", "-x", "-p", "no:cacheprovider", f"--basetemp={folder}/tests", *tests])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
