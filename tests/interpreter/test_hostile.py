"""Kernels that lie or flood: the host takes nothing that it did not ask for, and stays small."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any

import pytest
from jupyter_client.session import Session

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.outputs import Outputs
from asstream.interpreter.protocol import CellEvent, Limits
from asstream.interpreter.wire import read
from tests.interpreter.cells import run


def framed(content: Any, kind: Any = "stream", key: bytes = b"k") -> list[bytes]:
    session = Session(key=key)
    message = session.msg("stream", {})
    message["header"]["msg_type"] = kind
    message["content"] = json.dumps(content).encode()
    return list(session.serialize(message))


def test_an_honest_message_is_read() -> None:
    message = read(Session(key=b"k"), framed({"text": "a"}))
    assert message is not None and message.kind == "stream" and message.content == {"text": "a"}


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b"x"],
        [b"<IDS|MSG>"],
        [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"],
        framed({"text": "a"}, key=b"other"),
        framed([1]),
        framed("text"),
        framed({}, kind=7),
        framed({"a": [[]] * 500_000}),
    ],
    ids=[
        "none",
        "one",
        "short",
        "unsigned",
        "forged",
        "list",
        "text",
        "no type",
        "all brackets",
    ],
)
def test_what_is_no_message_is_none(frames: list[bytes]) -> None:
    assert read(Session(key=b"k"), frames) is None


@pytest.mark.parametrize(
    "content", [{}, {"text": 7}, {"data": 7}, {"data": {"image/png": 7}}, {"traceback": 7}]
)
@pytest.mark.parametrize("kind", ["stream", "display_data", "error", "execute_result", "never heard of"])
def test_a_content_of_another_shape_says_nothing(kind: str, content: dict[str, Any]) -> None:
    events: list[CellEvent] = []
    outputs = Outputs(events.append, Limits(), "/mnt/data", 1000)
    outputs.take(kind, content)
    outputs.flush()
    assert events == []


def test_a_kernel_without_a_cap_is_cut_by_the_host() -> None:
    events: list[Any] = []
    outputs = Outputs(events.append, Limits(output_kb=1), "/mnt/data", 1000)
    for _ in range(1000):
        outputs.take("stream", {"text": "x" * 1000})
        outputs.flush()
    outputs.end(lost=False)
    text = "".join(event.text for event in events)
    assert len(text) < 4000 and "interpreter.output_kb is 1" in text


FLOODS = {
    "a hundred megabytes printed": "for _ in range(1000): print('x' * 100_000)",
    "messages": "k = get_ipython().kernel\nwhile True: k.session.send(k.iopub_socket, 'x', {'a': 'b'})",
    "signed text": "k = get_ipython().kernel\nfor _ in range(400):"
    " k.session.send(k.iopub_socket, 'stream', {'name': 'stdout', 'text': 'x' * 500_000})",
    "a message too large": "k = get_ipython().kernel\n"
    "k.session.send(k.iopub_socket, 'stream', {'name': 'stdout', 'text': 'x' * (20 << 20)})",
}


@pytest.mark.parametrize("code", FLOODS.values(), ids=FLOODS)
def test_the_session_goes_on_after_a_flood(interpreter: KernelInterpreter, code: str) -> None:
    cell = run(interpreter, code, "flood")
    assert len(cell.logs) < 100_000
    assert run(interpreter, "print(1)", "flood").logs.endswith("1\n")


ENDLESS = """
import os, socket, time
for number in sorted(map(int, os.listdir("/proc/self/fd"))):
    try:
        here = socket.socket(fileno=os.dup(number))
        here.getpeername()
        if here.getsockname().endswith("k-{port}"):
            host = here  # the last of them: a kernel connects to itself first
    except OSError:
        pass
host.setblocking(True)
for _ in range({times}):
    host.sendall({frame})
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("frame", "times"),
    [("b'\\3' + (1 << 20).to_bytes(8, 'big') + bytes(1 << 20)", 400), ("b'\\1\\0' * 10_000", 10_000)],
    ids=["long frames", "empty frames"],
)
@pytest.mark.parametrize("port", [1, 2, 4], ids=["shell", "iopub", "control"])
def test_a_message_without_end_ends_the_process_and_not_the_host(
    interpreter: KernelInterpreter, port: int, frame: str, times: int
) -> None:
    run(interpreter, "1", "endless")
    before = most_memory()
    cell = run(interpreter, ENDLESS.format(port=port, frame=frame, times=times), "endless")
    assert cell.status == "died" and "its connection broke" in cell.logs, cell.logs
    assert most_memory() - before < 64 << 20
    assert run(interpreter, "print('still here')", "endless").logs.endswith("still here\n")


def most_memory() -> int:
    """The most that this process ever had in memory, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_nothing_of_the_kernels_is_imported_before_it_is_needed() -> None:
    code = "import sys, asstream.interpreter.kernels as k, json; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"zmq", "jupyter_client", "ipykernel", "traitlets", "tornado", "IPython"}


@pytest.mark.parametrize("module", ["jupyter_client", "zmq"])
def test_a_missing_extra_is_named_with_its_remedy(tmp_path: Any, module: str) -> None:
    code = (
        "import asyncio, pathlib, sys\n"
        f"sys.modules['{module}'] = None\n"
        "from asstream.interpreter.kernels import KernelInterpreter\n"
        "async def main():\n"
        "    interpreter = KernelInterpreter(pathlib.Path(sys.argv[1]))\n"
        "    interpreter.warm()\n"
        "    async for event in interpreter.run('t', '1'): print(event)\n"
        "asyncio.run(main())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    said = f"InterpreterUnavailableError: the code interpreter is not installed ({module} missing)"
    assert said in done.stderr
    assert "pip install 'asstream[interpreter]' installs it" in done.stderr
