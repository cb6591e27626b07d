"""The child process that serves a model file: start it, know that it is ready, end it. Knows no async.

It can't outlive this process: it ends when its standard input does, and the system closes that however we
end.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from asstream.errors import ConfigError
from asstream.runtime.models.catalog import DEFAULT_NAME, Installed, broken, check, check_whole, writing
from asstream.runtime.models.endpoint import ModelEndpoint, printable
from asstream.runtime.models.gguf import GgufHead, NotGgufError, read_head
from asstream.runtime.models.protocol import ModelError
from asstream.runtime.models.told import as_models

LOCAL_EXTRA = "pip install 'asstream[local]'"
_WINDOW = 8_192
"""Tokens in view at most: SmolLM2's own window. More costs memory at the start, used or not."""
_SMALLEST_WINDOW = 1_024
_SLOTS = 2
"""Requests answered at once; the others wait their turn."""
_MOST_THREADS = 8
_LOAD_SECONDS = 60.0
_LOAD_BYTES_A_SECOND = 30e6
_LOG_TAIL = 600
_OLD_LOG_SECONDS = 7 * 86_400


@dataclass(frozen=True)
class Plan:
    """How a model is served.

    Attributes:
        window: tokens that a prompt and its reply may have together.
        slots: requests answered at once, each with a window of its own.
        small_cache: whether keys and values are kept in 8 bits instead of 16.
        load_seconds: how long loading may take.
    """

    window: int
    slots: int
    threads: int
    small_cache: bool
    load_seconds: float


def plan(head: GgufHead, name: str, size: int, cores: int, free_memory: int | None) -> Plan:
    """Choose how to serve a model: as much window as it was trained for, as 8,192 tokens and as memory allow.

    One core is left to everybody else: llama.cpp's threads wait for each other by spinning, and with a
    busy program on one of their cores two threads came to 15 tokens/s where one alone makes 75 (two
    undisturbed: 112).
    """
    window, slots = min(head.context_length or _WINDOW, _WINDOW), _SLOTS
    if free_memory is not None:
        room = max(0, free_memory - size) // 2
        if head.cache_bytes_per_token * window * slots > room:
            slots = 1
        while window > _SMALLEST_WINDOW and head.cache_bytes_per_token * window > room:
            window //= 2
    return Plan(
        window=window,
        slots=slots,
        threads=min(max(1, cores - 1), _MOST_THREADS),
        # Not every architecture can: it is on where it was tried (349 MB of memory instead of 521, the same
        # speed).
        small_cache=name == DEFAULT_NAME,
        load_seconds=_LOAD_SECONDS + size / _LOAD_BYTES_A_SECOND,
    )


class ServerProcess:
    """A model file's server. Safe to use from several threads.

    Args:
        model: the file to serve.
        log_folder: where the child's log is kept, readable by its owner alone; it goes when the child ends in
        order.
    """

    def __init__(self, model: Installed, log_folder: Path) -> None:
        self.model = model
        self._log_folder = log_folder
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._log = log_folder / f"server-{os.getpid()}-{secrets.token_hex(3)}.log"
        self._key = ""
        self._deadline = 0.0
        self._endpoint: ModelEndpoint | None = None
        self.plan: Plan | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Start the child, unless it runs, without waiting for it. Raises ModelError."""
        with self._lock:
            self._start()

    def ready(self) -> ModelEndpoint:
        """The endpoint of the child, once it answers: started (again) where need be. Raises ModelError."""
        with self._lock:
            self._start()
            if self._endpoint is None:
                self._endpoint = self._await_address()
            return self._endpoint

    def close(self) -> None:
        """End the child. It has two seconds before it is killed."""
        with self._lock:
            child, self._child, self._endpoint = self._child, None, None
            if child is not None:
                _end(child)
            with suppress(OSError):
                self._log.unlink()

    def _start(self) -> None:
        if self._child is not None and self._child.poll() is None:
            return
        if self._child is not None:
            _end(self._child)
        self._child, self._endpoint = None, None
        if find_spec("xllamacpp") is None:
            raise ModelError(
                "The model on this machine needs xllamacpp, which is not installed.",
                remedy=f"Install it: {LOCAL_EXTRA}",
            )
        try:
            check(self.model)
            head = read_head(self.model.path)
        except NotGgufError as error:
            raise as_models(broken(self.model, str(error))) from error
        except Exception as error:
            raise as_models(error) from error
        self.plan = plan(head, self.model.name, self.model.size, _cores(), _free_memory())
        try:
            self._spawn(self.plan)
        except Exception as error:
            raise as_models(error) from error

    def _spawn(self, chosen: Plan) -> None:
        self._key = secrets.token_urlsafe(32)
        self._deadline = time.monotonic() + chosen.load_seconds
        with writing(self._log_folder.parent):
            _remove_old_logs(self._log_folder)
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("child.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C at the terminal is for the chat alone.
                start_new_session=True,
            )
        finally:
            os.close(log)
        settings = {
            "model": str(self.model.path),
            "alias": self.model.name,
            # Over the pipe: the arguments of a process can be read by everybody.
            "api_key": self._key,
            "n_ctx": chosen.window * chosen.slots,
            "slots": chosen.slots,
            "threads": chosen.threads,
            "small_cache": chosen.small_cache,
            "load_seconds": chosen.load_seconds,
        }
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):  # a child that is gone already is found by who waits for its address
            self._child.stdin.write(f"{json.dumps(settings)}\n".encode())
            self._child.stdin.flush()

    def _await_address(self) -> ModelEndpoint:
        child = self._child
        assert child is not None and child.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                raise self._did_not_start("it was not ready in time")
            piece = os.read(child.stdout.fileno(), 1024)
            if not piece:
                raise self._did_not_start("it ended")
            line += piece
        return ModelEndpoint(
            f"{line.decode('ascii', 'replace').strip()}/v1", self._key, origin="this machine"
        )

    def _did_not_start(self, what: str) -> ModelError:
        child, self._child = self._child, None
        if child is not None:
            _end(child)
        try:
            check_whole(self.model)
        except ConfigError as error:
            return as_models(error)
        tail = _tail(self._log)
        again = "asstream models pull" + (
            f" {self.model.source}" if self.model.source not in ("", "default") else ""
        )
        return ModelError(
            f"The model {self.model.path} did not start: {what}. Its log ends: {tail or '(empty)'}",
            remedy=f"Pull it again if the file may be damaged: {again}",
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    for force in (None, child.terminate, child.kill):
        if force is not None:
            force()
        with suppress(subprocess.TimeoutExpired):
            child.wait(2)
            return


def _tail(log: Path) -> str:
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL))
        return printable(file.read().decode("utf-8", "replace"), _LOG_TAIL)
    return ""


def _remove_old_logs(folder: Path) -> None:
    """Logs of processes that were killed stay behind; a week later nobody asks for them."""
    for path in folder.glob("server-*.log"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD_LOG_SECONDS:
                path.unlink()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _free_memory() -> int | None:
    """Bytes that programs can still have; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None
