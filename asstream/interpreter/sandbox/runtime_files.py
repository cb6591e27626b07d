"""What an interpreter needs to read of the host to start: found from its paths, and as narrow as can be.

A virtual environment may lie in the midst of a project, so not its folder is named but the parts of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_PARTS = ("bin", "lib", "lib64", "share", "pyvenv.cfg")


def runtime_files(command: Iterable[str], covered: Iterable[Path] = ()) -> list[Path]:
    """The files and folders, absolute, that a command of this interpreter reads, outer ones first.

    Args:
        command: its absolute paths are among them: the interpreter, with whatever links lead to it, a script.
        covered: folders that are readable already.
    """
    wanted = [
        root / part
        for prefix in (sys.prefix, sys.base_prefix)
        for root in dict.fromkeys((Path(prefix), Path(prefix).resolve()))
        for part in _PARTS
        if (root / part).exists()
    ]
    wanted += [
        hop for word in command if word.startswith("/") and Path(word).is_file() for hop in _hops(Path(word))
    ]
    found: list[Path] = []
    for path in dict.fromkeys(sorted(wanted, key=lambda path: len(path.parts))):
        if not any(path.is_relative_to(folder) for folder in (*covered, *found)):
            found.append(path)
    return found


def _hops(path: Path) -> Iterator[Path]:
    """A path, and each that it links to."""
    for _ in range(40):  # as far as the kernel goes
        yield path
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
    yield path.resolve()
