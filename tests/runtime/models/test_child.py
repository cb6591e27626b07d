"""The child process of a model file, with a stand-in for the engine that never ends by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from asstream.runtime.models import child

ENGINE = """
import threading
from types import SimpleNamespace

def CommonParams():
    space = SimpleNamespace
    return space(model=space(), cpuparams=None, cpuparams_batch=None, sampling=space())

class Server:
    listening_address = "http://127.0.0.1:1"

    def __init__(self, params):
        print("loading", flush=True)
        threading.Thread(target=threading.Event().wait).start()
"""
SETTINGS = (
    '{"model": "m", "alias": "m", "api_key": "k", "n_ctx": 1, "slots": 1, "threads": 0, '
    '"small_cache": false, "load_seconds": 60}\n'
)


def test_a_child_whose_parent_went_while_it_loaded_ends(tmp_path: Path) -> None:
    (tmp_path / "xllamacpp.py").write_text(ENGINE)
    process = subprocess.Popen(
        [sys.executable, "-P", str(child.__file__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdout.close()
        process.stdin.write(SETTINGS.encode())
        process.stdin.close()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
