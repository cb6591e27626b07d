from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.interpreter.protocol import Limits

SMALL = Limits(seconds=20, memory_mb=512, processes=48, disk_mb=64, files=300, output_kb=64)


@pytest.fixture(scope="package")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelInterpreter]:
    """One interpreter in the machine's own sandbox for all tests; each uses a thread of its own."""
    interpreter = KernelInterpreter(tmp_path_factory.mktemp("kernels"), limits=SMALL)
    yield interpreter
    asyncio.run(interpreter.close())


@pytest.fixture
def short(tmp_path: Path) -> Iterator[KernelInterpreter]:
    """An interpreter whose cells have one second."""
    interpreter = KernelInterpreter(
        tmp_path, limits=Limits(seconds=1, memory_mb=512, processes=48, disk_mb=64, files=300, output_kb=64)
    )
    yield interpreter
    asyncio.run(interpreter.close())


@pytest.fixture
def long_output(tmp_path: Path) -> Iterator[KernelInterpreter]:
    """An interpreter that keeps a mebibyte of output."""
    interpreter = KernelInterpreter(tmp_path, limits=Limits(seconds=60, output_kb=1024))
    yield interpreter
    asyncio.run(interpreter.close())
